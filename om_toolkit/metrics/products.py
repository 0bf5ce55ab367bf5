"""Products: order lines of captures and refunds in, returns and discounts by product out."""

from difflib import get_close_matches
from typing import Final

import polars as pl

from om_toolkit.metrics.expressions import total
from om_toolkit.metrics.grouping import CURRENCY, By, expressions, groups_of
from om_toolkit.metrics.hashes import ORDER_HASH
from om_toolkit.metrics.intervals import amount_ratio, moments, ratio
from om_toolkit.metrics.lines import captured_lines, is_goods
from om_toolkit.metrics.refunded_orders import amounts_of_orders
from om_toolkit.tables.tables import Tables, tables_of

_NO_LINES: Final = "(no lines)"

_HASH: Final = "order_hash"  # a temporary column: the hash of the order id, which is faster than its text

_SUMS: Final = (
    "captured_quantity",
    "captured_amount",
    "refunded_quantity",
    "refunded_amount",
    "discount_amount",
    "tax_amount",
)


_SUMS_OF_LINES: Final = ("captured_quantity", "refunded_quantity", "discount_amount", "tax_amount")
"""What only lines have."""


def products(data: object, *, by: By = "category") -> pl.DataFrame:
    """Show what was captured, refunded and discounted of each product, from the order lines.

    Refunds often have no lines, and some captures have none. One row per currency, `(no lines)`, has the money that no
    line explains, so that all rows add up to the captured and refunded amounts of `refund_ratio`. Therefore the
    `amount_ratio` of the other rows is a lower bound: if all refunds without lines were of that product, it would be
    higher by the refunded amount of `(no lines)` over the captured amount of the product.

    A capture of the whole order without lines has those of its order. Quantities count goods only, which are the line
    types `physical`, `digital`, `package` and lines without a type. Other lines, such as a `shipping_fee` or a
    `discount`, have rows of their own by category and brand, labelled `(shipping_fee)`; so has a `return_fee`, which is
    not a return.

    Args:
        data: Orders or Tables.
        by: `category` (the first part of `category_path`), `brand`, `reference`, `name`, `type`, or columns of the
            order_lines and orders tables, or polars expressions over both. A name in both is that of the line. The
            first group is shown as text, because of `(no lines)`.

    Returns:
        A row per group and currency, the largest captured amount first and `(no lines)` last:

        | column | type | meaning |
        |---|---|---|
        | by… | | |
        | `purchase_currency` | String | |
        | `captured_quantity` | Int64 | goods in captures |
        | `captured_amount` | Int64 | minor units, totals of the lines |
        | `refunded_quantity` | Int64 | goods in refunds |
        | `refunded_amount` | Int64 | minor units |
        | `amount_ratio` | Float64 | `refunded_amount` over `captured_amount`; null of `(no lines)` |
        | `amount_ratio_low`, `amount_ratio_high` | Float64 | 95 % interval over orders, as in `refund_ratio` |
        | `quantity_ratio` | Float64 | `refunded_quantity` over `captured_quantity` |
        | `discount_amount` | Int64 | minor units, discounts on captured lines |
        | `discount_share` | Float64 | `discount_amount` over itself plus `captured_amount` |
        | `tax_amount` | Int64 | minor units, on captured lines |
        | `excluded` | Int64 | of `(no lines)`: orders whose captured or refunded amount is unknown |

    Raises:
        ValueError: If a column of `by` does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> shown = products(orders).filter(purchase_currency="EUR")
        >>> shown.select("category", "captured_amount", "refunded_amount").row(-1)
        ('(no lines)', 100, 418409)
    """
    tables = tables_of(data)
    return tables.run(_products_plan(tables, _line_groups(tables, by)))


def _products_plan(tables: Tables[pl.LazyFrame], groups: list[pl.Expr]) -> pl.LazyFrame:
    names = [group.meta.output_name() for group in groups]
    keys = [f"group_{number}" for number in range(len(groups))]
    sold, returned = captured_lines(tables), tables.order_lines.filter(pl.col("source") == "refund")
    lines = pl.concat(
        _labelled(tables, rows, groups, keys, is_refund=is_refund)
        for rows, is_refund in ((sold, False), (returned, True))
    )
    by_order = lines.group_by(*keys, CURRENCY, _HASH).agg(total(name) for name in _SUMS)
    by_order = by_order.with_columns(is_rest=pl.lit(value=False), excluded=pl.lit(0, dtype=pl.Int64))
    rest = _unexplained(tables, by_order, keys)
    figures = (
        pl.concat([by_order, rest.select(by_order.collect_schema().names())])
        .group_by(*keys, CURRENCY, "is_rest")
        .agg(
            *(total(name) for name in (*_SUMS, "excluded")),
            orders=pl.len(),
            **moments("amount_ratio", pl.col("refunded_amount"), pl.col("captured_amount")),
        )
        .sort("is_rest", -pl.col("captured_amount"), *keys, nulls_last=True)
        .sort(CURRENCY, maintain_order=True, nulls_last=True)
        .with_columns(pl.when(~pl.col("is_rest")).then(pl.col(_SUMS_OF_LINES)))
    )
    return figures.select(
        *(pl.col(key).alias(name) for key, name in zip(keys, names, strict=True)), CURRENCY, *_figures()
    )


def _figures() -> list[pl.Expr]:
    """Return the figures of a row.

    A ratio to a negative amount, such as that of discounts, is null, and so is one of amounts that no line explains:
    what was refunded without lines is part of what was captured with them.
    """
    captured, discount = pl.col("captured_amount"), pl.col("discount_amount")
    ratios = amount_ratio("amount_ratio", "refunded_amount", "captured_amount", "orders")
    return [
        *map(pl.col, _SUMS[:4]),
        *(pl.when(captured > 0, ~pl.col("is_rest")).then(one) for one in ratios),
        ratio(pl.col("refunded_quantity"), pl.col("captured_quantity")).alias("quantity_ratio"),
        discount,
        pl.when(captured > 0).then(ratio(discount, discount + captured)).alias("discount_share"),
        pl.col("tax_amount", "excluded"),
    ]


def _line_groups(tables: Tables[pl.LazyFrame], by: By) -> list[pl.Expr]:
    """Return the groups over order lines joined with their orders.

    Raises:
        ValueError: If there is no such column.
    """
    groups = [_named_group(group) for group in expressions(by)]
    known = {*tables.order_lines.collect_schema(), *tables.orders.collect_schema()}
    unknown = [name for group in groups for name in group.meta.root_names() if name not in known]
    if unknown:
        choices = [*_LABELS, *sorted(known)]
        nearest = [f"did you mean {match!r}? " for match in get_close_matches(unknown[0], choices, n=1)]
        hint = "".join(nearest) + "help(om.Tables) lists all columns, and help(om.products) the names of groups"
        raise ValueError(f"neither order lines nor orders have a column {unknown[0]!r}; {hint}")
    groups = groups or [pl.lit("all").alias("product")]
    return [groups[0].cast(pl.String), *groups[1:]]


def _named_group(group: pl.Expr) -> pl.Expr:
    name = group.meta.output_name()
    return _LABELS[name].alias(name) if group.meta.eq(pl.col(name)) and name in _LABELS else group


def _label(text: pl.Expr) -> pl.Expr:
    """Return the label of goods; the type of a line that is not goods, in parentheses."""
    shown = text.str.strip_chars()
    return pl.when(is_goods()).then(pl.when(shown != "").then(shown)).otherwise(pl.format("({})", "type"))


_LABELS: Final = {
    "category": _label(pl.col("product_identifiers_category_path").str.split(">").list.first()),
    "brand": _label(pl.col("product_identifiers_brand")),
}
"""The groups that have a name of their own."""


def _labelled(
    tables: Tables[pl.LazyFrame], lines: pl.LazyFrame, groups: list[pl.Expr], keys: list[str], *, is_refund: bool
) -> pl.LazyFrame:
    """Plan lines with their groups, and their values in the columns of captures or of refunds."""
    known = lines.collect_schema()
    missing = {name for group in groups for name in group.meta.root_names()} - set(known)
    if missing:
        orders = tables.orders.select("order_id", *sorted(missing)).unique("order_id", keep="first")
        lines = lines.join(orders, on="order_id", how="left")
    side, other = ("refunded", "captured") if is_refund else ("captured", "refunded")
    nothing = pl.lit(None, dtype=pl.Int64)
    return lines.select(
        *(group.alias(key) for group, key in zip(groups, keys, strict=True)),
        CURRENCY,
        ORDER_HASH.alias(_HASH),
        pl.when(is_goods()).then("quantity").alias(f"{side}_quantity"),
        pl.col("total_amount").alias(f"{side}_amount"),
        nothing.alias(f"{other}_quantity"),
        nothing.alias(f"{other}_amount"),
        (nothing if is_refund else pl.col("total_discount_amount")).alias("discount_amount"),
        (nothing if is_refund else pl.col("total_tax_amount")).alias("tax_amount"),
    ).select(*keys, CURRENCY, _HASH, *_SUMS)


def _unexplained(tables: Tables[pl.LazyFrame], by_order: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Plan the money of each order that none of its lines explains."""
    explained = by_order.group_by(_HASH).agg(total("captured_amount"), total("refunded_amount"))
    schema = by_order.collect_schema()
    orders = amounts_of_orders(tables, groups_of(tables.orders, CURRENCY)).select(
        pl.col("group_0").alias(CURRENCY), "captured", "refunded", ORDER_HASH.alias(_HASH)
    )
    is_known = pl.col("captured").is_not_null() & pl.col("refunded").is_not_null()
    captured, refunded = (
        pl.when(is_known).then(pl.col(name) - pl.col(f"{name}_amount").fill_null(0)).fill_null(0)
        for name in ("captured", "refunded")
    )
    return orders.join(explained, on=_HASH, how="left").select(
        *(pl.lit(_NO_LINES if key == keys[0] else None, dtype=schema[key]).alias(key) for key in keys),
        CURRENCY,
        _HASH,
        *(pl.lit(None, dtype=pl.Int64).alias(name) for name in _SUMS_OF_LINES),
        captured_amount=captured,
        refunded_amount=refunded,
        is_rest=pl.lit(value=True),
        excluded=(~is_known).cast(pl.Int64),
    )
