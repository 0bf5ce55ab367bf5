"""What does not add up: the five tables in, one row per finding out.

In sums a missing amount is 0, as in those of the other metrics. Where a row's own amount is missing it is compared with
nothing: `missing_value` tells of it.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

import polars as pl

from om_toolkit.metrics.expressions import OPEN, exactly, instant, written
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.money import EXPONENTS
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.tables.vocabulary import VOCABULARY

_SEVERITIES: Final = ("error", "warning", "info")

_KEYS: Final = ("order_id", "capture_id", CURRENCY)

_NEEDED: Final = {
    "orders": ("status", CURRENCY, "order_amount", "created_at"),
    "captures": ("captured_amount", "captured_at"),
    "refunds": ("refunded_amount", "refunded_at"),
}
"""What a metric leaves something out for, or takes to be 0, when it is missing; `_orders` fills none of it."""

_IDS: Final = {"orders": "order_id", "captures": "capture_id", "refunds": "refund_id"}

_OWNERS: Final = {"order": "order_amount", "capture": "captured_amount", "refund": "refunded_amount"}
"""Whose order lines they can be, and the amount that they should add up to."""

_NONE: Final = pl.lit(None, dtype=pl.Int64)

_ALL: Final = pl.lit(value=True)


class HasFrame(Protocol):
    """What can be turned into a frame, such as Captures."""

    def to_polars(self) -> pl.DataFrame:
        """Return the frame."""


def audit(data: object, *, captures: HasFrame | None = None) -> pl.DataFrame:
    """List what does not add up, contradicts itself, or is left out of a number.

    | rule | severity | a finding is |
    |---|---|---|
    | `captured_amount` | error | an order whose captured amount is not the sum of its captures |
    | `refunded_amount` | error | an order whose refunded amount is not the sum of its refunds |
    | `captures_refunded_amount` | error | or not the sum of what its captures say was refunded of them, if one does |
    | `over_refunded` | error | an order refunded by more than was captured of it |
    | `remaining_amount` | error | an open order whose remaining amount is not its amount less what was captured |
    | `status` | error | an order whose status contradicts its amounts; which one is told |
    | `captures_listed` | error | a capture that only the order or only `captures` has, or with another amount |
    | `capture_before_creation` | error | a capture before its order was created |
    | `duplicate_id` | error | an order, capture or refund id that stands there more than once |
    | `capture_after_expiry` | warning | a capture after the order's authorisation had expired |
    | `overdue` | warning | an open order whose authorisation expired before `as_of`, with what remains of it |
    | `missing_value` | warning | an amount, time, currency or status that the metrics need |
    | `no_shipping_info` | warning | a capture of physical goods that does not say how they were shipped |
    | `order_lines` | warning | an order, capture or refund whose order lines add up to another amount |
    | `line_total` | warning | an order line whose total is not quantity times unit price less discount |
    | `line_tax` | warning | an order line whose tax is more than 1 minor unit off its rate |
    | `unknown_currency` | warning | a currency that ISO 4217 does not know: its amounts stay in minor units |
    | `no_tracking` | info | a capture of physical goods that were shipped without tracking |
    | `released_remainder` | info | an order whose remainder was released after a part of it was captured |
    | `unknown_value` | info | a value beyond the documented ones; a warning if it is a status |
    | `unknown_field` | info | a field beyond the documented ones |

    Unknown currencies, values and fields are one finding each, with the first order that has them; the message counts.
    Unknown fields are told of Orders only: tables do not hold them (`Orders.drift`). Physical are lines of that type
    and those without a type. Of a document without order lines nothing is said. Without an `as_of` nothing is overdue.

    Args:
        data: Orders or Tables.
        captures: What the API lists as the captures of these orders, or of some, to be compared with the captures that
            stand in the orders: `client.captures(ids)`. Of an order that it does not name nothing is compared.

    Returns:
        A row per finding, errors first: `rule`, `severity`, `order_id`, `capture_id`, `purchase_currency` (String),
        `expected`, `actual`, `difference` (Int64, minor units: what follows from the other facts, what the record says,
        and by how much it is above that; null where the rule is about no amount), `message` (String).

    Example:
        >>> import om_toolkit as om
        >>> orders = om.Orders.from_json('{"order_id": "1", "purchase_currency": "SEK", "captured_amount": 5000}')
        >>> audit(orders).filter(rule="captured_amount")["message"].item()
        'The order says 50.00 SEK were captured, its captures add up to 0.00 SEK.'
    """
    tables = tables_of(data)
    findings = [
        _of_orders(tables),
        _of_captures(tables),
        _of_refunds(tables),
        _of_lines(tables),
        *(_sums(tables, source) for source in _OWNERS),
        *_of_values(tables),
        *_drifted(data),
    ]
    if captures is not None:
        findings.append(_listed(tables, captures.to_polars().lazy()))
    rank = pl.col("severity").replace_strict(_SEVERITIES, range(len(_SEVERITIES)), return_dtype=pl.Int8)
    return pl.concat(findings).sort(rank, "rule", *_KEYS, "message", "expected", "actual", nulls_last=True).collect()


class _Rule(NamedTuple):
    """A rule, and what a finding of it says of the row that breaks it."""

    name: str
    severity: str
    is_broken: pl.Expr
    message: pl.Expr
    expected: pl.Expr = _NONE
    actual: pl.Expr = _NONE


def _differing(  # noqa: PLR0913 - the columns of a finding
    name: str, severity: str, message: str, *, expected: pl.Expr, actual: pl.Expr, among: pl.Expr = _ALL
) -> _Rule:
    """Rule that two amounts are the same; the message tells first the actual one, then the expected."""
    told = pl.format(message, written(actual), written(expected))
    return _Rule(name, severity, among & (actual != expected), told, expected, actual)


def _missing(table: str, column: str, *, among: pl.Expr = _ALL) -> _Rule:
    told = pl.lit(f"The {table.removesuffix('s')} has no {column}.")
    return _Rule("missing_value", "warning", among & pl.col(column).is_null(), told)


def _findings(rows: pl.LazyFrame, *rules: _Rule) -> pl.LazyFrame:
    """Plan the findings about some rows, one for each rule that a row breaks.

    All rules are held against a row at once, so that rows which took joins to make are made once.
    """
    broken = pl.concat_list(pl.when(rule.is_broken).then(pl.lit(number, pl.Int8)) for number, rule in enumerate(rules))
    found = (
        rows.filter(pl.any_horizontal(rule.is_broken for rule in rules))
        .with_columns(broken=broken.list.drop_nulls())
        .explode("broken")
    )
    return pl.concat(
        found.filter(broken=number).select(
            pl.lit(rule.name).alias("rule"),
            pl.lit(rule.severity).alias("severity"),
            *_KEYS,
            rule.expected.cast(pl.Int64).alias("expected"),
            rule.actual.cast(pl.Int64).alias("actual"),
            (rule.actual - rule.expected).cast(pl.Int64).alias("difference"),
            rule.message.alias("message"),
        )
        for number, rule in enumerate(rules)
    )


# ---- Orders ----


def _of_orders(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the findings about what an order says, by itself and beside its captures and refunds."""
    ordered, captured, refunded = pl.col("order_amount"), pl.col("captured_amount"), pl.col("refunded_amount")
    remaining, status, expires_at = pl.col("remaining_authorized_amount"), pl.col("status"), pl.col("expires_at")
    is_open = status.is_in(OPEN) & ~_is_released()
    is_overdue = is_open & (remaining.fill_null(0) > 0) & (expires_at < instant(None, tables))
    day = expires_at.dt.strftime("%Y-%m-%d")
    contradiction = _contradiction()
    return _findings(
        _orders(tables),
        _differing(
            "captured_amount",
            "error",
            "The order says {} were captured, its captures add up to {}.",
            expected=pl.col("of_captures"),
            actual=captured,
        ),
        _differing(
            "refunded_amount",
            "error",
            "The order says {} were refunded, its refunds add up to {}.",
            expected=pl.col("of_refunds"),
            actual=refunded,
        ),
        _differing(
            "captures_refunded_amount",
            "error",
            "The order says {} were refunded, its captures say {}.",
            expected=pl.col("refunded_of_captures"),
            actual=refunded,
        ),
        _differing(
            "over_refunded",
            "error",
            "{} were refunded, but only {} captured.",
            expected=captured,
            actual=refunded,
            among=refunded > captured,
        ),
        _differing(
            "remaining_amount",
            "error",
            "The order says {} remain to be captured; its amount less what was captured leaves {}.",
            expected=ordered - captured,
            actual=remaining,
            among=is_open,
        ),
        _Rule("status", "error", contradiction.is_not_null(), contradiction),
        _Rule(
            "overdue",
            "warning",
            is_overdue,
            pl.format("The authorisation expired on {}, and {} are still to be captured.", day, written(remaining)),
            actual=remaining,
        ),
        _differing(
            "released_remainder",
            "info",
            "{} were captured of {}; the rest was released.",
            expected=ordered,
            actual=captured,
            among=_is_released(),
        ),
        *(_missing("orders", column) for column in _NEEDED["orders"]),
        _missing("orders", "expires_at", among=status == "EXPIRED"),
    )


def _orders(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the orders with what their captures and refunds add up to, and 0 for an amount they do not tell."""
    captures = tables.captures.group_by("order_id").agg(
        of_captures=pl.col("captured_amount").sum(),
        refunded_of_captures=pl.when(pl.col("refunded_amount").is_not_null().any()).then(
            pl.col("refunded_amount").sum()
        ),
    )
    refunds = tables.refunds.group_by("order_id").agg(of_refunds=pl.col("refunded_amount").sum())
    return (
        tables.orders.with_columns(
            pl.col("captured_amount", "refunded_amount").fill_null(0), capture_id=pl.lit(None, dtype=pl.String)
        )
        .join(captures, on="order_id", how="left")
        .join(refunds, on="order_id", how="left")
        .with_columns(pl.col("of_captures", "of_refunds").fill_null(0))
    )


def _is_released() -> pl.Expr:
    """Tell whether nothing remains to be captured of an order that was captured in part.

    One that is over has nothing left, told or not; of one that is not, an unknown remainder may be there.
    """
    captured, remaining, status = pl.col("captured_amount"), pl.col("remaining_authorized_amount"), pl.col("status")
    is_over = status.is_in(["CAPTURED", "CLOSED"]) & (remaining.fill_null(0) == 0)
    is_left = (status == "PART_CAPTURED") & remaining.eq_missing(0)
    return (is_over | is_left) & (captured > 0) & (captured < pl.col("order_amount"))


def _contradiction() -> pl.Expr:
    """Say how the status of an order contradicts its amounts; null if it does not."""
    status, ordered, captured = pl.col("status"), pl.col("order_amount"), pl.col("captured_amount")
    remaining = pl.col("remaining_authorized_amount")
    is_full = (captured >= ordered) & (ordered > 0)
    cases = (
        (status.is_in(["AUTHORIZED", "CANCELLED"]) & (captured > 0), "{} were captured", captured),
        ((status == "PART_CAPTURED") & is_full, "all of {} was captured", ordered),
        ((status == "PART_CAPTURED") & (captured == 0), "{} were captured", captured),
        ((status == "CAPTURED") & (captured == 0) & (ordered > 0), "{} were captured", captured),
        ((status == "EXPIRED") & is_full, "all of {} was captured", ordered),
        (status.is_in(["CAPTURED", "CANCELLED"]) & (remaining > 0), "{} remain to be captured", remaining),
    )
    return pl.coalesce(
        pl.when(holds).then(pl.format("The status is {}, but " + fact + ".", status, written(amount)))
        for holds, fact, amount in cases
    )


# ---- Captures and refunds ----


def _of_captures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the findings about captures: what they lack, when they were made, how they were shipped."""
    captured_at, created_at, expires_at = pl.col("captured_at"), pl.col("created_at"), pl.col("expires_at")
    return _findings(
        _captures(tables),
        _Rule(
            "capture_before_creation",
            "error",
            captured_at < created_at,
            pl.format("Captured {}, before the order was created {}.", _told(captured_at), _told(created_at)),
        ),
        _Rule(
            "capture_after_expiry",
            "warning",
            captured_at > expires_at,
            pl.format("Captured {}, after the authorisation expired {}.", _told(captured_at), _told(expires_at)),
        ),
        _Rule(
            "no_shipping_info",
            "warning",
            pl.col("is_physical") & pl.col("is_tracked").is_null(),
            pl.lit("Physical goods were captured without a word on how they were shipped."),
        ),
        _Rule(
            "no_tracking",
            "info",
            pl.col("is_physical") & ~pl.col("is_tracked"),
            pl.lit("Physical goods were shipped without tracking."),
        ),
        *(_missing("captures", column) for column in _NEEDED["captures"]),
    )


def _captures(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the captures with their order's times, whether they have physical goods, and whether those are tracked."""
    key = ["order_id", "capture_id"]
    kind = pl.col("type")
    of_captures = pl.col("source") == "capture"
    goods = (
        tables.order_lines.filter(of_captures)
        .group_by(key)
        .agg(is_physical=(kind.eq_missing("physical") | kind.is_null()).any())
    )
    shipped = tables.shipments.filter(of_captures).group_by(key).agg(is_tracked=pl.col("has_tracking").any())
    times = tables.orders.select("order_id", "created_at", "expires_at").unique("order_id", keep="first")
    return (
        tables.captures.join(times, on="order_id", how="left")
        .join(goods, on=key, how="left", nulls_equal=True)
        .join(shipped, on=key, how="left", nulls_equal=True)
    )


def _of_refunds(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the findings about refunds by themselves."""
    return _findings(_with_keys(tables.refunds), *(_missing("refunds", column) for column in _NEEDED["refunds"]))


def _listed(tables: Tables[pl.LazyFrame], listed: pl.LazyFrame) -> pl.LazyFrame:
    """Plan the captures that differ between the orders and the list of their captures."""
    key = ["order_id", "capture_id"]
    listed = listed.join(tables.orders, on="order_id", how="semi")
    embedded = tables.captures.join(listed, on="order_id", how="semi")
    both = embedded.select(*key, CURRENCY, actual="captured_amount", is_embedded=True).join(
        listed.select(*key, expected="captured_amount", is_listed=True),
        on=key,
        how="full",
        coalesce=True,
        nulls_equal=True,
    )
    expected, actual = pl.col("expected"), pl.col("actual")
    why = (
        pl.when(pl.col("is_embedded").is_null())
        .then(pl.lit("The list of captures has this capture, its order has not."))
        .when(pl.col("is_listed").is_null())
        .then(pl.lit("The order has this capture, the list of captures has not."))
        .when(expected.ne_missing(actual))
        .then(pl.lit("The order and the list of captures tell different amounts of this capture."))
    )
    return _findings(both, _Rule("captures_listed", "error", why.is_not_null(), why, expected, actual))


def _told(moment: pl.Expr) -> pl.Expr:
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S UTC")


# ---- Order lines ----


def _of_lines(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the findings about order lines, each by itself."""
    total, rate = pl.col("total_amount"), pl.col("tax_rate")
    expected = pl.col("quantity") * pl.col("unit_price") - pl.col("total_discount_amount").fill_null(0)
    tax = pl.col("total_tax_amount")
    expected_tax = (total * rate / (10_000 + rate)).round().cast(pl.Int64)
    place = pl.format("Line {} of the {}: ", pl.col("line") + 1, "source")
    said = pl.format(
        "the total is {}, but quantity times unit price less discount is {}.", written(total), written(expected)
    )
    percent = exactly(rate, 100).cast(pl.String)
    of_tax = pl.format(
        "the tax is {}, but {} % in {} are {}.", written(tax), percent, written(total), written(expected_tax)
    )
    return _findings(
        tables.order_lines,
        _Rule("line_total", "warning", total != expected, pl.concat_str(place, said), expected, total),
        _Rule("line_tax", "warning", (tax - expected_tax).abs() > 1, pl.concat_str(place, of_tax), expected_tax, tax),
    )


def _sums(tables: Tables[pl.LazyFrame], source: str) -> pl.LazyFrame:
    """Plan the documents of one source whose lines add up to another amount."""
    key = list(dict.fromkeys(("order_id", _IDS[f"{source}s"])))
    owners: pl.LazyFrame = getattr(tables, f"{source}s")
    sums = (
        tables.order_lines.filter(pl.col("source") == source).group_by(key).agg(of_lines=pl.col("total_amount").sum())
    )
    return _findings(
        _with_keys(owners.join(sums, on=key, nulls_equal=True)),
        _differing(
            "order_lines",
            "warning",
            f"The {source} is of {{}}, its order lines add up to {{}}.",
            expected=pl.col("of_lines"),
            actual=pl.col(_OWNERS[source]),
        ),
    )


def _with_keys(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Add the capture id that rows other than a capture's lack."""
    if "capture_id" in rows.collect_schema():
        return rows
    return rows.with_columns(capture_id=pl.lit(None, dtype=pl.String))


# ---- Ids and unknown values ----


def _of_values(tables: Tables[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Plan the findings about single values."""
    known = pl.col(CURRENCY).is_in(list(EXPONENTS))
    return [
        *(_repeated(getattr(tables, name), column) for name, column in _IDS.items()),
        _unknown(
            tables.orders.filter(~known),
            CURRENCY,
            "unknown_currency",
            "warning",
            "ISO 4217 does not know the currency {}: its amounts are shown in minor units. Orders: {}.",
        ),
        *(
            _unknown(
                getattr(tables, table).filter(~pl.col(column).is_in(sorted(values))),
                column,
                "unknown_value",
                "warning" if column == "status" else "info",
                f"{column} {{}} is not in the documentation. Times seen: {{}}.",
            )
            for (table, column), values in VOCABULARY.items()
        ),
    ]


def _repeated(rows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    """Plan the ids that several rows bear; few do, and only those rows are looked at again."""
    times = rows.drop_nulls(column).group_by(column).agg(times=pl.len()).filter(pl.col("times") > 1)
    repeated = rows.join(times, on=column).group_by(column).agg(*_first(column), pl.col("times").first())
    told = pl.format(f"{column} {{}} stands there {{}} times.", column, "times")
    return _findings(_with_keys(repeated), _Rule("duplicate_id", "error", _ALL, told))


def _unknown(rows: pl.LazyFrame, column: str, rule: str, severity: str, message: str) -> pl.LazyFrame:
    """Plan the values that are not known, each once."""
    values = rows.group_by(column).agg(*_first(column), times=pl.len())
    return _findings(_with_keys(values), _Rule(rule, severity, _ALL, pl.format(message, column, "times")))


def _first(*without: str) -> list[pl.Expr]:
    """Aggregate the keys of a group to those of the row whose order id is the first."""
    return [
        pl.col(name).sort_by("order_id", CURRENCY, nulls_last=True).first()
        for name in ("order_id", CURRENCY)
        if name not in without
    ]


def _drifted(data: object) -> list[pl.LazyFrame]:
    """Plan the unknown fields of Orders; tables do not tell them."""
    drift: pl.DataFrame | None = getattr(data, "drift", None)
    if drift is None:
        return []
    fields = drift.lazy().filter(pl.col("kind") == "field").with_columns(pl.lit(None, dtype=pl.String).alias(CURRENCY))
    told = pl.format("The field {} is not in the documentation. Times seen: {}.", "path", "count")
    return [_findings(_with_keys(fields), _Rule("unknown_field", "info", _ALL, told))]
