"""The audit: the five tables in, one row per contradiction, missing value or unknown value out.

This module plans the rows that are checked; `audit_rules.py` has the rules. A comparison with a missing amount, or with
a sum of which one part is missing, is not made; `missing_value` reports it.
"""

from collections.abc import Iterable
from typing import Final, Protocol

import polars as pl

from om_toolkit.metrics.audit_rules import FINDING_KEYS, RULES, SEVERITIES, findings
from om_toolkit.metrics.expressions import (
    CAPTURE_KEY,
    CAPTURE_POSITION,
    effective_as_of,
    known_sum,
    with_seen_at,
)
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.metrics.shipped import shipped_uncaptured_orders
from om_toolkit.money import EXPONENTS
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.tables.vocabulary import VOCABULARY

_ID_COLUMNS: Final = {"orders": "order_id", "captures": "capture_id", "refunds": "refund_id"}

_NO_CAPTURE: Final = pl.lit(None, dtype=pl.String).alias("capture_id")


class HasFrame(Protocol):
    """An object with a frame, such as `Captures`."""

    def to_polars(self) -> pl.DataFrame:
        """Return the frame."""


def audit(data: object, *, captures: HasFrame | None = None) -> pl.DataFrame:
    """List what does not add up, contradicts itself, or is left out of a number.

    | rule | severity | a finding is |
    |---|---|---|
    | `captured_amount` | error | an order whose captured amount is not the sum of its captures |
    | `refunded_amount` | error | an order whose refunded amount is not the sum of its refunds |
    | `captures_refunded_amount` | error | the same with the refunded amounts of its captures |
    | `over_refunded` | error | an order or a capture with more refunded than captured |
    | `over_captured` | error | an order with more captured than ordered |
    | `remaining_amount` | error | an open order whose remaining amount is not ordered less captured |
    | `negative_amount` | error | a negative amount of an order, capture or refund |
    | `status` | error | an order whose status contradicts its amounts |
    | `shipped_uncaptured` | error | an order that was shipped and never captured, see `shipped_uncaptured` |
    | `captures_listed` | error | a capture that is missing in the order or in `captures`, or differs in its amount |
    | `capture_before_creation` | error | a capture more than 60 s before its order was created |
    | `refund_before_capture` | error | a refund before the first capture of its order, or without any |
    | `after_seen_at` | error | an order, capture or refund made more than 60 s after the order was fetched |
    | `expired_early` | error | an EXPIRED order whose authorisation expires after it was fetched, if that is known |
    | `duplicate_id` | error | an order, capture or refund id that occurs more than once |
    | `capture_after_expiry` | warning | a capture after the order's authorisation expired |
    | `overdue` | warning | an open order whose authorisation expired before `as_of`, with its remaining amount |
    | `missing_value` | warning | an id, amount, time, currency or status that the metrics need |
    | `no_shipping_info` | warning | a capture of physical goods in an order without shipping information |
    | `order_lines` | warning | an order, capture or refund whose order lines add up to another amount |
    | `line_total` | warning | an order line whose total is not quantity times unit price less discount |
    | `line_tax` | warning | an order line whose tax differs by more than 1 minor unit from its tax rate |
    | `unknown_currency` | warning | a currency that is not in ISO 4217: its amounts stay in minor units |
    | `no_tracking` | info | a capture of physical goods in an order that was shipped without tracking |
    | `zero_capture` | info | a capture of amount 0, which the metrics ignore |
    | `released_remainder` | info | an order whose remainder was released after a part was captured |
    | `unknown_value` | info | a value that is not in the documentation; a warning if it is a status |
    | `unknown_field` | info | a field that is not in the documentation |

    A comparison with a missing amount is not made: `missing_value` reports it once, and nothing follows from it.
    Each unknown currency, value and field is one finding, with the first order that has it; the message has the number
    of occurrences. Unknown fields are found in `Orders` only, because tables do not have them (`Orders.drift`).
    Physical goods are order lines with the type `physical` or without a type. The order lines of a document are checked
    only if it has some. Without an `as_of` no order is overdue.

    Args:
        data: Orders or Tables.
        captures: The captures that the API lists for these orders, `client.captures(ids)`. They are compared with the
            captures in the orders; an order without any of them is not compared. A repeated id is one capture, with the
            sum of its amounts; a missing id is equal to no other one.

    Returns:
        A row per finding, errors first: `rule`, `severity`, `order_id`, `capture_id`, `purchase_currency` (String),
        `expected` (what follows from other facts), `actual` (what the record says), `difference` (`actual` less
        `expected`; all three Int64, minor units, null if the rule is not about an amount), `message` (String).

    Example:
        >>> import om_toolkit as om
        >>> orders = om.Orders.from_json('{"order_id": "1", "purchase_currency": "SEK", "captured_amount": 5000}')
        >>> audit(orders).filter(rule="captured_amount")["message"].item()
        "The order's captured amount is 50.00 SEK; its captures add up to 0.00 SEK."
    """
    tables = tables_of(data)
    rows = {
        "orders": _order_rows(tables),
        "captures": _capture_rows(tables),
        "refunds": _refund_rows(tables),
        "order_lines": _line_rows(tables),
        "repeated_ids": pl.concat(_repeated(getattr(tables, name), column) for name, column in _ID_COLUMNS.items()),
        "unknown_values": pl.concat(_unknown_values(tables)),
        "shipped_uncaptured": _shipped_uncaptured(tables),
    }
    drift: pl.DataFrame | None = getattr(data, "drift", None)
    if drift is not None:
        rows["unknown_fields"] = _unknown_fields(drift)
    if captures is not None:
        rows["listed_captures"] = _listed_captures(tables, captures.to_polars().lazy())
    found = pl.concat(findings(of_rule, RULES[name]) for name, of_rule in rows.items())
    rank = pl.col("severity").replace_strict(SEVERITIES, range(len(SEVERITIES)), return_dtype=pl.Int8)
    ordered = found.sort(rank, "rule", *FINDING_KEYS, "message", "expected", "actual", nulls_last=True)
    return tables.run(ordered)


def _order_rows(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the orders with the sums of their captures, refunds and order lines."""
    captures = tables.captures.group_by("order_id").agg(
        captures_amount=known_sum("captured_amount"),
        captures_refunded_amount=known_sum("refunded_amount"),
        has_captures=pl.lit(value=True),
    )
    refunds = tables.refunds.group_by("order_id").agg(
        refunds_amount=known_sum("refunded_amount"), has_refunds=pl.lit(value=True)
    )
    lines = _lines_from(tables, "order").group_by("order_id").agg(lines_amount=known_sum("total_amount"))
    remaining, ordered = pl.col("remaining_authorized_amount"), pl.col("order_amount") - pl.col("captured_amount")
    as_of = effective_as_of(None, tables)
    return (
        with_seen_at(tables.orders)
        .join(captures, on="order_id", how="left")
        .join(refunds, on="order_id", how="left")
        .join(lines, on="order_id", how="left", nulls_equal=True)
        .with_columns(
            _NO_CAPTURE,
            captures_amount=pl.when("has_captures").then("captures_amount").otherwise(0),
            refunds_amount=pl.when("has_refunds").then("refunds_amount").otherwise(0),
            uncaptured_amount=ordered,
            left_amount=pl.coalesce(remaining, ordered),
            as_of=as_of,
            fetched_at=pl.col("seen_at") if tables.as_of_is_inferred else pl.coalesce("seen_at", as_of),
        )
    )


def _capture_rows(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the captures with the times of their order, the sum of their order lines and the shipping of their order."""
    kind = pl.col("type")
    goods = (
        _lines_from(tables, "capture")
        .group_by(CAPTURE_POSITION)
        .agg(lines_amount=known_sum("total_amount"), is_physical=(kind.eq_missing("physical") | kind.is_null()).any())
    )
    tracking = tables.shipments.group_by("order_id").agg(is_tracked=pl.col("has_tracking").any())
    return (
        tables.captures.join(_order_times(tables), on="order_id", how="left")
        .join(goods, on=CAPTURE_POSITION, how="left")
        .join(tracking, on="order_id", how="left")
    )


def _refund_rows(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the refunds with the sum of their order lines, and the first capture of their order."""
    key = ("order_id", "refund")
    lines = _lines_from(tables, "refund").group_by(key).agg(lines_amount=known_sum("total_amount"))
    captured_at = pl.col("captured_at")
    captures = tables.captures.filter(pl.col("captured_amount").ne_missing(0)).group_by("order_id")
    first = captures.agg(
        first_captured_at=pl.when(captured_at.is_not_null().all()).then(captured_at.min()),
        has_captures=pl.lit(value=True),
    )
    return (
        tables.refunds.join(lines, on=key, how="left")
        .join(_order_times(tables), on="order_id", how="left")
        .join(first, on="order_id", how="left")
        .with_columns(_NO_CAPTURE)
    )


def _order_times(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    times = ("created_at", "expires_at", "seen_at")
    return with_seen_at(tables.orders).select("order_id", *times).unique("order_id", keep="first")


def _shipped_uncaptured(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    orders = shipped_uncaptured_orders(tables, effective_as_of(None, tables))
    return orders.with_columns(_NO_CAPTURE, nothing_amount=pl.lit(0, dtype=pl.Int64))


def _line_rows(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the order lines with the total and the tax that follow from their other values."""
    total, rate = pl.col("total_amount"), pl.col("tax_rate")
    price = pl.col("quantity") * pl.col("unit_price")
    return tables.order_lines.with_columns(
        line_number=pl.col("line") + 1,
        expected_total_amount=price - pl.col("total_discount_amount").fill_null(0),
        expected_tax_amount=(total * rate / (10_000 + rate)).round().cast(pl.Int64),
    )


def _lines_from(tables: Tables[pl.LazyFrame], source: str) -> pl.LazyFrame:
    return tables.order_lines.filter(pl.col("source") == source)


def _repeated(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Plan the ids that occur more than once; few do, and only their rows are sorted."""
    times = rows.drop_nulls(column).group_by(column).agg(times=pl.len()).filter(pl.col("times") > 1)
    repeated = _occurrences(rows.join(times, on=column, how="semi"), column)
    return repeated.with_columns(capture_id="value") if column == "capture_id" else repeated


def _unknown_values(tables: Tables[pl.LazyFrame]) -> Iterable[pl.LazyFrame]:
    """Plan the values that are not in the documentation."""
    for (table, column), known in {("orders", CURRENCY): EXPONENTS, **VOCABULARY}.items():
        rows: pl.LazyFrame = getattr(tables, table)
        yield _occurrences(rows.filter(~pl.col(column).is_in(sorted(known))), column)


def _occurrences(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Plan each value of a column, with the number of its rows and the first order that has it."""
    in_order = [pl.col(name).sort_by("order_id", CURRENCY, nulls_last=True).first() for name in ("order_id", CURRENCY)]
    return (
        rows.group_by(value=column)
        .agg(*in_order, times=pl.len().cast(pl.Int64))
        .with_columns(_NO_CAPTURE, column=pl.lit(column))
    )


def _unknown_fields(drift: pl.DataFrame) -> pl.LazyFrame:
    """Plan the fields of `Orders.drift`."""
    fields = drift.lazy().filter(pl.col("kind") == "field")
    no_currency = pl.lit(None, dtype=pl.String).alias(CURRENCY)
    return fields.select("order_id", no_currency, _NO_CAPTURE, column="kind", value="path", times="count")


def _listed_captures(tables: Tables[pl.LazyFrame], listed: pl.LazyFrame) -> pl.LazyFrame:
    """Plan the captures in the orders joined with those in the list, for orders that have captures in the list.

    A repeated id is one capture, with the sum of its amounts. A missing id is equal to no other one: `missing_value`
    reports the captures without an id in the orders, and each of those in the list is a row here.
    """
    listed = listed.join(tables.orders, on="order_id", how="semi")
    embedded = tables.captures.join(listed, on="order_id", how="semi")
    left, right = (
        rows.drop_nulls("capture_id")
        .group_by(CAPTURE_KEY)
        .agg(known_sum("captured_amount").alias(amount), pl.lit(value=True).alias(mark))
        for rows, amount, mark in (
            (embedded, "embedded_amount", "is_embedded"),
            (listed, "listed_amount", "is_listed"),
        )
    )
    without_id = listed.filter(pl.col("capture_id").is_null())
    both = left.join(right, on=CAPTURE_KEY, how="full", coalesce=True)
    rows = pl.concat([both, without_id.select(*CAPTURE_KEY, listed_amount="captured_amount")], how="diagonal")
    currencies = tables.orders.select("order_id", CURRENCY).unique("order_id", keep="first")
    return rows.join(currencies, on="order_id", how="left")
