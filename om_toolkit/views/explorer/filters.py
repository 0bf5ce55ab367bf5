"""The orders in; what each filter offers, the orders that all of them select, and the same in Python, out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from om_toolkit.tables.results import spelling_key
from om_toolkit.tables.tables import Tables

Choice: TypeAlias = "tuple[str | None, ...]"
"""What a filter is set to: nothing, or one value."""

NOTHING: Final[Choice] = ()

COLUMNS: Final = {
    "currency": "purchase_currency",
    "country": "purchase_country",
    "payment method": "initial_payment_method_type",
    "customer type": "customer_type",
}
"""The filters by a column of the orders table."""

CARRIER: Final = "carrier"

_ALL: Final = "all"


class Filters:
    """What the filters are set to, and the orders that fulfil each of them.

    Attributes:
        days: The local days of the orders, sorted.
    """

    def __init__(self, tables: Tables[pl.DataFrame], time_zone: str) -> None:
        self._orders = tables.orders
        self._time_zone = time_zone
        self._day = self._orders.select(_local_day(time_zone))["created_at"]
        self.days: Sequence[date] = self._day.drop_nulls().unique().sort().to_list()
        self._carriers = _carriers(tables)
        everything = np.ones(self._orders.height, dtype=bool)
        self._is_kept = dict.fromkeys(("period", *COLUMNS, CARRIER), everything)
        self._choices: dict[str, Choice] = dict.fromkeys((*COLUMNS, CARRIER), NOTHING)
        self._period: tuple[date, date] | None = None

    def set_period(self, first: date, last: date) -> None:
        """Keep the orders of some days; of all days also those without a time of creation."""
        self._period = None if (first, last) == (self.days[0], self.days[-1]) else (first, last)
        is_kept = self._day.is_between(first, last).fill_null(value=False).to_numpy()
        self._is_kept["period"] = is_kept if self._period else np.ones_like(is_kept)

    def choose(self, name: str, choice: Choice) -> None:
        """Set a filter."""
        self._choices[name] = choice
        if not choice:
            is_kept = np.ones(self._orders.height, dtype=bool)
        elif name == CARRIER:
            is_kept = np.zeros(self._orders.height, dtype=bool)
            is_kept[self._carriers.filter(key=choice[0])["row"].to_numpy()] = True
        else:
            is_chosen = pl.col(COLUMNS[name]).eq_missing(pl.lit(choice[0], pl.String))
            is_kept = self._orders.select(is_chosen).to_series().to_numpy()
        self._is_kept[name] = is_kept

    def options(self, name: str) -> list[tuple[str, Choice]]:
        """Return what a filter offers under the other filters, each with its number of orders, and its own choice."""
        is_kept = self._fulfils(other for other in self._is_kept if other != name)
        if name == CARRIER:
            values = self._carriers.filter(pl.Series(is_kept[self._carriers["row"].to_numpy()]))
            counts = values.group_by("key").agg(pl.col("spelling").first(), orders=pl.len()).sort("spelling")
            counts = counts.select(label="spelling", value="key", orders="orders")
        else:
            column = self._orders[COLUMNS[name]].filter(pl.Series(is_kept))
            counts = column.alias("value").value_counts(name="orders").sort("value", nulls_last=True)
            counts = counts.select(pl.col("value").fill_null("(none)").alias("label"), "value", "orders")
        offered: list[tuple[str, Choice]] = [(_ALL, NOTHING)]
        offered += [(f"{label} ({orders:,})", (value,)) for label, value, orders in counts.iter_rows()]
        chosen = self._choices[name]
        if chosen not in dict(offered).values():
            offered.append((f"{chosen[0] or '(none)'} (0)", chosen))
        return offered

    def _fulfils(self, names: Iterable[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        is_kept: np.ndarray[Any, np.dtype[np.bool_]] = np.all([self._is_kept[name] for name in names], axis=0)
        return is_kept

    def text(self, data: str) -> str:
        """Return Python for the tables that the filters select.

        Args:
            data: Python for all tables.
        """
        conditions = []
        if self._period:
            first, last = map(_day, self._period)
            local = f'pl.col("created_at").dt.convert_time_zone("{self._time_zone}").dt.date()'
            conditions.append(f"{local}.is_between({first}, {last})")
        conditions += [
            equals(f'pl.col("{COLUMNS[name]}")', choice[0])
            for name, choice in self._choices.items()
            if choice and name != CARRIER
        ]
        if carrier := self._choices[CARRIER]:
            key = r'pl.col("shipping_company").str.to_lowercase().str.replace_all(r"\s", "")'
            shipped = f'{data}.shipments.filter({key} == {quoted(carrier[0])})["order_id"]'
            conditions.append(f'pl.col("order_id").is_in({shipped}.implode())')
        return f"{data}.filter({', '.join(conditions)})" if conditions else data

    def words(self) -> str:
        """Return the filters in words."""
        period = [f"{self._period[0]} to {self._period[1]} ({self._time_zone})"] if self._period else []
        chosen = [f"{name} {choice[0] or '(none)'}" for name, choice in self._choices.items() if choice]
        return ", ".join([*period, *chosen]) or "all orders"


def equals(expression: str, value: str | date | None) -> str:
    """Return Python for the condition that an expression has a value."""
    if value is None:
        return f"{expression}.is_null()"
    return f"{expression} == {_day(value) if isinstance(value, date) else quoted(value)}"


def quoted(value: object) -> str:
    """Return a text as Python, in double quotes where possible."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text and "\\" not in text else text


def _day(day: date) -> str:
    return f"pl.date({day.year}, {day.month}, {day.day})"


def _local_day(time_zone: str) -> pl.Expr:
    return pl.col("created_at").dt.convert_time_zone(time_zone).dt.date()


def _carriers(tables: Tables[pl.DataFrame]) -> pl.DataFrame:
    """Return one row per order and carrier: the row of the order, the carrier's key and its most common spelling."""
    spelling = pl.col("shipping_company")
    shipped = tables.shipments.select("order_id", spelling=spelling, key=spelling_key(spelling)).drop_nulls()
    common = shipped.group_by("key").agg(pl.col("spelling").mode().sort().first())
    rows = tables.orders.select("order_id").with_row_index("row").drop_nulls()
    return shipped.select("order_id", "key").unique().join(rows, on="order_id").join(common, on="key").sort("row")
