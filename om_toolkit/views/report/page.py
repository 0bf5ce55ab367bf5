"""Orders in; one HTML file out that needs no network and can be shared."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from om_toolkit.metrics.comparing import check_that_sets_differ
from om_toolkit.orders.orders import Orders
from om_toolkit.support.atomic_files import local_path, replacing
from om_toolkit.support.instants import as_of_text
from om_toolkit.support.text import count_of, with_article
from om_toolkit.support.time_zones import check_time_zone
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.pages import render
from om_toolkit.views.report.attention import attention
from om_toolkit.views.report.contents import WITHHELD, key_figures_frame, sections_of
from om_toolkit.views.report.further_sections import LEFT_OUT
from om_toolkit.views.report.period import created_in, filter_code, parse_period
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import key_figure_texts
from om_toolkit.views.report.small_groups import pool_countries
from om_toolkit.views.workbook import write_excel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import polars as pl

    from om_toolkit.views.report.sections import Section

_SUFFIXES = (".html", ".htm", ".xlsx")


class Report:
    """The report of a set of orders as one page: what became of the money, and how the numbers are made.

    Args:
        data: Orders or Tables.
        title: The title of the page.
        period: The first and the last day, as dates or ISO texts: only orders created on these local days. All by
            default. An order without a creation time is in no period.
        compare_to: The orders to compare with, such as those of the month before; `period` does not select from them.
        time_zone: The time zone of the days, a name of the IANA database.
        min_cell: The smallest number of captured orders of a country, and of orders of a shipping method, that is
            shown separately. Smaller groups are pooled as `(few)`, the same ones in all tables, and the pool has at
            least as many. A currency with fewer captured orders is not shown. Nothing is shown by country and shipping
            method together, and tracking by currency only if there is one. So no sum or difference of the numbers on
            the page reveals the size of a smaller group: at least `min_cell` + 1 sizes remain possible. Numbers within
            a group are shown: that 1 of its orders was refunded, and its amount. 1 shows everything.
        id_source: Where the order ids came from, in your words, for the head of the page. With "settlement" the page
            has no capture rate, no latency and no expiry: a settlement lists captured orders only, so that these
            figures would describe how the ids were chosen.

    Raises:
        TypeError: If `data` or `compare_to` is not Orders or Tables, or `period` not two days.
        ValueError: If `min_cell` is below 1, a day does not exist, the period ends before it begins, the time zone is
            unknown, or `data` and `compare_to` have common orders.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> "<title>October</title>" in Report(orders, title="October").html
        True
        >>> Report(orders, title="A week", period=("2026-10-05", "2026-10-11"), time_zone="Europe/Stockholm")
        Report('A week', 24 orders): save it with .save('report.html')
    """

    def __init__(  # noqa: PLR0913 - options of one page, all with defaults
        self,
        data: Orders | Tables[pl.DataFrame] | Tables[pl.LazyFrame],
        *,
        title: str = "Orders",
        period: tuple[date | str, date | str] | None = None,
        compare_to: Orders | Tables[Any] | None = None,
        time_zone: str = "UTC",
        min_cell: int = 5,
        id_source: str | None = None,
    ) -> None:
        if min_cell < 1:
            raise ValueError(f"invalid min_cell {min_cell}; use a number of orders, 1 or more")
        if id_source is not None and not isinstance(id_source, str):
            kind = with_article(type(id_source).__name__)
            raise TypeError(f"id_source is {kind}, not text; say where the order ids came from, such as 'ERP export'")
        check_time_zone(time_zone)
        self.title = title
        self.min_cell = min_cell
        self._time_zone = time_zone
        self._id_source = id_source
        self._period = None if period is None else parse_period(period)
        everything = tables_of(data).collect()
        in_period = created_in(everything, self._period, time_zone)
        self._tables = pool_countries(in_period, min_cell)
        self._is_all_shown = in_period.orders.height == self._tables.orders.height
        before = None if compare_to is None else _checked_before(compare_to, in_period, min_cell)
        self._scope = Scope(self._tables, min_cell, time_zone, before, id_source == "settlement")
        self._has_undated = self._period is not None and everything.orders["created_at"].null_count() > 0
        self._asked = len(everything.failures) + everything.orders.height

    @property
    def html(self) -> str:
        """The page."""
        tables = self._tables
        figures = key_figure_texts(self._scope.figures, self.min_cell, is_settlement=self._scope.is_settlement)
        failures = Counter(failure.kind.replace("_", " ") for failure in tables.failures)
        return render(
            "report.html",
            title=self.title,
            orders=tables.orders.height,
            as_of=as_of_text(tables.as_of, is_inferred=tables.as_of_is_inferred),
            facts=dict(self._facts()),
            missing=self._missing(),
            filter_code=filter_code(self._period, self._time_zone),
            currencies=list(figures),
            key_figures=list(zip(*figures.values(), strict=True)),
            attention=attention(self._scope),
            sections=self._sections,
            failures=failures.most_common(),
            min_cell=self.min_cell,
            is_all_shown=self._is_all_shown,
            left_out=LEFT_OUT,
            withheld=WITHHELD if self._scope.is_settlement else (),
        )

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The frame of each section; amounts are minor units.

        Example:
            >>> import om_toolkit as om
            >>> with om.replay("quickstart") as client:
            ...     orders = client.orders(client.recorded_order_ids)
            >>> Report(orders).frames["money"].select("purchase_currency", "order_amount", "captured_amount").row(0)
            ('EUR', 3748771, 2910020)
        """
        figures = key_figures_frame(self._scope)
        return {"key figures": figures} | {section.name: section.frame for section in self._sections}

    @cached_property
    def _sections(self) -> list[Section]:
        return sections_of(self._scope)

    def _facts(self) -> Iterator[tuple[str, str]]:
        """Yield what the head says besides the title: names and texts."""
        if self._period:
            first, last = self._period
            undated = "; orders without a creation time are not included" if self._has_undated else ""
            yield "Period", f"created from {first} to {last}, both included{undated}"
        yield "Time zone", self._time_zone
        if self._id_source is not None:
            yield "Order ids", self._id_source
        yield "Made with", f"om_toolkit {version('om-toolkit')}"

    def _missing(self) -> str:
        """Return how many orders are missing; of how many, unless that reveals how many orders the page hides."""
        missing = len(self._tables.failures)
        if not missing:
            return ""
        is_total_public = self.min_cell == 1 or self._asked - missing == self._tables.orders.height
        verb = "is" if missing == 1 else "are"
        if is_total_public:
            return f"{missing:,} of {count_of(self._asked, 'order')} {verb} missing"
        return f"{count_of(missing, 'order')} {verb} missing"

    def save(self, path: str | Path) -> Path:
        """Write the page, or an Excel file with a sheet for the frame of each section, and return the path.

        Args:
            path: The file, whose name ends with `.html`, or with `.xlsx` for the Excel file.

        Raises:
            MissingExtra: If an Excel file is to be written and XlsxWriter is not installed.
            OSError: If the file cannot be written; an existing file is then unchanged.
            ValueError: If the path is a URI, or its name ends with neither `.html` nor `.xlsx`.
        """
        path = local_path(path)
        if path.suffix.lower() not in _SUFFIXES:
            raise ValueError(f"cannot save a report as {path.name!r}; use a name that ends with .html or .xlsx")
        if path.suffix.lower() == ".xlsx":
            write_excel(self.frames, path, data=self._tables, time_zone=self._time_zone)
            return path
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


def _checked_before(compare_to: object, after: Tables[pl.DataFrame], min_cell: int) -> Tables[pl.DataFrame]:
    """Return the orders to compare with, with small groups pooled."""
    before = tables_of(compare_to).collect()
    check_that_sets_differ(before, after)
    return pool_countries(before, min_cell)
