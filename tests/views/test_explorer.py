"""The explorer: what its widgets show, and that the Python below it returns the same frame."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ipywidgets
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.views import plots
from om_toolkit.views.explorer import Explorer, PooledExplorer
from om_toolkit.views.explorer.answers import LINE_GROUPS, ORDER_GROUPS, TABS
from om_toolkit.views.explorer.page import Page
from om_toolkit.views.workbook import can_be_excel

OTHER_GROUPS = [group for group in [*ORDER_GROUPS, *LINE_GROUPS] if group not in {"country", "week", "category"}]


@pytest.fixture(scope="module")
def orders() -> om.Orders:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids)


@pytest.fixture
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no pictures, which take most of the time."""
    monkeypatch.setattr(plots, "svg", lambda _ax: "")


def returned(line: str, **names: Any) -> pl.DataFrame:
    """Run the Python that the explorer shows, as a user would."""
    *assignments, expression = line.splitlines()
    names |= {"om": om, "pl": pl}
    exec("\n".join(assignments), names)  # noqa: S102 - the line of the explorer
    frame: pl.DataFrame = eval(expression, names)  # noqa: S307
    return frame


def opened(explorer: Any, row: int) -> None:
    """Click on a row."""
    explorer.page._handle_custom_msg({"do": "open", "row": row}, [])


@pytest.mark.usefixtures("_no_pictures")
@pytest.mark.parametrize("tab", TABS)
def test_the_line_returns_what_is_shown(orders: om.Orders, tab: str) -> None:
    explorer = om.explore(orders, time_zone="Europe/Stockholm")
    assert isinstance(explorer, Explorer)
    assert explorer.period
    explorer.tab.value = tab
    for group in explorer.group.options if TABS[tab].groups else [None]:
        explorer.group.value = group or explorer.group.value
        assert_frame_equal(returned(explorer.line, orders=orders), explorer.frame)
    for name, control in explorer.filters.items():
        control.value = control.options[-1][1]
        assert_frame_equal(returned(explorer.line, orders=orders), explorer.frame)
        assert f"{name} " in explorer.page.html
    explorer.period.index = (3, len(explorer.period.options) - 3)
    assert_frame_equal(returned(explorer.line, orders=orders), explorer.frame)
    assert explorer.line in explorer.page.html.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")


@pytest.mark.parametrize("tab", ["latency", "refunds", "products", "shipping", "money at risk", "audit", "orders"])
def test_a_row_opens_the_orders_behind_it_and_an_order_its_card(orders: om.Orders, tab: str) -> None:
    explorer: Any = om.explore(orders)
    explorer.tab.value = tab
    shown = explorer.frame
    place = 1 if tab in ("latency", "refunds", "products", "shipping") else 0
    opened(explorer, place)
    if place:
        listed = explorer.frame
        assert "order_id" in listed.columns
        assert_frame_equal(returned(explorer.line, orders=orders), listed)
        counted = next((name for name in ("orders", "orders_captured") if name in shown.columns), None)
        if counted:
            assert listed.height >= shown[counted][place] > 0
        opened(explorer, 0)
        shown = listed
    assert_frame_equal(returned(explorer.line, orders=orders), explorer.frame)
    assert "created" in explorer.frame["event"]
    assert "order lines" in explorer.page.html
    assert shown["order_id"][0] in explorer.page.html
    for _ in range(1 + bool(place)):
        explorer._back.click()
    assert "click a row" in explorer.page.html
    assert explorer._back.layout.display == "none"


@pytest.mark.usefixtures("_no_pictures")
@pytest.mark.parametrize(
    "group", ["country", "week", "category", *(pytest.param(g, marks=pytest.mark.slow) for g in OTHER_GROUPS)]
)
def test_every_group_leads_to_its_orders(orders: om.Orders, group: str) -> None:
    explorer: Any = om.explore(orders)
    explorer.tab.value = "latency" if group in ORDER_GROUPS else "products"
    explorer.group.value = group
    for row in range(min(explorer.frame.height, 8)):
        wanted = explorer.frame.row(row, named=True)
        if wanted.get(group) == "(no lines)":
            continue
        opened(explorer, row)
        assert explorer.frame.height > 0, wanted
        if "orders" in wanted and "event" not in explorer.frame.columns:
            assert explorer.frame.height == wanted["orders"]
        explorer._back.click()


def test_the_filters_offer_only_what_exists_together(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders)
    frame = orders.to_polars()
    explorer.filters["currency"].value = ("SEK",)
    offered = explorer.filters["country"].options
    in_sek = frame.filter(purchase_currency="SEK")["purchase_country"].value_counts().sort("purchase_country").rows()
    assert [label for label, _ in offered] == ["all", *(f"{country} ({count})" for country, count in in_sek)]
    assert len(explorer.filters["currency"].options) == 1 + frame["purchase_currency"].n_unique()
    explorer.filters["currency"].value = ()
    assert len(explorer.filters["country"].options) == 1 + frame["purchase_country"].n_unique()


def test_a_choice_without_orders_stays_and_shows_nothing(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders)
    explorer.filters["country"].value = ("JP",)
    first_japanese = orders.to_polars().filter(purchase_country="JP")["created_at"].min().date()  # type: ignore[union-attr]
    days = [day for _, day in explorer.period.options]
    explorer.period.index = (0, days.index(first_japanese) - 1)
    assert explorer.filters["country"].label == "JP (0)"
    assert "Nothing here" in explorer.page.html
    assert "0 orders" in explorer.page.html


def test_an_order_is_found_by_id_or_reference_in_either_case(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders)
    wanted = orders[7]
    assert wanted.order_id
    for text in (wanted.order_id.upper(), f" {wanted.merchant_reference1} ", wanted.klarna_reference):
        explorer.search.value = text
        assert wanted.order_id in explorer.page.html
        assert_frame_equal(returned(explorer.line, orders=orders), om.timeline(wanted, as_of=orders.as_of))
    explorer.search.value = "no such order"
    assert "Nothing here: id or reference no such order" in explorer.page.html
    explorer._back.click()
    assert "all orders: 300 orders" in explorer.page.html


@pytest.mark.parametrize(
    "value", ['Ta"b', "O'Neill", "both \"'", "{by}", r"back\slash", "a = b", "orders.tables()", "<i>"]
)
def test_a_value_is_quoted_in_the_line_and_escaped_in_the_page(value: str) -> None:
    rows = [
        {"order_id": "1", "initial_payment_method": {"type": value}, "purchase_country": "SE"},
        {"order_id": "2", "initial_payment_method": {"type": "CARD"}, "purchase_country": "SE"},
    ]
    orders = om.Orders([om.Order.model_validate(row) for row in rows], as_of=datetime(2026, 10, 1, tzinfo=UTC))
    explorer: Any = om.explore(orders)
    choices = dict(explorer.filters["payment method"].options)
    explorer.tab.value = "orders"
    explorer.filters["payment method"].value = choices[f"{value} (1)"]
    assert explorer.frame["order_id"].to_list() == ["1"]
    assert_frame_equal(returned(explorer.line, orders=orders), explorer.frame)
    assert "<i>" not in explorer.page.html


@pytest.mark.parametrize("way", ["eager", "lazy"])
def test_tables_are_explored_as_orders_are(orders: om.Orders, way: str) -> None:
    tables: Any = orders.tables().lazy() if way == "lazy" else orders.tables()
    explorer: Any = om.explore(tables, name="mine")
    assert explorer.line.startswith("selected = mine\n")
    assert_frame_equal(returned(explorer.line, mine=tables), explorer.frame)


def test_a_view_is_kept_for_the_way_back_and_only_with_its_own_choices(
    orders: om.Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(plots, "svg", lambda _ax: drawn.append("") or f"picture {len(drawn)}")  # type: ignore[func-returns-value]
    explorer: Any = om.explore(orders)
    explorer.tab.value = "refunds"
    by_country = explorer.page.html, explorer.line, explorer.frame
    assert "picture 2" in by_country[0]
    explorer.group.value = "customer type"
    assert "picture 3" in explorer.page.html
    explorer.filters["currency"].value = ("SEK",)
    assert "picture 4" in explorer.page.html
    opened(explorer, 0)
    explorer._back.click()
    assert "picture 4" in explorer.page.html
    explorer.filters["currency"].value = ()
    explorer.group.value = "country"
    assert (explorer.page.html, explorer.line, explorer.frame) == by_country
    assert len(drawn) == 4
    for country in dict(explorer.filters["country"].options).values():  # more than are kept
        explorer.filters["country"].value = country
    for payment in dict(explorer.filters["payment method"].options).values():
        explorer.filters["payment method"].value = payment
    explorer.filters["country"].value = explorer.filters["payment method"].value = ()
    before = len(drawn)
    explorer.filters["currency"].value = ("SEK",)
    explorer.group.value = "customer type"
    assert f"picture {before + 2}" in explorer.page.html


def test_no_orders_can_be_explored() -> None:
    explorer: Any = om.explore(om.Orders())
    assert explorer.period is None
    for tab in TABS:
        explorer.tab.value = tab
        assert "Nothing here" in explorer.page.html


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Return what the explorers let the browser save, by the name of the file."""
    files: dict[str, bytes] = {}

    def save(_page: object, content: dict[str, str], buffers: list[bytes]) -> None:
        files[content["name"]] = b"".join(buffers)

    monkeypatch.setattr(Page, "send", save)
    return files


def test_a_frame_and_a_picture_are_saved(orders: om.Orders, saved: dict[str, bytes]) -> None:
    explorer: Any = om.explore(orders)
    explorer.tab.value = "refunds"
    for word in ("save frame", "save picture"):
        explorer.page._handle_custom_msg({"do": word}, [])
    assert list(saved) == ["refunds.csv", "refunds.svg"]
    assert_frame_equal(pl.read_csv(saved["refunds.csv"]), explorer.frame)
    assert saved["refunds.svg"].startswith(b"<svg")


def test_excel_has_the_frame_as_write_excel_has_it(orders: om.Orders, saved: dict[str, bytes], tmp_path: Path) -> None:
    explorer: Any = om.explore(orders, time_zone="Asia/Tokyo")
    explorer.tab.value = "money at risk"
    explorer.page._handle_custom_msg({"do": "save excel"}, [])
    om.write_excel({"money-at-risk": explorer.frame}, tmp_path / "wanted.xlsx", data=orders, time_zone="Asia/Tokyo")
    assert saved == {"money-at-risk.xlsx": (tmp_path / "wanted.xlsx").read_bytes()}


def test_excel_has_the_amounts_of_an_order_in_major_units(orders: om.Orders, saved: dict[str, bytes]) -> None:
    explorer: Any = om.explore(orders)
    explorer.search.value = next(order.order_id for order in orders if order.purchase_currency == "EUR")
    explorer.page._handle_custom_msg({"do": "save excel"}, [])
    amounts = pl.read_excel(saved["overview.xlsx"], sheet_name="overview")["amount"]
    assert amounts.to_list() == [amount and amount / 100 for amount in explorer.frame["amount"]]


def test_excel_is_offered_only_where_it_can_be_written(orders: om.Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "save excel" in om.explore(orders).page.html
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    without: Any = om.explore(orders)
    assert "save excel" not in without.page.html
    assert "save frame" in without.page.html
    monkeypatch.undo()
    assert not can_be_excel(pl.DataFrame({"n": pl.repeat(1, 1_048_576, eager=True)}))


def test_an_export_has_the_answer_without_buttons(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders)
    explorer.tab.value = "latency"
    shown = explorer._repr_mimebundle_()["text/html"]
    assert "<svg" in shown
    assert "om.capture_latency" in shown
    assert "<button" not in shown
    assert "click" not in shown


def test_with_min_cell_there_is_nothing_that_leads_to_an_order(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders, min_cell=20)
    assert isinstance(explorer, PooledExplorer)
    assert [type(child) for child in explorer.children] == [ipywidgets.ToggleButtons, type(explorer.page)]
    for section in explorer.section.options:
        explorer.section.value = section
        assert "fewer than 20 are pooled" in explorer.page.html
        assert not any(order.order_id in explorer.page.html for order in orders if order.order_id)
    assert explorer._repr_mimebundle_()["text/html"] == explorer.page.html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_zone": "Stockholm"}, "use a name of the IANA database, such as 'Europe/Stockholm'"),
        ({"min_cell": 0}, "invalid min_cell 0"),
        ({"name": "my orders"}, "'my orders' is no name of a variable"),
    ],
)
def test_a_wrong_option_gets_a_sentence(orders: om.Orders, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        om.explore(orders, **options)


@pytest.mark.slow
def test_a_hundred_changes_leave_nothing_behind(orders: om.Orders) -> None:
    explorer: Any = om.explore(orders)

    def change(times: int) -> tuple[int, int]:
        for turn in range(times):
            explorer.tab.value = list(TABS)[turn % len(TABS)]
            explorer.filters["currency"].value = explorer.filters["currency"].options[turn % 3][1]
        gc.collect()
        objects = gc.get_objects()
        return sum(isinstance(one, ipywidgets.Widget) for one in objects), len(objects)

    change(20)
    widgets, objects = change(20)
    widgets_later, objects_later = change(100)
    assert widgets_later == widgets
    assert objects_later < objects * 1.02
