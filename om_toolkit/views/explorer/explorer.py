"""Tables in; widgets out: filters, tabs, a search, and a page with a picture, a table and their Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import ipywidgets as widgets
import polars as pl

from om_toolkit import metrics
from om_toolkit.support.csv_files import csv_text
from om_toolkit.support.text import count_of
from om_toolkit.tables.tables import Tables
from om_toolkit.views import plots
from om_toolkit.views.explorer.answers import ORDER_LIST, ORDERS, TABS
from om_toolkit.views.explorer.filters import CARRIER, COLUMNS, Filters, quoted
from om_toolkit.views.explorer.page import Page, with_static_view
from om_toolkit.views.pages import render
from om_toolkit.views.show import Shown, show
from om_toolkit.views.workbook import can_be_excel, excel_bytes

_REFERENCES: Final = ("order_id", "merchant_reference1", "merchant_reference2", "klarna_reference")

_MOST_KEPT: Final = 8
"""The views that are kept, the last ones shown."""

_EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_WHOLE: Final = {"description_width": "initial"}

_WRAPPED: Final = {"flex_flow": "row wrap", "align_items": "center"}


class _Opened(NamedTuple):
    """What a click or a search has opened.

    Attributes:
        steps: Python for the tables of the orders: names and expressions, in sequence.
        words: The same in words.
    """

    steps: Mapping[str, str]
    words: str


class _View(NamedTuple):
    """What is shown.

    Attributes:
        steps: Python for the tables: names and expressions, in sequence.
        line: Python for the frame, from the last of these names.
        frame: The frame.
        words: What the frame describes, in words.
        tables: The frame as tables for readers.
        picture: The frame as SVG, if it has a picture.
        is_open: Whether the rows can be opened.
    """

    steps: Mapping[str, str]
    line: str
    frame: pl.DataFrame
    words: str
    tables: Sequence[Shown]
    picture: str
    is_open: bool

    @property
    def python(self) -> str:
        """All of the Python."""
        return "\n".join([*(f"{name} = {expression}" for name, expression in self.steps.items()), self.line])

    def html(self, *, is_static: bool) -> str:
        """Return the page, without buttons if it is static."""
        values = self._asdict() | {"line": self.python, "has_excel": can_be_excel(self.frame)}
        return render("explorer.html", **values, is_static=is_static)


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The widgets of `explore`.

    Attributes:
        filters: The filters by name: `currency`, `country`, `payment method`, `customer type` and `carrier`.
        period: The first and last day of purchase; None without any.
        tab: Selects what is shown.
        group: Selects what the rows are grouped by, under tabs with groups.
        search: The id or a reference of an order to show.
        page: What is shown.
        line: Python that returns `frame`.
        frame: The frame that is shown.
    """

    def __init__(self, tables: Tables[pl.DataFrame], names: Mapping[str, object], data: str, time_zone: str) -> None:
        """Make the widgets.

        Args:
            tables: All tables.
            names: The variable with the data.
            data: Python for all tables, with that variable.
            time_zone: The time zone of the period and of all times.
        """
        self._tables, self._names, self._data, self._time_zone = tables, names, data, time_zone
        self._selected = Filters(tables, time_zone)
        self._is_setting = False
        self._opened: list[_Opened] = []
        self._kept_tab_view = lru_cache(_MOST_KEPT)(self._tab_view)

        self.filters = {name: _dropdown(name) for name in (*COLUMNS, CARRIER)}
        self.period = self._period_slider()
        self.tab = widgets.ToggleButtons(options=list(TABS), style={"button_width": "auto"})
        self.group = _dropdown("rows by")
        self.search = widgets.Text(
            description="find order", placeholder="id or reference, then Enter", continuous_update=False, style=_WHOLE
        )
        self._back = widgets.Button(description="Back", layout={"width": "auto"})
        self.page = Page()
        self._offer()
        self._offer_groups()
        self._answer()

        for name, control in self.filters.items():
            control.observe(partial(self._on_filter, name), names="value")
        if self.period:
            self.period.observe(self._on_period, names="value")
        self.tab.observe(self._on_tab, names="value")
        self.group.observe(self._on_group, names="value")
        self.search.observe(self._on_search, names="value")
        self._back.on_click(self._on_back)
        self.page.on_click(self._on_click)
        chosen = widgets.HBox(list(self.filters.values()), layout=_WRAPPED)
        shown = widgets.HBox([self.group, self.search, self._back], layout=_WRAPPED)
        super().__init__([chosen, *filter(None, [self.period]), self.tab, shown, self.page])

    def _period_slider(self) -> widgets.SelectionRangeSlider | None:
        days = self._selected.days
        if not days:
            return None
        slider = widgets.SelectionRangeSlider(
            description="period",
            options=[(f"{day}", day) for day in days],
            index=(0, len(days) - 1),
            layout={"width": "min(45em, 95%)"},
            continuous_update=False,
        )
        slider.add_class("om-period")
        return slider

    def _offer(self) -> None:
        """Let each filter offer what exists under the others."""
        self._is_setting = True
        for name, control in self.filters.items():
            value = control.value
            control.options = self._selected.options(name)
            control.value = value or ()
        self._is_setting = False

    def _offer_groups(self) -> None:
        self._is_setting = True
        groups = TABS[self.tab.value].groups
        if groups:
            self.group.options, self.group.value = list(groups), next(iter(groups))
        self.group.layout.display = None if groups else "none"
        self._is_setting = False

    def _on_filter(self, name: str, change: Mapping[str, Any]) -> None:
        if not self._is_setting:
            self._selected.choose(name, change["new"])
            self._on_selected()

    def _on_period(self, change: Mapping[str, Any]) -> None:
        self._selected.set_period(*change["new"])
        self._on_selected()

    def _on_selected(self) -> None:
        self._opened = []
        self._offer()
        self._answer()

    def _on_tab(self, _change: object) -> None:
        self._opened = []
        self._offer_groups()
        self._answer()

    def _on_group(self, _change: object) -> None:
        if not self._is_setting:
            self._opened = []
            self._answer()

    def _on_search(self, change: Mapping[str, Any]) -> None:
        if wanted := change["new"].strip().lower():
            columns = ", ".join(map(quoted, _REFERENCES))
            is_wanted = f"pl.any_horizontal(pl.col({columns}).str.to_lowercase() == {quoted(wanted)})"
            found = {"found": f"{self._data}.filter({is_wanted})"}
            self._opened = [_Opened(found, f"id or reference {wanted}")]
            self._answer()

    def _on_back(self, _button: object) -> None:
        self._opened.pop()
        self._answer()

    def _on_click(self, word: str, row: int) -> None:
        stem = self.tab.value.replace(" ", "-")
        if word == "open":
            self._open(self.frame.row(row, named=True))
        elif word == "save frame":
            self.page.save(f"{stem}.csv", csv_text(self.frame), "text/csv")
        elif word == "save excel":
            self.page.save(f"{stem}.xlsx", self._excel(stem), _EXCEL)
        elif word == "save picture":
            self.page.save(f"{stem}.svg", self._view.picture, "image/svg+xml")

    def _open(self, row: Mapping[str, Any]) -> None:
        """Show the orders behind a row."""
        behind = TABS[self.tab.value].behind
        if order_id := row.get("order_id"):
            of_order = {"order": f'{self._data}.filter(pl.col("order_id") == {quoted(order_id)})'}
            self._opened.append(_Opened(of_order, f"order {order_id}"))
        elif behind and not self._opened and (condition := behind(self._by, row)):
            of_row = self._steps() | {"behind": f"selected.filter({condition})"}
            group = next(iter(row.values()))
            self._opened.append(_Opened(of_row, f"{self.tab.value}, {group or '(none)'}"))
        self._answer()

    @property
    def _by(self) -> str:
        groups = TABS[self.tab.value].groups
        return groups[self.group.value].format(time_zone=self._time_zone) if groups else ""

    def _steps(self) -> dict[str, str]:
        return {"selected": self._selected.text(self._data)}

    def _run(self, steps: Mapping[str, str]) -> dict[str, Any]:
        """Run assignments of Python and return all variables."""
        # They have our own code and quoted values only. What runs is what is shown.
        names = {"om": metrics, "pl": pl, **self._names}
        for name, expression in steps.items():
            names[name] = eval(expression, names)  # noqa: S307
        return names

    def _answer(self) -> None:
        """Show what the widgets are set to."""
        self._back.layout.display = None if self._opened else "none"
        if self._opened:
            self._view = self._opened_view(self._opened[-1])
        else:
            # Going back to a choice is common. A list of orders is quick to make, and too large to keep.
            view = self._tab_view if self.tab.value == ORDERS else self._kept_tab_view
            self._view = view(self.tab.value, self._by, self._selected.text(self._data))
        self.page.html = self._view.html(is_static=False)

    def _tab_view(self, name: str, by: str, selected: str) -> _View:
        """Return what a tab shows of the tables that the filters select."""
        tab, steps = TABS[name], {"selected": selected}
        of_tab = {"frame": tab.line} | ({"drawn": tab.drawn} if tab.drawn else {})
        of_tab = {name: line.format(by=by, time_zone=self._time_zone) for name, line in of_tab.items()}
        results = self._run(steps | of_tab)
        frame, drawn = results["frame"], results.get("drawn", results["frame"])
        picture = plots.svg(tab.draw(drawn)) if tab.draw and drawn.height else ""
        words = f"{self._selected.words()}: {count_of(results['selected'].orders.height, 'order')}"
        is_open = "order_id" in frame.columns or tab.behind is not None
        return _View(steps, of_tab["frame"], frame, words, [tab.table(frame, self._time_zone)], picture, is_open)

    def _opened_view(self, opened: _Opened) -> _View:
        """Return the orders behind a row, or one order."""
        name = list(opened.steps)[-1]
        tables = self._run(opened.steps)[name]
        if tables.orders.height == 1:
            return self._order_view(opened.steps, name, tables)
        line = ORDER_LIST.format(tables=name)
        frame = self._run({**opened.steps, "frame": line})["frame"]
        words = f"{opened.words}: {count_of(tables.orders.height, 'order')}"
        return _View(opened.steps, line, frame, words, [TABS[ORDERS].table(frame, self._time_zone)], "", is_open=True)

    def _order_view(self, steps: Mapping[str, str], name: str, tables: Tables[pl.DataFrame]) -> _View:
        frame = metrics.timeline(tables)
        order_id, picture = tables.orders["order_id"][0], plots.svg(plots.timeline(frame))
        card = list(_card(tables, self._time_zone))
        return _View(steps, f"om.timeline({name})", frame, f"order {order_id}", card, picture, is_open=False)

    def _excel(self, sheet: str) -> bytes:
        tables = self._run(self._view.steps)[list(self._view.steps)[-1]]
        return excel_bytes(sheet, self.frame, tables, self._time_zone)

    @property
    def line(self) -> str:
        """Python that returns `frame`."""
        return self._view.python

    @property
    def frame(self) -> pl.DataFrame:
        """The frame that is shown."""
        return self._view.frame

    def _repr_mimebundle_(self, **options: Any) -> Any:  # noqa: ANN401 - IPython's
        """Add the answer as HTML, which remains where widgets are dropped."""
        return with_static_view(super()._repr_mimebundle_(**options), self._view.html(is_static=True))


def _dropdown(description: str) -> widgets.Dropdown:
    narrow = {"width": "max-content", "max_width": "20em"}
    return widgets.Dropdown(description=description, style=_WHOLE, layout=narrow)


def _card(tables: Tables[pl.DataFrame], time_zone: str) -> Iterator[Shown]:
    """Yield the tables of one order: its facts, events, lines and shipments."""
    facts = tables.orders.select(pl.col(name) for name in _FACTS)
    yield show(facts, time_zone=time_zone, caption="order")
    yield show(metrics.timeline(tables), data=tables, time_zone=time_zone, caption="events")
    lines = tables.order_lines.filter(pl.col("source") == "order")
    yield show(lines.select(_LINE_COLUMNS), time_zone=time_zone, caption="order lines")
    yield show(tables.shipments.select(_SHIPMENT_COLUMNS), time_zone=time_zone, caption="shipments")


_FACTS: Final = (
    "status",
    "fraud_status",
    "purchase_country",
    "customer_type",
    "initial_payment_method_type",
    "merchant_reference1",
    "purchase_currency",
    "order_amount",
    "captured_amount",
    "refunded_amount",
    "remaining_authorized_amount",
    "expires_at",
)
_LINE_COLUMNS: Final = ("type", "reference", "name", "quantity", "purchase_currency", "unit_price", "total_amount")
_SHIPMENT_COLUMNS: Final = ("source", "shipping_company", "shipping_method", "has_tracking")
