"""The explorer: orders in, ipywidgets out that answer the three questions for a currency, a country, a period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets
import polars as pl

from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.questions import PAGES, QUESTIONS

if TYPE_CHECKING:
    from om_toolkit.orders.orders import Orders

_ALL: Final = "all"


_MONTH: Final = pl.col("created_at").dt.strftime("%Y-%m")


_FILTERS: Final = {
    "currency": pl.col("purchase_currency"),
    "country": pl.col("purchase_country"),
    "month": _MONTH,
}


def explore(data: Orders | Tables[pl.DataFrame] | Tables[pl.LazyFrame]) -> Explorer:
    """Look at orders by currency, country and month of purchase, one question at a time.

    In a notebook that runs it is a set of widgets; in an exported page it is what the widgets showed.

    Args:
        data: Orders or Tables.

    Raises:
        TypeError: If `data` is neither.
    """
    return Explorer(tables_of(data).collect())


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The widgets: `currency`, `country`, `month` and `question` choose what `answer` shows."""

    def __init__(self, tables: Tables[pl.DataFrame]) -> None:
        self._tables = tables
        self._filters = {
            name: widgets.Dropdown(description=name, options=[_ALL, *_values(tables, column)])
            for name, column in _FILTERS.items()
        }
        self.question = widgets.ToggleButtons(description="question", options=list(QUESTIONS))
        self.answer = widgets.HTML()
        controls = [*self._filters.values(), self.question]
        for control in controls:
            control.observe(self._update, names="value")
        self._update()
        super().__init__([widgets.HBox(list(self._filters.values())), self.question, self.answer])

    @property
    def currency(self) -> widgets.Dropdown:
        """Chooses the currency."""
        return self._filters["currency"]

    @property
    def country(self) -> widgets.Dropdown:
        """Chooses the country of purchase."""
        return self._filters["country"]

    @property
    def month(self) -> widgets.Dropdown:
        """Chooses the month of purchase, in UTC."""
        return self._filters["month"]

    def _update(self, _change: object = None) -> None:
        chosen = {name: control.value for name, control in self._filters.items() if control.value != _ALL}
        tables = self._tables.filter(*(_FILTERS[name] == value for name, value in chosen.items()))
        told = ", ".join(f"{name} {value}" for name, value in chosen.items()) or "all orders"
        self.answer.value = PAGES.get_template("explorer.html").render(
            answer=QUESTIONS[self.question.value](tables), chosen=told, orders=tables.orders.height
        )

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        """Add what the widgets show now as HTML, which stays where widgets are dropped."""
        bundle = super()._repr_mimebundle_(*args, **options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/html"] = self.answer.value
        return bundle


def _values(tables: Tables[pl.DataFrame], column: pl.Expr) -> list[str]:
    return tables.orders.select(column.alias("value").drop_nulls().unique().sort())["value"].to_list()
