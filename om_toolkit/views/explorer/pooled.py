"""Tables in; widgets out that show the sections of the report, with small groups pooled and nothing to open."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets
import polars as pl

from om_toolkit.support.text import count_of
from om_toolkit.tables.tables import Tables
from om_toolkit.views.explorer.page import Page, with_static_view
from om_toolkit.views.pages import render
from om_toolkit.views.report.sections import SECTIONS
from om_toolkit.views.report.small_groups import pool_countries


class PooledExplorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The widgets of `explore` with `min_cell`: `section` selects what `page` shows."""

    def __init__(self, tables: Tables[pl.DataFrame], min_cell: int) -> None:
        self._tables, self._min_cell = pool_countries(tables, min_cell), min_cell
        self.section = widgets.ToggleButtons(options=list(SECTIONS))
        self.page = Page()
        self.section.observe(self._show, names="value")
        self._show()
        super().__init__([self.section, self.page])

    def _show(self, _change: object = None) -> None:
        self.page.html = render(
            "pooled.html",
            orders=count_of(self._tables.orders.height, "order"),
            min_cell=self._min_cell,
            section=SECTIONS[self.section.value](self._tables, self._min_cell),
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        """Add the section as HTML, which remains where widgets are dropped."""
        return with_static_view(super()._repr_mimebundle_(**options), self.page.html)
