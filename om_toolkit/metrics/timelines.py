"""One order's events: an order, and the changes seen by an archive, in; a row per event in time order out."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import polars as pl

from om_toolkit.metrics.expressions import effective_as_of
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.tables.from_objects import OrderDocument, TablesBuilder
from om_toolkit.tables.tables import Tables, tables_of

_EVENTS: Final = ("created", "captured", "refunded", "changed", "expires")
"""The events; at equal times they come in this order."""

_EVENT: Final = pl.col("event")

_COLUMNS_OF_CHANGES: Final = ("order_id", "field", "before", "after", "last_seen_before", "first_seen_after")


def timeline(
    order: object, *, changes: pl.DataFrame | pl.LazyFrame | None = None, as_of: datetime | None = None
) -> pl.DataFrame:
    """List the events of one order in the sequence in which they happened.

    The API has the times of creation, captures, refunds and expiry, but not those of a cancellation, an extension or a
    changed amount: these are among the changes that an archive has observed.

    Args:
        order: An Order, or Orders or Tables with one order.
        changes: The frame of `archive.changes()`; changes of other orders are left out.
        as_of: The instant that counts, by default that of the data; an Order has none. Captures, refunds and changes
            after it are left out. A naive time is in UTC.

    Returns:
        A row per event, sorted by `at_latest`; events without a time are last:

        | column | type | meaning |
        |---|---|---|
        | `purchase_currency` | String | that of the order |
        | `at`, `at_latest` | Datetime | UTC; equal, except that a change happened between the two |
        | `event` | String | `created`, `captured`, `refunded`, `changed` or `expires` |
        | `amount` | Int64 | minor units; of `created` the order amount, of `expires` what remains then |
        | `running_captured`, `running_refunded` | Int64 | minor units up to this row, null after a missing amount |
        | `remaining` | Int64 | the order amount as it is now, less `running_captured` |
        | `detail` | String | merchant's reference; capture or refund id; `field: before → after`; `past` or `to come` |

    Raises:
        TypeError: If `order` or `changes` is something else.
        ValueError: If there is not exactly one order, or `changes` does not have the columns of `archive.changes()`.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> order = next(order for order in orders if order.merchant_reference1 == "100078")
        >>> timeline(order).select("event", "amount", "remaining").rows()
        [('created', 195800, 195800), ('captured', 195800, 0), ('expires', 0, 0), ('refunded', 195800, 0)]
    """
    tables = _tables_of_order(order).map(_with_lower_case_ids, is_conformed=True)
    now = effective_as_of(as_of, tables)
    events = [*_documented(tables, now), *([] if changes is None else [_observed(changes)])]
    is_later = _EVENT.is_in(["captured", "refunded", "changed"]) & (pl.col("at_latest") > now)
    plan = (
        pl.concat(events)
        .join(tables.orders, on="order_id", how="semi", nulls_equal=True)
        .filter(~is_later.fill_null(value=False))
        .sort("at_latest", _EVENT.cast(pl.Enum(_EVENTS)), "position", "detail", nulls_last=True)
    )
    found = tables.run(_with_running_sums(plan))
    number = found.height and (1 if found["event"][0] else found["amount"][0])
    if number != 1:
        raise ValueError(f"a timeline is that of 1 order, not of {number} orders; pass one, such as orders[0]")
    return found


def _tables_of_order(order: object) -> Tables[pl.LazyFrame]:
    if not isinstance(order, OrderDocument):
        return tables_of(order)
    frames = TablesBuilder().add([order]).frames()
    return Tables[pl.DataFrame](**frames, as_of=None, is_conformed=True).lazy()


def _with_lower_case_ids(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(pl.col("order_id").str.to_lowercase())


def _documented(tables: Tables[pl.LazyFrame], now: pl.Expr) -> Iterator[pl.LazyFrame]:
    """Plan the events that the order itself has; an order that is there twice counts once."""
    order_id = pl.col("order_id")
    orders = tables.orders.filter(order_id.is_first_distinct() | order_id.is_null())
    expires_at = pl.col("expires_at")
    when = pl.when(expires_at <= now).then(pl.lit("past")).when(expires_at > now).then(pl.lit("to come"))
    captures = tables.captures.unique(["order_id", "capture"], keep="first", maintain_order=True)
    refunds = tables.refunds.unique(["order_id", "refund"], keep="first", maintain_order=True)
    columns = {"at": "created_at", "amount": "order_amount", "detail": "merchant_reference1", CURRENCY: CURRENCY}
    yield _events(orders, "created", **columns)
    yield _events(orders.drop_nulls("expires_at"), "expires", at="expires_at", detail=when)
    columns = {"at": "captured_at", "amount": "captured_amount", "position": "capture", "detail": "capture_id"}
    yield _events(captures, "captured", **columns)
    columns = {"at": "refunded_at", "amount": "refunded_amount", "position": "refund", "detail": "refund_id"}
    yield _events(refunds, "refunded", **columns)


def _observed(changes: Any) -> pl.LazyFrame:  # noqa: ANN401 - what a user passes
    """Plan the changes that an archive has observed.

    Raises:
        TypeError: If it is no polars frame.
        ValueError: If a column is missing.
    """
    if not isinstance(changes, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"changes is {changes!r:.80}, not a polars frame; pass archive.changes()")
    missing = [name for name in _COLUMNS_OF_CHANGES if name not in changes.collect_schema()]
    if missing:
        raise ValueError(f"changes has no column {missing[0]!r}; pass archive.changes()")
    before, after = (pl.col(name).fill_null("(missing)") for name in ("before", "after"))
    return _events(
        _with_lower_case_ids(changes.lazy()),
        "changed",
        at="last_seen_before",
        at_latest="first_seen_after",
        detail=pl.format("{}: {} → {}", "field", before, after),
    )


def _events(rows: pl.LazyFrame, event: str, **columns: str | pl.Expr) -> pl.LazyFrame:
    """Plan rows as events; a column that is not given is null, and `at_latest` is `at`."""
    nothing = pl.lit(None, dtype=pl.Int64)
    no_currency = pl.lit(None, dtype=pl.String)
    values = {"amount": nothing, "position": nothing, CURRENCY: no_currency, "at_latest": columns["at"], **columns}
    names = ("at", "at_latest", "amount", "position", "detail", CURRENCY)
    return rows.select("order_id", pl.lit(event).alias("event"), **{name: values[name] for name in names})


def _with_running_sums(events: pl.LazyFrame) -> pl.LazyFrame:
    """Plan the columns of the result.

    The number of orders is known when the only query has run: of several orders, it leaves one row without an event,
    whose amount is that number.
    """
    is_created = _EVENT == "created"
    orders = is_created.sum().cast(pl.Int64)
    captured = _running_sum("captured")
    remaining = pl.col("amount").filter(is_created).first() - captured
    amount = pl.when(_EVENT == "expires").then(remaining).otherwise("amount")
    return events.select(
        pl.col(CURRENCY).filter(is_created).first(),
        "at",
        "at_latest",
        event=pl.when(orders == 1).then(_EVENT),
        amount=pl.when(orders == 1).then(amount).otherwise(orders),
        running_captured=captured,
        running_refunded=_running_sum("refunded"),
        remaining=remaining,
        detail="detail",
    ).filter(_EVENT.is_not_null() | (pl.int_range(pl.len()) == 0))


def _running_sum(event: str) -> pl.Expr:
    """Return the sum of the amounts of an event so far; null once one is missing."""
    amount = pl.when(_EVENT.eq(event)).then("amount").otherwise(pl.lit(0, dtype=pl.Int64))
    return pl.when(amount.is_null().cum_sum() == 0).then(amount.cum_sum())
