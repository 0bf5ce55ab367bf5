"""The report: orders in, one HTML file out that needs no network and can be sent to somebody."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from om_toolkit.support.atomic_files import replacing
from om_toolkit.support.instants import moment
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.views.questions import PAGES, QUESTIONS, key_figures, pooled

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from om_toolkit.orders.orders import Orders


class Report:
    """Key figures and the three questions, each with words, a picture and a table, and what the numbers rest on.

    Args:
        data: Orders or Tables.
        title: Heads the page.
        min_cell: The fewest captured orders of a country, and orders of a shipping method, that are shown by
            themselves. Smaller ones stand together as `(few)`, the same ones in all tables, which has that many too; a
            method that is smaller in a country alone is among all others in that country's bar. A currency with fewer
            captured orders is left out of the page and counted in its notes. So no two numbers tell of a smaller group
            by their difference. What happened within a group is not hidden: that 1 of its orders was refunded, and how
            much, is told. 1 shows all.

    Raises:
        TypeError: If `data` is neither.
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
            raise ValueError(f"min_cell={min_cell}: a group has at least 1 order")
        self.title = title
        self.min_cell = min_cell
        tables = tables_of(data).collect()
        self._tables = pooled(tables, min_cell)
        self._left_out = tables.orders.height - self._tables.orders.height

    @property
    def html(self) -> str:
        """The page."""
        figures = key_figures(self._tables)
        speaks = moment(self._tables.as_of, is_inferred=self._tables.as_of_is_inferred)
        return PAGES.get_template("report.html").render(
            title=self.title,
            subtitle=f"{self._tables.orders.height:,} orders, {speaks}",
            currencies=list(figures),
            key_figures=list(zip(*figures.values(), strict=True)),
            answers=[answer(self._tables, self.min_cell) for answer in QUESTIONS.values()],
            notes=list(self._notes()),
            version=version("om-toolkit"),
        )

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and return its path.

        Raises:
            OSError: If it cannot be written there; what stood there stays.
        """
        path = Path(path)
        with replacing(path) as unfinished:
            unfinished.write_text(self.html, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        return f"Report({self.title!r}, {self._tables.orders.height:,} orders): .save('report.html') writes it"

    def _notes(self) -> Iterator[str]:
        yield (
            f"The numbers speak of the orders {moment(self._tables.as_of)}: what the API answered then. "
            "Orders still open at that moment count as waiting, not as missing."
        )
        if self._tables.failures:
            kinds = Counter(failure.kind.replace("_", " ") for failure in self._tables.failures)
            told = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
            number = len(self._tables.failures)
            yield f"{number:,} orders are not in these numbers, because they could not be had: {told}."
        if self.min_cell > 1:
            yield (
                f"So that no customer is a group alone, countries of fewer than {self.min_cell} captured orders stand "
                "together as (few), each currency for itself, and with the next larger one where they are still fewer; "
                f"so do shipping methods of fewer than {self.min_cell} orders, and a method of fewer in one country is "
                "among all others in its bar. The curve has a step for every "
                f"{self.min_cell} captures. Left out is a currency with fewer captured orders: {self._left_out:,} "
                "orders here. Numbers within a group are not hidden, small ones neither, such as that of its refunded "
                "orders and their amount."
            )
        yield (
            "Time to capture runs from the order to its first capture. The median and the 90 % are Kaplan-Meier "
            "estimates; the shares within 24 and 72 hours count expiry as an end of its own. Left out are orders that "
            "ended at a moment the API does not tell (cancelled, or closed without a capture), and those whose times "
            "or status cannot be judged (captured before they were placed, an unknown status)."
        )
        yield (
            "The refund ratio is what was refunded of these orders to date over what was captured of them, pooled; "
            "later refunds will raise it. Amounts of different currencies are never added up."
        )
        yield (
            "A capture is (missing) where goods were captured without a shipping method, (mixed) with several, "
            "(digital) where nothing was to be shipped, and (unknown) if it tells neither lines nor shipping."
        )
        yield "Figures in brackets are 95 % intervals."
