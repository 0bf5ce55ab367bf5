"""Shipping: captures, shipments and order lines in, counts and shares of methods and carriers out.

Shipments are aggregated per capture before they are joined with its amount, so that no amount is counted twice.
"""

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import CAPTURE_KEY, check_choice, total
from om_toolkit.metrics.grouping import By, groups_of, has_currency
from om_toolkit.metrics.intervals import count_ratio, ratio
from om_toolkit.tables.tables import Tables, tables_of

Grain = Literal["capture", "shipment", "order"]
Source = Literal["shipped", "chosen"]

_ABSENT_LABELS: Final = ("(missing)", "(unknown)", "(digital)")
"""The labels of items without a method; an order gets the first of those of its captures."""

_MISSING, _UNKNOWN, _DIGITAL = map(pl.lit, _ABSENT_LABELS)

_ONE_ITEM: Final = pl.lit(1, dtype=pl.Int64)

_METHODS: Final = (pl.col("low").min(), pl.col("high").max(), pl.col("has_tracking").any())
"""The methods and the tracking of several shipments."""

_CHOSEN_METHOD: Final = "selected_shipping_option_method"

_MONEY_LINES: Final = ("discount", "sales_tax", "store_credit", "gift_card", "surcharge", "return_fee")
"""Types of order lines that are not goods."""


def shipping_methods(
    data: object, *, by: By = (), grain: Grain = "capture", source: Source = "shipped"
) -> pl.DataFrame:
    """Count captures, shipments or orders by shipping method.

    A capture with several different methods is `(mixed)`. A capture without a method is `(missing)`; if it has no
    shipping info at all, it is `(unknown)` without order lines and `(digital)` with digital order lines only, where
    lines that are not goods, such as discounts, are left out. `Undefined` and `Digital` are ordinary methods. Spellings
    that differ only in case or blanks are one method, shown in its most common spelling (of equally common ones, the
    alphabetically first).

    An order (`grain="order"`) combines all its captures; without a method it has the first of `(missing)`, `(unknown)`,
    `(digital)` that one of its captures has. Orders without captures count with `source="chosen"` only.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` (each shipping_info entry of a capture) or `order`.
        source: `shipped` (`captures[].shipping_info`), or `chosen` (`selected_shipping_option.method`), which requires
            `grain="order"`.

    Returns:
        A row per group and method, the most frequent first:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `shipping_method` | String | |
        | `count` | Int64 | |
        | `share` | Float64 | `count` over that of the group |
        | `with_tracking` | Int64 | those with a tracked shipment |
        | `tracking_share` | Float64 | `with_tracking` over `count` |
        | `share_low`, `share_high` | Float64 | 95 % interval of `share` (Wilson 1927) |
        | `captured_amount` | Int64 | minor units; with `purchase_currency` in `by`, not for shipments |
        | `amount_share` | Float64 | `captured_amount` over that of the group; the same condition |

    Raises:
        ValueError: If a column of `by`, the grain or the source does not exist, or `chosen` is combined with another
            grain than `order`.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> shipping_methods(orders).select("shipping_method", "count", "with_tracking").row(0)
        ('Home', 90, 83)
    """
    tables = tables_of(data)
    return tables.run(shipping_plan(tables, by, grain, source, "shipping_method"))


def carriers(data: object, *, by: By = (), grain: Grain = "capture") -> pl.DataFrame:
    """Count captures, shipments or orders by carrier.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` or `order`.

    Returns:
        The columns of `shipping_methods`, with `shipping_company` (String) instead of the method.

    Raises:
        ValueError: If a column of `by` or the grain does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> carriers(orders, by="purchase_country").select("purchase_country", "shipping_company", "count").row(0)
        ('DE', 'DHL', 21)
    """
    tables = tables_of(data)
    return tables.run(shipping_plan(tables, by, grain, "shipped", "shipping_company"))


def shipping_plan(tables: Tables[pl.LazyFrame], by: By, grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan the query of `shipping_methods`, or of `carriers` with its label."""
    groups = groups_of(tables.orders, by)
    has_amount = has_currency(by) and grain != "shipment"
    is_mixed = pl.col("low") != pl.col("high")
    counted = (
        _counted_items(tables, grain, source, label)
        .with_columns(tracked_items=pl.when("has_tracking").then("items"))
        .join(groups.of_orders(tables.orders), on="order_id", nulls_equal=True)
        .group_by(*groups.keys, key=pl.when(is_mixed).then(pl.lit("(mixed)")).otherwise(pl.coalesce("low", "absent")))
        .agg(count=total("items"), with_tracking=total("tracked_items"), captured_amount=total("amount"))
        .join(_spellings(tables, source, label), on="key", how="left")
        .with_columns(pl.coalesce("spelling", "key").alias(label), total=pl.col("count").sum().over(groups.keys))
        .with_columns(
            *count_ratio("share", "count", "total"),
            tracking_share=ratio(pl.col("with_tracking"), pl.col("count")),
            amount_share=ratio(pl.col("captured_amount"), pl.col("captured_amount").sum().over(groups.keys)),
        )
    )
    columns = [label, "count", "share", "with_tracking", "tracking_share", "share_low", "share_high"]
    amounts = ["captured_amount", "amount_share"] if has_amount else []
    return groups.present(counted, -pl.col("count"), pl.col(label)).select(*groups.names, *columns, *amounts)


def _counted_items(tables: Tables[pl.LazyFrame], grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan the rows to count: one per item; captures of an order with the same id share a row.

    Columns: `order_id`; `items`, the number of items; `low` and `high`, the alphabetically first and last method;
    `absent`, the label without a method; `has_tracking`; `amount`.
    """
    check_choice("grain", grain, get_args(Grain))
    check_choice("source", source, get_args(Source))
    if source == "chosen":
        if grain != "order":
            raise ValueError(f"source='chosen' requires grain='order', not grain={grain!r}")
        return _chosen_items(tables)
    items = {"capture": _capture_items, "shipment": _shipment_items, "order": _order_items}
    return items[grain](tables, label)


def _shipment_items(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    key = _spelling_key(label)
    return tables.shipments.filter(pl.col("source") == "capture").select(
        *CAPTURE_KEY,
        "has_tracking",
        items=_ONE_ITEM,
        low=key,
        high=key,
        absent=_MISSING,
        amount=pl.lit(None, dtype=pl.Int64),
    )


def _capture_items(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the captures; only those without shipping info are joined with their order lines."""
    captures = _shipped_captures(tables, label)
    has_no_info, is_digital = ~pl.col("has_info"), pl.col("is_digital")
    absent = (
        pl.when(has_no_info & is_digital.is_null())
        .then(_UNKNOWN)
        .when(has_no_info & is_digital)
        .then(_DIGITAL)
        .otherwise(_MISSING)
    )
    goods = _goods(tables, captures.filter(has_no_info))
    return captures.join(goods, on=CAPTURE_KEY, how="left", nulls_equal=True).with_columns(absent=absent)


def _shipped_captures(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the captures with what their shipments have in common; one pass over both is faster than a join."""
    shipments = _shipment_items(tables, label).select(*CAPTURE_KEY, "has_tracking", "low", "high", has_info=True)
    captures = tables.captures.select(*CAPTURE_KEY, items=_ONE_ITEM, amount="captured_amount")
    return (
        pl.concat([captures, shipments], how="diagonal")
        .group_by(CAPTURE_KEY)
        .agg(*_METHODS, pl.col("items", "amount").sum(), pl.col("has_info").any())
        .filter(pl.col("items") > 0)
    )


def _goods(tables: Tables[pl.LazyFrame], captures: pl.LazyFrame) -> pl.LazyFrame:
    """Plan whether captures with order lines have digital goods only."""
    kind = pl.col("type")
    is_digital = kind.eq_missing("digital")
    is_money = kind.is_in(_MONEY_LINES).fill_null(False)
    lines = tables.order_lines.filter(pl.col("source") == "capture")
    lines = lines.join(captures, on=CAPTURE_KEY, how="semi", nulls_equal=True)
    return lines.group_by(CAPTURE_KEY).agg(is_digital=is_digital.any() & (is_digital | is_money).all())


def _order_items(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    absent = pl.coalesce(pl.when((pl.col("absent") == one).any()).then(pl.lit(one)) for one in _ABSENT_LABELS)
    captures = _capture_items(tables, label)
    orders = captures.group_by("order_id").agg(*_METHODS, pl.col("amount").sum(), absent=absent)
    return orders.with_columns(items=_ONE_ITEM)


def _chosen_items(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    key = _spelling_key(_CHOSEN_METHOD)
    tracked = _shipment_items(tables, "shipping_method").group_by("order_id").agg(pl.col("has_tracking").any())
    chosen = tables.orders.select(
        "order_id", items=_ONE_ITEM, low=key, high=key, absent=_MISSING, amount="captured_amount"
    )
    return chosen.join(tracked, on="order_id", how="left")


def _spelling_key(column: str) -> pl.Expr:
    """Return the key that all spellings of a name share; null if the name is blank."""
    key = pl.col(column).str.to_lowercase().str.replace_all(r"\s", "")
    return pl.when(key != "").then(key)


def _spellings(tables: Tables[pl.LazyFrame], source: Source, label: str) -> pl.LazyFrame:
    """Plan the spelling shown for each key: the most common one in all data."""
    shipped = tables.shipments.filter(pl.col("source") == "capture").select(spelling=label)
    texts = shipped if source == "shipped" else tables.orders.select(spelling=_CHOSEN_METHOD)
    most_common_first = pl.col("spelling").sort_by("times", "spelling", descending=[True, False])
    return (
        texts.group_by("spelling")
        .agg(times=pl.len())
        .group_by(key=_spelling_key("spelling"))
        .agg(most_common_first.first())
        .drop_nulls("key")
    )
