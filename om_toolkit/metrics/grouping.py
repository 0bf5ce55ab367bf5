"""Groups of orders: the `by=` of a metric in, its group columns as expressions over the orders table out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeAlias

import polars as pl
from polars import selectors as cs

from om_toolkit.metrics.hashes import ORDER_HASH
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.schema import SCHEMAS, columns

By: TypeAlias = str | pl.Expr | Sequence[str | pl.Expr]

CURRENCY: Final = "purchase_currency"


def by_period(every: str, *, of: str = "created_at", time_zone: str = "UTC") -> pl.Expr:
    """Group orders by the local day, week, month, quarter or year of one of their times.

    A period begins at local midnight; days have 23 or 25 hours when clocks change. The key of a period is its first
    day; weeks begin on Monday. With a time as a group, `capture_latency` has the column `mature`: whether the group is
    old enough for a comparison.

    Args:
        every: A whole number and `d`, `w`, `mo`, `q` or `y`, such as `1w`.
        of: A time of the orders table: `created_at` or `expires_at`.
        time_zone: A name of the IANA database.

    Returns:
        An expression (Date), named after the time and the period, such as `created_at_1w`.

    Raises:
        ValueError: If `every` is not such a period, or the time zone does not exist.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> months = om.capture_latency(orders, by=by_period("1mo", time_zone="Europe/Stockholm"))
        >>> months.select("created_at_1mo", "orders", "mature").row(-1)
        (datetime.date(2026, 10, 1), 110, False)
    """
    if not re.fullmatch(r"[1-9]\d*(d|w|mo|q|y)", every):
        raise ValueError(f"invalid period {every!r}; use a number and d, w, mo, q or y, such as '1w' or '1mo'")
    check_time_zone(time_zone)
    return period_of(pl.col(of), every, time_zone).alias(f"{of}_{every}")


def period_of(instant: pl.Expr, every: str, time_zone: str) -> pl.Expr:
    """Return the first day of the local period that has an instant."""
    return instant.dt.convert_time_zone(time_zone).dt.date().dt.truncate(every)


@dataclass(frozen=True)
class Groups:
    """The group columns of a metric.

    Inside a query they have names of their own, because a group can have the name of a column that the query needs:
    `pl.col("created_at").dt.truncate("1mo")` is named `created_at`. Without group columns all orders are one group.

    Attributes:
        names: Their names in the result.
        exprs: The group columns as expressions over the orders table.
    """

    names: tuple[str, ...]
    exprs: tuple[pl.Expr, ...]

    @property
    def keys(self) -> list[str]:
        """Their names inside a query."""
        return [f"group_{position}" for position in range(len(self.exprs))]

    def of_orders(self, orders: pl.LazyFrame) -> pl.LazyFrame:
        """Return each order id once, with its group; a repeated id has the group of its first row."""
        return self.select(orders, "order_id").unique("order_id", keep="first")

    def of_keys(self, orders: pl.LazyFrame) -> pl.LazyFrame:
        """Return each order once as `of_orders` does, with its `key` instead of its id."""
        return self.select(orders, key=ORDER_HASH).filter(pl.col("key").is_first_distinct())

    def select(self, orders: pl.LazyFrame, *columns: str, **more: pl.Expr) -> pl.LazyFrame:
        """Select the group columns and other columns of the orders table."""
        keys = [expr.alias(key) for key, expr in zip(self.keys, self.exprs, strict=True)]
        return orders.select(*keys, *columns, **more)

    def present(self, result: pl.LazyFrame, *then: pl.Expr) -> pl.LazyFrame:
        """Sort by group, missing values last, then by other expressions; give the group columns their names."""
        named = zip(self.keys, self.names, strict=False)  # the only group of all orders has no name
        return result.sort(*self.keys, *then, nulls_last=True).select(
            *(pl.col(key).alias(name) for key, name in named), cs.exclude(self.keys)
        )


def groups_of(orders: pl.LazyFrame, by: By, *, currency: bool = False) -> Groups:
    """Return the groups of a metric's `by`; `currency` adds the currency if it is missing.

    Raises:
        ValueError: If the orders table does not have such a column.
    """
    exprs = expressions(by)
    if currency and not has_currency(by):
        exprs.append(pl.col(CURRENCY))
    known = orders.collect_schema().names()
    unknown = [name for expr in exprs for name in expr.meta.root_names() if name not in known]
    if unknown:
        hint = _hint(unknown[0], known)
        raise ValueError(f"the orders table has no column {unknown[0]!r}; {hint}help(om.Tables) lists all columns")
    names = tuple(expr.meta.output_name() for expr in exprs)
    return Groups(names, tuple(exprs) or (pl.lit("all"),))


def _hint(unknown: str, known: Sequence[str]) -> str:
    """Return the table that has an unknown column, or the known column with the most similar name."""
    tables = [table for table in SCHEMAS if unknown in {column.name for column in columns(table)}]
    if tables:
        return f"it is one of {' and '.join(tables)}, of which an order can have several; "
    similar = get_close_matches(unknown, known, n=1) or [name for name in known if unknown.lower() in name]
    return f"did you mean {similar[0]!r}? " if similar else ""


def has_currency(by: By) -> bool:
    """Return whether `by` has the currency itself; an expression with the same name does not count."""
    return any(expr.meta.eq(pl.col(CURRENCY)) for expr in expressions(by))


def expressions(by: By) -> list[pl.Expr]:
    """Return the group columns as expressions."""
    given = [by] if isinstance(by, str | pl.Expr) else by
    return [pl.col(item) if isinstance(item, str) else item for item in given]
