"""Orders in; one HTML file out that needs no network and can be shared."""

from __future__ import annotations

from collections import Counter
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from om_toolkit.orders.orders import Orders
from om_toolkit.support.atomic_files import local_path, replacing
from om_toolkit.support.instants import as_of_text
from om_toolkit.support.text import count_of
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.pages import render
from om_toolkit.views.sections import SECTIONS, key_figures
from om_toolkit.views.small_groups import pool_countries

if TYPE_CHECKING:
    import polars as pl


class Report:
    """Key figures, a section each about captures, refunds and shipping, and notes on how the numbers are made.

    Args:
        data: Orders or Tables.
        title: The title of the page.
        min_cell: The smallest number of captured orders of a country, and of orders of a shipping method, that is
            shown separately. Smaller groups are pooled as `(few)`, the same ones in all tables, and the pool has at
            least as many. A currency with fewer captured orders is not shown. Nothing is shown by country and shipping
            method together, and tracking by currency only if there is one. So no sum or difference of the numbers on
            the page reveals the size of a smaller group: at least `min_cell` + 1 sizes remain possible. Numbers within
            a group are shown: that 1 of its orders was refunded, and its amount. 1 shows everything.

    Raises:
        TypeError: If `data` is not Orders or Tables.
        ValueError: If `min_cell` is below 1.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> "<title>October</title>" in Report(orders, title="October").html
        True
    """

    def __init__(
        self,
        data: Orders | Tables[pl.DataFrame] | Tables[pl.LazyFrame],
        *,
        title: str = "Orders",
        min_cell: int = 5,
    ) -> None:
        if min_cell < 1:
            raise ValueError(f"invalid min_cell {min_cell}; use a number of orders, 1 or more")
        self.title = title
        self.min_cell = min_cell
        tables = tables_of(data).collect()
        self._tables = pool_countries(tables, min_cell)
        self._is_all_shown = tables.orders.height == self._tables.orders.height

    @property
    def html(self) -> str:
        """The page."""
        tables = self._tables
        figures = key_figures(tables, self.min_cell)
        failures = Counter(failure.kind.replace("_", " ") for failure in tables.failures)
        return render(
            "report.html",
            title=self.title,
            orders=tables.orders.height,
            as_of=as_of_text(tables.as_of, is_inferred=tables.as_of_is_inferred),
            currencies=list(figures),
            key_figures=list(zip(*figures.values(), strict=True)),
            sections=[section(tables, self.min_cell) for section in SECTIONS.values()],
            failures=failures.most_common(),
            min_cell=self.min_cell,
            is_all_shown=self._is_all_shown,
            version=version("om-toolkit"),
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and return its path.

        Raises:
            OSError: If the file cannot be written; an existing file is then unchanged.
            ValueError: If the path is a URI.
        """
        path = local_path(path)
        with replacing(path) as unfinished:
            unfinished.write_text(self.html, encoding="utf-8")
        return path

    def _repr_html_(self) -> str:
        """Return a preview: the page in a frame, apart from the styles of the notebook."""
        page = escape(self.html)
        style = "width: 100%; height: 40em; border: 1px solid #8884; color-scheme: light"
        return (
            f"<p>{escape(repr(self))}</p>"
            f'<iframe title="{escape(self.title)}" sandbox srcdoc="{page}" style="{style}"></iframe>'
        )

    def __repr__(self) -> str:
        orders = count_of(self._tables.orders.height, "order")
        return f"Report({self.title!r}, {orders}): save it with .save('report.html')"
