"""What is counted by shipping method or carrier: captures, shipments and orders in, one row per item out."""

from typing import Final, Literal, get_args

import polars as pl

from om_toolkit.metrics.expressions import check_choice
from om_toolkit.metrics.hashes import CAPTURE_HASH, ORDER_HASH, hash_of
from om_toolkit.tables.results import spelling_key
from om_toolkit.tables.tables import Tables

Grain = Literal["capture", "shipment", "order"]
Source = Literal["shipped", "chosen"]

ABSENT_LABELS: Final = ("(missing)", "(unknown)", "(digital)")
"""The labels of items without a method; an order gets the first of those of its captures."""

MIXED: Final = "(mixed)"
"""The label of items with several methods."""

_MIXED, _MISSING, _UNKNOWN, _DIGITAL = (hash_of(pl.lit(label)) for label in (MIXED, *ABSENT_LABELS))

_ONE_ITEM: Final = pl.lit(1, dtype=pl.Int64)

_NO_AMOUNT: Final = pl.lit(None, dtype=pl.Int64)

_METHODS: Final = (pl.col("low").min(), pl.col("high").max(), pl.col("has_tracking").any())
"""The methods and the tracking of several shipments."""

_ITEM_COLUMNS: Final = ("key", "items", "low", "high", "absent", "has_tracking", "amount")

_CHOSEN_METHOD: Final = "selected_shipping_option_method"

_CHOSEN_METHODS: Final = "selected_shipping_options_method"

_CHOSEN_TEXT: Final = pl.coalesce(_CHOSEN_METHODS, _CHOSEN_METHOD).fill_null("")
"""The methods that the customer chose, one per line; not null, because polars 1.34 mistypes null lists."""

_MONEY_LINES: Final = ("discount", "sales_tax", "store_credit", "gift_card", "surcharge", "return_fee")
"""Types of order lines that are not goods."""


def counted_items(tables: Tables[pl.LazyFrame], grain: Grain, source: Source, label: str) -> pl.LazyFrame:
    """Plan the items to count, one row each.

    Returns:
        `key` of the order; `items`, their number; `low` and `high`, the hashes of its first and last method; `absent`,
        the hash of its label without a method; `has_tracking`; `amount`. `spellings` has the text of each hash.

    Raises:
        ValueError: If the grain or the source does not exist, or they contradict each other.
    """
    check_choice("grain", grain, get_args(Grain))
    check_choice("source", source, get_args(Source))
    if source == "chosen":
        if grain != "order":
            raise ValueError(f"source='chosen' requires grain='order', not grain={grain!r}")
        return _chosen_items(tables)
    captures = _capture_items(tables, label)
    return {"capture": _as_they_are, "shipment": _shipment_items, "order": _order_items}[grain](
        tables, captures, label
    ).select(_ITEM_COLUMNS)


def label_of_method() -> pl.Expr:
    """Return the hash of the method of an item of `counted_items`, of `(mixed)`, or of the label without a method."""
    is_mixed = pl.col("low") != pl.col("high")
    return pl.when(is_mixed).then(_MIXED).otherwise(pl.coalesce("low", "absent"))


def spellings(*texts: pl.LazyFrame) -> pl.LazyFrame:
    """Plan the spelling shown for each hash of a method: the most common one in the column `spelling` of all texts."""
    labels = pl.LazyFrame({"spelling": [MIXED, *ABSENT_LABELS]})
    most_common_first = pl.col("spelling").sort_by("times", "spelling", descending=[True, False])
    return (
        pl.concat([*texts, labels])
        .group_by("spelling")
        .agg(times=pl.len())
        .group_by(method=hash_of(spelling_key(pl.col("spelling"))))
        .agg(most_common_first.first())
        .drop_nulls("method")
    )


def shipped_texts(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the methods or carriers as they are written in shipping_info."""
    return tables.shipments.select(spelling=label)


def chosen_texts(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    """Plan the methods as they are written in the shipping options that customers chose."""
    return tables.orders.select(spelling=_CHOSEN_TEXT.str.split("\n")).explode("spelling")


def _as_they_are(_: Tables[pl.LazyFrame], captures: pl.LazyFrame, __: str) -> pl.LazyFrame:
    return captures


def _shipping_entries(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the entries of shipping_info."""
    key = hash_of(spelling_key(pl.col(label)))
    keys = {"key": ORDER_HASH, "item": CAPTURE_HASH}
    return tables.shipments.select("source", "has_tracking", **keys, low=key, high=key)


def _order_entries(entries: pl.LazyFrame) -> pl.LazyFrame:
    """Plan the entries of orders whose captures have none."""
    of_captures = entries.filter(pl.col("source") == "capture")
    return entries.filter(pl.col("source") == "order").join(of_captures, on="key", how="anti")


def _capture_items(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the captures; only those without shipping info are joined with their order lines."""
    shipped = _shipped_captures(tables, label).cache()
    goods = _goods(tables, shipped.filter(~pl.col("has_info")))
    return shipped.join(goods, on="item", how="left").with_columns(absent=_absent())


def _shipped_captures(tables: Tables[pl.LazyFrame], label: str) -> pl.LazyFrame:
    """Plan the captures with their shipping info, else with that of their order."""
    entries = _shipping_entries(tables, label)
    of_captures = entries.filter(pl.col("source") == "capture").group_by("item").agg(*_METHODS)
    of_orders = _order_entries(entries).group_by("key").agg(*_METHODS)
    is_own = pl.col("has_tracking").is_not_null()
    return (
        tables.captures.select(key=ORDER_HASH, item=CAPTURE_HASH, amount="captured_amount")
        .join(of_captures, on="item", how="left")
        .join(of_orders, on="key", how="left", suffix="_of_order")
        .select(
            "key",
            "item",
            "amount",
            *(
                pl.when(is_own).then(name).otherwise(f"{name}_of_order").alias(name)
                for name in ("low", "high", "has_tracking")
            ),
            items=_ONE_ITEM,
            has_info=is_own | pl.col("has_tracking_of_order").is_not_null(),
        )
    )


def _absent() -> pl.Expr:
    """Return the label of a capture without a method."""
    has_no_info, is_digital = ~pl.col("has_info"), pl.col("is_digital")
    return (
        pl.when(has_no_info & is_digital.is_null())
        .then(_UNKNOWN)
        .when(has_no_info & is_digital)
        .then(_DIGITAL)
        .otherwise(_MISSING)
    )


def _goods(tables: Tables[pl.LazyFrame], captures: pl.LazyFrame) -> pl.LazyFrame:
    """Plan whether captures with order lines have digital goods only."""
    kind = pl.col("type")
    is_digital = kind.eq_missing("digital")
    is_money = kind.is_in(_MONEY_LINES).fill_null(value=False)
    lines = tables.order_lines.filter(pl.col("source") == "capture").select("type", item=CAPTURE_HASH)
    lines = lines.join(captures, on="item", how="semi")
    return lines.group_by("item").agg(is_digital=is_digital.any() & (is_digital | is_money).all())


def _shipment_items(tables: Tables[pl.LazyFrame], captures: pl.LazyFrame, label: str) -> pl.LazyFrame:
    """Plan the entries of shipping_info, and the captures of physical goods without any."""
    entries, captures = _shipping_entries(tables, label).cache(), captures.cache()
    own = _order_entries(entries).join(captures, on="key", how="semi")
    shipments = pl.concat([entries.filter(pl.col("source") == "capture"), own]).with_columns(
        items=_ONE_ITEM, absent=_MISSING, amount=_NO_AMOUNT
    )
    missing = captures.filter(~pl.col("has_info") & ~pl.col("is_digital")).with_columns(amount=_NO_AMOUNT)
    return pl.concat([shipments.select(_ITEM_COLUMNS), missing.select(_ITEM_COLUMNS)])


def _order_items(_: Tables[pl.LazyFrame], captures: pl.LazyFrame, __: str) -> pl.LazyFrame:
    absent = pl.coalesce(pl.when((pl.col("absent") == one).any()).then(one) for one in (_MISSING, _UNKNOWN, _DIGITAL))
    orders = captures.group_by("key").agg(*_METHODS, pl.col("amount").sum(), absent=absent)
    return orders.with_columns(items=_ONE_ITEM)


def _chosen_items(tables: Tables[pl.LazyFrame]) -> pl.LazyFrame:
    tracked = tables.shipments.group_by(key=ORDER_HASH).agg(pl.col("has_tracking").any())
    keys = pl.col("text").str.split("\n").list.eval(hash_of(spelling_key(pl.element()))).list.drop_nulls().list.sort()
    methods = tables.orders.select(text=_CHOSEN_TEXT).unique()  # many orders have few texts
    methods = methods.select("text", low=keys.list.first(), high=keys.list.last())
    chosen = (
        tables.orders.select(
            key=ORDER_HASH, text=_CHOSEN_TEXT, items=_ONE_ITEM, absent=_MISSING, amount="captured_amount"
        )
        .join(methods, on="text", how="left", maintain_order="left")
        .select("key", "items", "low", "high", "absent", "amount")
    )
    return chosen.join(tracked, on="key", how="left")
