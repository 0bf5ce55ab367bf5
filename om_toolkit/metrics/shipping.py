"""How captures travelled: captures, shipments and order lines in, counts and shares of methods and carriers out.

Shipments are summed up per capture before they meet its money, so that no amount is counted twice.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import count
from om_toolkit.metrics.grouping import By, groups_of, has_currency
from om_toolkit.metrics.intervals import count_ratio, ratio
from om_toolkit.tables.tables import Tables, tables_of

Grain = Literal["capture", "shipment", "order"]
Source = Literal["shipped", "chosen"]

_CAPTURE: Final = ("order_id", "capture_id")

_ABSENT: Final = ("(missing)", "(unknown)", "(digital)")
"""Why something bears no method; of the captures of an order, the first of these speaks for the order."""

_MISSING, _UNKNOWN, _DIGITAL = map(pl.lit, _ABSENT)

_ONE: Final = pl.lit(1, dtype=pl.Int64)

_METHODS: Final = (pl.col("low").min(), pl.col("high").max(), pl.col("has_tracking").any())

_CHOSEN: Final = "selected_shipping_option_method"

_MONEY_LINES: Final = ("discount", "sales_tax", "store_credit", "gift_card", "surcharge", "return_fee")
"""Types of order lines that are no goods, digital or not."""


def shipping_methods(
    data: object, *, by: By = (), grain: Grain = "capture", source: Source = "shipped"
) -> pl.DataFrame:
    """Count how captures, shipments or orders travelled.

    A capture with several different methods is `(mixed)`. One that names none is `(missing)`, unless it has no shipping
    info at all and either no order lines, `(unknown)`, or only digital ones, `(digital)`; lines of money, such as
    discounts, do not count there. `Undefined` and `Digital` are methods like any other. Spellings that differ only in
    case or blanks are one method; the commonest is shown, of equally common ones the alphabetically first.

    An order (`grain="order"`) is judged over all its captures; without any method it is what the first of `(missing)`,
    `(unknown)`, `(digital)` says of one of them. Orders without captures count for `source="chosen"` only.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` (each shipping_info entry of a capture) or `order`.
        source: `shipped` (`captures[].shipping_info`), or, by order only, `chosen` (`selected_shipping_option.method`).

    Returns:
        A row per group and method, the most frequent first: by…, `shipping_method` (String), `count` (Int64), `share`
        of the group (Float64), `with_tracking` (Int64: those with a tracked shipment), `tracking_share`, and the 95 %
        interval of `share`, `share_low` and `share_high` (Float64, Wilson 1927). With `purchase_currency` in `by`, but
        not for shipments, which bear no amount, also `captured_amount` (Int64, minor units; of the captures, for
        `chosen` of the orders) and its `amount_share` (Float64).

    Raises:
        ValueError: If a column of `by` does not exist, there is no such grain or source, or `chosen` is asked for by
            anything but the order.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> shipping_methods(orders).select("shipping_method", "count", "with_tracking").row(0)
        ('Home', 90, 83)
    """
    return plan(tables_of(data), by, grain, source, "shipping_method").collect()


def carriers(data: object, *, by: By = (), grain: Grain = "capture") -> pl.DataFrame:
    """Count which companies carried captures, shipments or orders.

    Args:
        data: Orders or Tables.
        by: Columns of the orders table, or polars expressions over it.
        grain: What is counted: `capture`, `shipment` or `order`.

    Returns:
        As `shipping_methods`, with `shipping_company` (String) for the method.

    Raises:
        ValueError: If a column of `by` does not exist, or there is no such grain.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> carriers(orders, by="purchase_country").select("purchase_country", "shipping_company", "count").row(0)
        ('DE', 'DHL', 21)
    """
    return plan(tables_of(data), by, grain, "shipped", "shipping_company").collect()


def plan(tables: Tables[pl.LazyFrame], by: By, grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan the query of `shipping_methods`, or with another label of `carriers`."""
    groups = groups_of(tables.orders, by)
    has_amount = has_currency(by) and grain != "shipment"
    is_mixed = pl.col("low") != pl.col("high")
    counted = (
        _items(tables, grain, source, label)
        .with_columns(tracked_items=pl.when("has_tracking").then("items"))
        .join(groups.of_orders(tables.orders), on="order_id", nulls_equal=True)
        .group_by(*groups.keys, key=pl.when(is_mixed).then(pl.lit("(mixed)")).otherwise(pl.coalesce("low", "absent")))
        .agg(count=count("items"), with_tracking=count("tracked_items"), captured_amount=count("amount"))
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


def _items(tables: Tables[pl.LazyFrame], grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan rows of things to be counted, one each but for captures that are told twice.

    Their columns: `order_id`; `items`, how many they are; `low` and `high`, the alphabetically first and last of their
    methods; `absent`, what they are called if they have none; `has_tracking`; `amount`.
    """
    match source, grain:
        case "shipped", "capture":
            return _captures(tables, label)
        case "shipped", "shipment":
            return _entries(tables, label)
        case "shipped", "order":
            return _orders(tables, label)
        case "chosen", "order":
            return _choices(tables)
        case "chosen", _ if grain in get_args(Grain):
            raise ValueError(f"what was chosen is told by the order: give grain='order', not {grain!r}")
    raise ValueError(
        f"grain={grain!r}, source={source!r}: the grain is one of {', '.join(get_args(Grain))}, "
        f"the source one of {', '.join(get_args(Source))}"
    )


def _entries(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    key = _key(label)
    return tables.shipments.filter(pl.col("source") == "capture").select(
        *_CAPTURE, "has_tracking", items=_ONE, low=key, high=key, absent=_MISSING, amount=pl.lit(None, dtype=pl.Int64)
    )


def _captures(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the captures: one pass brings them and their shipments together, and few are asked for their order lines."""
    entries = _entries(tables, label).select(*_CAPTURE, "has_tracking", "low", is_entry=pl.lit(value=True))
    captures = tables.captures.select(*_CAPTURE, items=_ONE, amount="captured_amount")
    shipped = (
        pl.concat([captures, entries], how="diagonal")
        .group_by(_CAPTURE)
        .agg(
            pl.col("items").sum(),
            pl.col("amount").sum(),
            pl.col("low").min(),
            pl.col("has_tracking").any(),
            has_entries=pl.col("is_entry").any(),
            high=pl.col("low").max(),
        )
        .filter(pl.col("items") > 0)
    )
    bare = ~pl.col("has_entries")
    return shipped.join(_goods(tables, shipped.filter(bare)), on=_CAPTURE, how="left", nulls_equal=True).with_columns(
        absent=pl.when(bare & pl.col("is_digital").is_null())
        .then(_UNKNOWN)
        .when(bare & pl.col("is_digital"))
        .then(_DIGITAL)
        .otherwise(_MISSING)
    )


def _goods(tables: Tables[pl.LazyFrame], captures: pl.LazyFrame) -> pl.LazyFrame:
    """Plan whether the goods of captures are digital, as far as they have order lines."""
    kind = pl.col("type")
    is_digital = kind.eq_missing("digital")
    is_money = kind.is_in(_MONEY_LINES).fill_null(False)
    lines = tables.order_lines.filter(pl.col("source") == "capture")
    lines = lines.join(captures, on=_CAPTURE, how="semi", nulls_equal=True)
    return lines.group_by(_CAPTURE).agg(is_digital=is_digital.any() & (is_digital | is_money).all())


def _orders(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    absent = pl.coalesce(pl.when((pl.col("absent") == why).any()).then(pl.lit(why)) for why in _ABSENT)
    orders = _captures(tables, label).group_by("order_id").agg(*_METHODS, absent=absent, amount=pl.col("amount").sum())
    return orders.with_columns(items=_ONE)


def _choices(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    key = _key(_CHOSEN)
    tracked = _entries(tables, "shipping_method").group_by("order_id").agg(pl.col("has_tracking").any())
    chosen = tables.orders.select("order_id", items=_ONE, low=key, high=key, absent=_MISSING, amount="captured_amount")
    return chosen.join(tracked, on="order_id", how="left")


def _key(column: str) -> pl.Expr:
    """Return what the spellings of one name have in common; nothing but blanks is null."""
    key = pl.col(column).str.to_lowercase().str.replace_all(r"\s", "")
    return pl.when(key != "").then(key)


def _spellings(tables: Tables[pl.LazyFrame], source: Source, label: str) -> pl.LazyFrame:
    """Plan the spelling that is shown for a key: the commonest in the whole data."""
    shipped = tables.shipments.filter(pl.col("source") == "capture").select(spelling=label)
    texts = shipped if source == "shipped" else tables.orders.select(spelling=_CHOSEN)
    commonest_first = pl.col("spelling").sort_by("times", "spelling", descending=[True, False])
    return (
        texts.group_by("spelling")
        .agg(times=pl.len())
        .group_by(key=_key("spelling"))
        .agg(commonest_first.first())
        .drop_nulls("key")
    )
