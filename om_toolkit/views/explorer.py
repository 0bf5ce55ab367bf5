"""Orders in; ipywidgets out that show a section of the report for a currency, a country or a month."""

from __future__ import annotations

from typing import Any, Final

import ipywidgets as widgets
import polars as pl

from om_toolkit.orders.orders import Orders
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.pages import render
from om_toolkit.views.sections import SECTIONS

_NO_FILTER: Final = "all"

_FILTERS: Final = {
    "currency": pl.col("purchase_currency"),
    "country": pl.col("purchase_country"),
    "month": pl.col("created_at").dt.strftime("%Y-%m"),
}


def explore(data: Orders | Tables[pl.DataFrame] | Tables[pl.LazyFrame]) -> Explorer:
    """Return widgets that show the sections of the report by currency, country and month of purchase.

    In a running notebook the widgets respond to clicks; an exported page keeps what they showed last. The widgets are
    for people who may see the orders: they show small groups, and the filters lead to a single order. To share numbers
    with others, use `Report`, which pools small groups.

    Args:
        data: Orders or Tables.

    Raises:
        TypeError: If `data` is not Orders or Tables.
    """
    return Explorer(tables_of(data).collect())


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The widgets: `currency`, `country`, `month` and `question` select what `answer` shows."""

    def __init__(self, tables: Tables[pl.DataFrame]) -> None:
        self._tables = tables
        self._filters = {
            name: widgets.Dropdown(description=name, options=[_NO_FILTER, *_distinct_values(tables, column)])
            for name, column in _FILTERS.items()
        }
        self.question = widgets.ToggleButtons(description="question", options=list(SECTIONS))
        self.answer = widgets.HTML()
        controls = [*self._filters.values(), self.question]
        for control in controls:
            control.observe(self._update, names="value")
        self._update()
        super().__init__([widgets.HBox(list(self._filters.values())), self.question, self.answer])

    @property
    def currency(self) -> widgets.Dropdown:
        """The filter by currency."""
        return self._filters["currency"]

    @property
    def country(self) -> widgets.Dropdown:
        """The filter by country of purchase."""
        return self._filters["country"]

    @property
    def month(self) -> widgets.Dropdown:
        """The filter by month of purchase, in UTC."""
        return self._filters["month"]

    def _update(self, _change: object = None) -> None:
        chosen = {name: control.value for name, control in self._filters.items() if control.value != _NO_FILTER}
        tables = self._tables.filter(*(_FILTERS[name] == value for name, value in chosen.items()))
        self.answer.value = render(
            "explorer.html",
            chosen=", ".join(f"{name} {value}" for name, value in chosen.items()) or "all orders",
            orders=tables.orders.height,
            section=SECTIONS[self.question.value](tables),
        )

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        """Add the content of the widgets as HTML, which remains where widgets are dropped."""
        bundle = super()._repr_mimebundle_(*args, **options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/html"] = self.answer.value
        return bundle


def _distinct_values(tables: Tables[pl.DataFrame], column: pl.Expr) -> list[str]:
    return tables.orders.select(column.alias("value").drop_nulls().unique().sort())["value"].to_list()
