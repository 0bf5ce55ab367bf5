"""The outcome of each order: orders and captures in, one row per order with its time and outcome out."""

from datetime import timedelta
from typing import Final, Literal, NamedTuple, get_args

import polars as pl

from om_toolkit.metrics.expressions import OPEN, check_choice, observed_until, with_seen_at
from om_toolkit.metrics.grouping import CURRENCY, Groups
from om_toolkit.metrics.hashes import ORDER_HASH
from om_toolkit.tables.tables import Tables

Event = Literal["first", "full"]
Weight = Literal["orders", "amount"]

OUTCOMES: Final = ("captured", "waiting", "expired", "cancelled", "other")
"""The outcomes of an order; at equal times captures come first."""

_CAPTURED, _WAITING, _EXPIRED, _CANCELLED, _OTHER = map(pl.lit, range(len(OUTCOMES)))

_FINAL_STATUSES: Final = ("CAPTURED", "CANCELLED", "EXPIRED", "CLOSED")
"""The statuses in which nothing more can be captured."""

_CLOCK_SKEW: Final = timedelta(seconds=60)
"""How much earlier than its order a capture can be: automatic captures take no time, by two clocks."""

_ORDER_COLUMNS: Final = (
    "status",
    "order_amount",
    "remaining_authorized_amount",
    "created_at",
    "expires_at",
    "seen_at",
    CURRENCY,
)


class Estimand(NamedTuple):
    """What is estimated.

    Attributes:
        event: The capture that counts: the first one, or the one that completes the order amount.
        weight: What an order counts for: one, or its amount.
        as_of: The instant until which events are visible.
    """

    event: Event
    weight: Weight
    as_of: pl.Expr

    @property
    def is_weighted(self) -> bool:
        """Whether orders count for their amount."""
        return self.weight == "amount"

    def check(self) -> None:
        """Check the event and the weight.

        Raises:
            ValueError: If one of them does not exist.
        """
        check_choice("event", self.event, get_args(Event))
        check_choice("weight", self.weight, get_args(Weight))


def order_ends(tables: Tables[pl.LazyFrame], groups: Groups, estimand: Estimand) -> pl.LazyFrame:
    """Plan the time and the outcome of each order.

    Returns:
        A row per order: the group columns; `end`, microseconds since its creation times the number of outcomes, plus
        its outcome, null if the order is excluded; `amount`; `created_at`; `known_for`, the microseconds since its
        creation for which it is known whether it was captured; the currency.
    """
    as_of, created_at = estimand.as_of, pl.col("created_at")
    event_at = _visible(pl.col("event_at"), as_of)
    until = observed_until(as_of, pl.col("status").is_in(_FINAL_STATUSES) | _is_released())
    waited = _microseconds_between(created_at, pl.coalesce(event_at, until))
    is_excluded = (created_at > as_of) | (event_at < created_at - _CLOCK_SKEW)
    if estimand.event == "full":
        is_excluded |= pl.col("order_amount").is_null()
    if estimand.is_weighted:
        is_excluded |= pl.col("order_amount").is_null() | (pl.col("order_amount") < 0)
    end = waited.clip(lower_bound=0) * len(OUTCOMES) + _outcome(event_at, until, as_of)
    known_until = pl.when(event_at.is_not_null()).then(pl.max_horizontal(as_of, until)).otherwise(until)
    return (
        groups.select(with_seen_at(tables.orders), *_ORDER_COLUMNS, key=ORDER_HASH)
        .join(_capture_times(tables, estimand.event), on="key", how="left")
        .select(
            *groups.keys,
            "created_at",
            CURRENCY,
            end=pl.when(is_excluded).then(None).otherwise(end),
            amount="order_amount",
            known_for=_microseconds_between(created_at, known_until),
        )
    )


def _outcome(event_at: pl.Expr, until: pl.Expr, as_of: pl.Expr) -> pl.Expr:
    """Return the outcome of an order; one that was captured or expired after `as_of` was waiting then."""
    status = pl.col("status")
    is_later = (pl.col("last_captured_at") > as_of) | ((status == "EXPIRED") & (pl.col("expires_at") > until))
    return (
        pl.when(event_at.is_not_null())
        .then(_CAPTURED)
        .when((status.is_in(OPEN) & ~_is_released()) | is_later)
        .then(_WAITING)
        .when(status == "EXPIRED")
        .then(_EXPIRED)
        .when(status == "CANCELLED")
        .then(_CANCELLED)
        .otherwise(_OTHER)
    )


def _is_released() -> pl.Expr:
    """Return whether a part-captured order has nothing that can be captured any more."""
    return (pl.col("status") == "PART_CAPTURED") & pl.col("remaining_authorized_amount").eq_missing(0)


def _capture_times(tables: Tables[pl.LazyFrame], event: Event) -> pl.LazyFrame:
    """Plan the time of the event, `event_at`, and of the last capture, `last_captured_at`, of each order."""
    amount = pl.col("captured_amount")
    captured_at = event_at = pl.col("captured_at")
    captures = (
        tables.captures.drop_nulls(["order_id", "captured_at"])
        .filter(amount.ne_missing(0))
        .select("captured_at", "captured_amount", key=ORDER_HASH)
    )
    if event == "full":
        amounts = tables.orders.select("order_amount", key=ORDER_HASH).unique("key", keep="first")
        captures = captures.join(amounts, on="key")
        so_far = amount.fill_null(0).sort_by("captured_at").cum_sum()
        event_at = captured_at.sort().filter(so_far >= pl.col("order_amount"))
    return captures.group_by("key").agg(event_at=event_at.min(), last_captured_at=captured_at.max())


def _visible(moment: pl.Expr, as_of: pl.Expr) -> pl.Expr:
    """Return a time unless it is later than `as_of`."""
    return pl.when(moment > as_of).then(None).otherwise(moment)


def _microseconds_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    return (end - start).dt.total_microseconds()
