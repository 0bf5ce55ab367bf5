"""The sections of the report: each figure is that of its metric, under the right heading."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views import plots
from om_toolkit.views.report import sections

Row = dict[str, Any]
Sections = dict[str, sections.Section]
ORDER = {"purchase_currency": "EUR", "order_amount": 100, "captured_amount": 100, "created_at": at(0)}
DIGITS = {"EUR": 2, "JPY": 0, "SEK": 2, "USD": 2}


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


@pytest.fixture(scope="module")
def shown(tables: om.Tables[pl.DataFrame]) -> Sections:
    return {name: section(tables) for name, section in sections.SECTIONS.items()}


def money(row: Row, name: str) -> str:
    """Write an amount by decimal arithmetic, not by that of the package."""
    whole = Decimal(row[name]).to_integral_value(ROUND_HALF_EVEN)
    return f"{whole.scaleb(-DIGITS[row['purchase_currency']]):,f} {row['purchase_currency']}"


def per_cent(row: Row, name: str) -> str:
    return "-" if row[name] is None else f"{100 * Decimal(row[name]):.1f} %"


def in_hours(row: Row, name: str) -> str:
    return "-" if row[name] is None else f"{Decimal(row[name]):,.1f} h"


def bounds(row: Row, name: str, factor: int = 1) -> str:
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    if low is None and high is None:
        return ""
    texts = ["?" if bound is None else f"{factor * Decimal(bound):,.1f}" for bound in (low, high)]
    return f" ({texts[0]}\N{EN DASH}{texts[1]})"


def capture_cells(row: Row) -> Row:
    return {
        "country": row["purchase_country"],
        "orders": str(row["orders"]),
        "captured": str(row["captured"]),
        "waiting": str(row["waiting"]),
        "expired": str(row["expired"]),
        "cancelled": str(row["cancelled"]),
        "other": str(row["other"]),
        "excluded": str(row["excluded"]),
        "half captured within": in_hours(row, "p50_hours") + bounds(row, "p50_hours"),
        "90 % within": in_hours(row, "p90_hours"),
        "within 24 h": per_cent(row, "within_24h") + bounds(row, "within_24h", 100),
        "within 72 h": per_cent(row, "within_72h") + bounds(row, "within_72h", 100),
    }


def refund_cells(row: Row) -> Row:
    return {
        "country": row["purchase_country"],
        "captured orders": str(row["orders_captured"]),
        "refunded orders": str(row["orders_refunded"]),
        "refunded in full": str(row["orders_fully_refunded"]),
        "captured": money(row, "captured_amount"),
        "refunded": money(row, "refunded_amount"),
        "share of amount": per_cent(row, "amount_ratio") + bounds(row, "amount_ratio", 100),
        "share of orders": per_cent(row, "count_ratio") + bounds(row, "count_ratio", 100),
    }


def shipping_cells(row: Row) -> Row:
    return {
        "shipping method": row["shipping_method"],
        "captures": str(row["count"]),
        "share": per_cent(row, "share") + bounds(row, "share", 100),
        "with tracking": str(row["with_tracking"]),
        "tracking share": per_cent(row, "tracking_share"),
    }


def key_cells(row: Row) -> dict[str, tuple[str, str]]:
    lost = row | {"lost": row["expired_amount"] + row["cancelled_amount"]}
    return {
        "orders": (str(row["orders"]), f"median {money(row, 'median_order_value')}"),
        "ordered": (money(row, "order_amount"), f"{money(row, 'average_order_value')} on average"),
        "captured (share of ordered)": (
            money(row, "captured_amount"),
            per_cent(row, "capture_rate") + bounds(row, "capture_rate", 100),
        ),
        "refunded (share of captured)": (
            money(row, "refunded_amount"),
            per_cent(row, "refund_ratio") + bounds(row, "refund_ratio", 100),
        ),
        "still open": (
            money(row, "open_amount"),
            f"{row['open_orders']} order{'s' if row['open_orders'] != 1 else ''}",
        ),
        "expired or cancelled": (
            money(lost, "lost"),
            f"{row['expired_orders']} expired, {row['cancelled_orders']} cancelled",
        ),
        "half captured within": (
            in_hours(row, "p50_hours"),
            " to ".join(in_hours(row, f"p50_hours_{side}").replace("-", "?") for side in ("low", "high")),
        ),
        "shipped with tracking": (
            per_cent(row, "tracking_share"),
            f"{row['captures_with_tracking']} of {row['captures']} captures",
        ),
    }


def as_dicts(section: sections.Section) -> list[Row]:
    return [dict(zip(section.headings, row, strict=True)) for row in section.rows]


class TestEveryCellIsTheMetrics:
    def test_of_captures(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        rows = om.capture_latency(tables, by="purchase_country").to_dicts()
        section = shown["capture"]
        assert as_dicts(section) == [capture_cells(row) for row in rows]
        assert list(section.headings) == list(capture_cells(rows[0]))
        assert len(rows) == 6

    def test_of_refunds(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        rows = om.refund_ratio(tables, by="purchase_country").to_dicts()
        section = shown["refunds"]
        assert as_dicts(section) == [refund_cells(row) for row in rows]
        assert list(section.headings) == list(refund_cells(rows[0]))
        assert len(rows) == 6

    def test_of_shipping(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        rows = om.shipping_methods(tables).to_dicts()
        section = shown["shipping"]
        assert as_dicts(section) == [shipping_cells(row) for row in rows]
        assert list(section.headings) == list(shipping_cells(rows[0]))
        assert len(rows) == 16

    def test_of_the_key_figures(self, tables: om.Tables[pl.DataFrame]) -> None:
        rows = om.key_figures(tables).to_dicts()
        texts = sections.key_figures(tables)
        assert list(texts) == ["EUR", "JPY", "SEK", "USD"] == [row["purchase_currency"] for row in rows]
        for figures, row in zip(texts.values(), rows, strict=True):
            assert {name: (figure, detail) for name, figure, detail in figures} == key_cells(row)
            assert [figure.name for figure in figures] == list(key_cells(row))

    def test_tracking_is_a_key_figure_unless_it_would_narrow_down_a_method_in_a_currency(
        self, tables: om.Tables[pl.DataFrame]
    ) -> None:
        in_euro = tables.filter(pl.col("purchase_currency") == "EUR")
        for data, min_cell, last in ((tables, 5, "half captured within"), (in_euro, 5, "shipped with tracking")):
            for figures in sections.key_figures(data, min_cell).values():
                assert [figure.name for figure in figures][-1] == last

    def test_no_two_columns_of_the_recording_are_alike(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        # Else the tests above could not distinguish two columns.
        for section in shown.values():
            columns = list(zip(*section.rows, strict=True))
            assert len(set(columns)) == len(columns)
        keys = sections.key_figures(tables).values()
        written = [
            cell for row in zip(*keys, strict=True) for cell in zip(*(figure[1:] for figure in row), strict=True)
        ]
        assert len(set(written)) == len(written)


class TestSentences:
    def test_of_captures(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        row = om.capture_latency(tables).row(0, named=True)
        sentence, why = shown["capture"].sentences
        assert why.startswith("Waiting orders have no capture")
        for texts in (
            f"{row['orders']} orders: {row['captured']} captured, ",
            f" {row['waiting']} waiting, ",
            f" {row['expired']} expired, {row['cancelled']} cancelled, {row['other']} with another ending, ",
            f" {row['excluded']} excluded (",
            f" Half of the orders are captured within {in_hours(row, 'p50_hours')}{bounds(row, 'p50_hours')}.",
        ):
            assert texts in sentence

    def test_of_refunds(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        assert shown["refunds"].sentences == [
            f"Of {money(row, 'captured_amount')} captured, {money(row, 'refunded_amount')} was refunded: "
            f"{per_cent(row, 'amount_ratio')}{bounds(row, 'amount_ratio', 100)}."
            for row in om.refund_ratio(tables).to_dicts()
        ]

    def test_of_shipping(self, tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
        rows = om.shipping_methods(tables).to_dicts()
        most_common = max((row for row in rows if row["shipping_method"][0] != "("), key=lambda row: row["count"])
        (sentence,) = shown["shipping"].sentences
        assert f"is {most_common['shipping_method']}: " in sentence
        assert f": {per_cent(most_common, 'share')}{bounds(most_common, 'share', 100)} of the captures." in sentence

    def test_a_method_that_is_none_is_not_called_the_most_common(self) -> None:
        captures = [{"order_id": str(number), "capture_id": "1", "captured_at": at(1)} for number in range(3)]
        shipped = [{"order_id": "0", "capture_id": "1", "source": "capture", "shipping_method": "Home"}]
        orders = [{"order_id": str(number), "status": "CAPTURED"} for number in range(3)]
        section = sections.shipping(shop(orders=orders, captures=captures, shipments=shipped))
        assert [row[:2] for row in section.rows] == [["(unknown)", "2"], ["Home", "1"]]
        sentence = "The most common shipping method is Home: 33.3 % (6.1\N{EN DASH}79.2) of the captures."
        assert section.sentences == [sentence]

    def test_a_median_that_was_not_reached_is_omitted(self) -> None:
        waiting = [{"order_id": str(number), "status": "AUTHORIZED", "created_at": at(0)} for number in range(1234)]
        section = sections.capture(shop(orders=waiting, as_of=at(10)))
        sentence, _ = section.sentences
        assert (
            "1,234 orders: 0 captured, 1,234 waiting, 0 expired, 0 cancelled, 0 with another ending, 0 excluded"
            in sentence
        )
        assert "Half" not in sentence
        assert as_dicts(section)[0]["country"] == "(none)"
        assert as_dicts(section)[0]["half captured within"] == "-"

    @pytest.mark.parametrize("section", sections.SECTIONS.values(), ids=sections.SECTIONS)
    def test_no_orders_give_no_rows(self, section: Any) -> None:
        section = section(shop())
        assert section.rows == []
        assert section.sentences == ["There is not enough data for a summary."]
        assert sections.key_figures(shop()) == {}


PICTURE_ID = r"\b[mp][0-9a-f]{10}\b"


def test_each_picture_is_that_of_its_metric(tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
    for section, picture in (
        ("capture", plots.capture_curve(om.capture_curve(tables), title="")),
        ("refunds", plots.refund_ratio(om.refund_ratio(tables, by="purchase_country"), title="")),
        ("shipping", plots.shipping_methods(om.shipping_methods(tables), title="")),
    ):
        # The last digit of a figure depends on the number of rows; the ids of a picture are made of all digits.
        assert re.sub(PICTURE_ID, "", shown[section].picture) == re.sub(PICTURE_ID, "", plots.svg(picture))


ORDERS = [
    {
        "order_id": "a",
        "status": "CAPTURED",
        "order_amount": 100000,
        "captured_amount": 100000,
        "refunded_amount": 25000,
    },
    {"order_id": "b", "status": "PART_CAPTURED", "order_amount": 50000, "captured_amount": 20000},
    {"order_id": "c", "status": "EXPIRED", "order_amount": 30000, "captured_amount": 0},
    {"order_id": "d", "status": "CANCELLED", "order_amount": 4000, "captured_amount": 0},
    {
        "order_id": "e",
        "status": "AUTHORIZED",
        "order_amount": 980,
        "captured_amount": 0,
        "purchase_currency": "JPY",
        "expires_at": at(600),
    },
]


def test_a_shop_worked_by_hand() -> None:
    remaining = {"b": 30000, "e": 980}
    orders: list[Row] = [
        {"purchase_currency": "SEK", "purchase_country": "SE", "created_at": at(0), "expires_at": at(50)}
        | order
        | {"remaining_authorized_amount": remaining.get(order["order_id"], 0)}
        for order in ORDERS
    ]
    captures = [
        {"order_id": name, "capture_id": "1", "captured_at": at(hours), "captured_amount": amount}
        for name, hours, amount in (("a", 6, 100000), ("b", 30, 20000))
    ]
    shipped = [
        {"order_id": "a", "capture_id": "1", "source": "capture", "shipping_method": "Home", "has_tracking": True}
    ]
    tables = shop(orders=orders, captures=captures, shipments=shipped, as_of=at(100))

    texts = sections.key_figures(tables)
    yen, kronor = ({name: (figure, detail) for name, figure, detail in texts[code]} for code in ("JPY", "SEK"))
    assert kronor["orders"] == ("4", "median 400.00 SEK")
    assert kronor["ordered"] == ("1,840.00 SEK", "460.00 SEK on average")
    assert kronor["captured (share of ordered)"][0] == "1,200.00 SEK"
    assert kronor["captured (share of ordered)"][1].startswith("65.2 % (")
    assert kronor["refunded (share of captured)"][0] == "250.00 SEK"
    assert kronor["refunded (share of captured)"][1].startswith("20.8 % (")
    assert kronor["still open"] == ("300.00 SEK", "1 order")
    assert kronor["expired or cancelled"] == ("340.00 SEK", "1 expired, 1 cancelled")
    assert kronor["half captured within"][0] == "30.0 h"  # half of a, b, d and e are captured after 30 h
    assert kronor["shipped with tracking"] == ("50.0 %", "1 of 2 captures")
    assert yen["still open"] == ("980 JPY", "1 order")
    assert yen["captured (share of ordered)"] == ("0 JPY", "0.0 % (0.0\N{EN DASH}79.3)")
    assert yen["refunded (share of captured)"] == ("0 JPY", "-")
    assert yen["shipped with tracking"] == ("-", "0 of 0 captures")

    (row,) = as_dicts(sections.capture(tables))
    counts = ("orders", "captured", "waiting", "expired", "cancelled", "other", "excluded")
    assert [row[name] for name in counts] == ["5", "2", "1", "1", "1", "0", "0"]
    assert row["within 24 h"].startswith("20.0 % (")
    assert row["within 72 h"].startswith("40.0 % (")
    (row,) = as_dicts(sections.refunds(tables))
    assert [row[name] for name in ("captured", "refunded")] == ["1,200.00 SEK", "250.00 SEK"]
    assert [row[name] for name in ("captured orders", "refunded orders", "refunded in full")] == ["2", "1", "0"]


class Page(HTMLParser):
    """Collects the tables of a page, as the texts of their cells, and its paragraphs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.paragraphs: list[str] = []
        self._texts: list[str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"th", "td", "p"}:
            self._texts = []

    def handle_data(self, data: str) -> None:
        if self._texts is not None:
            self._texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"th", "td", "p"} and self._texts is not None:
            texts = "|".join(self._texts)
            if tag == "p":
                self.paragraphs.append(texts)
            else:
                self.tables[-1][-1].append(texts)
            self._texts = None


def test_the_page_shows_all_sections(tables: om.Tables[pl.DataFrame], shown: Sections) -> None:
    page = Page(om.Report(tables, min_cell=1).html)
    key, *tables_of_sections = page.tables
    for section in shown.values():
        rows = [list(section.headings), *section.rows]
        assert rows in [[[cell.replace("|", "") for cell in row] for row in table] for table in tables_of_sections]
    for section in shown.values():
        assert set(section.sentences) <= set(page.paragraphs)

    figures = sections.key_figures(tables)
    assert key[0] == ["", *figures]
    of_currency = {currency: list(cells) for currency, *cells in zip(*key, strict=True)}
    assert of_currency.pop("") == [figure.name for figure in figures["SEK"]]
    assert of_currency == {
        currency: [f"{figure}|{detail}" for _, figure, detail in of_one] for currency, of_one in figures.items()
    }


def test_the_largest_of_many_groups_are_shown() -> None:
    orders = [{"order_id": f"o{number}"} | ORDER | {"purchase_country": f"C{number:02}"} for number in range(30)]
    orders += [{"order_id": f"p{number}"} | ORDER | {"purchase_country": "Z"} for number in range(2)]
    captures = [
        {"order_id": order["order_id"], "capture_id": order["order_id"], "capture": 0, "captured_amount": 100}
        | {"captured_at": at(1), "purchase_currency": "EUR"}
        for order in orders
    ]
    shipments = [
        {"order_id": order["order_id"], "capture_id": order["order_id"], "capture": 0, "shipment": 0}
        | {"source": "capture", "shipping_method": order["purchase_country"]}
        for order in orders
    ]
    tables = shop(orders=orders, captures=captures, shipments=shipments)
    for make in sections.SECTIONS.values():
        section = make(tables)
        assert section.frame.height == 31
        assert [len(section.rows), section.rows[0][0]] == [25, section.frame.item(0, 0)]
        assert section.table.note == "The 25 largest of 31 groups; the Excel file has all of them."
        assert "Z" in [row[0] for row in section.rows]
        assert "C29" not in section.picture


def test_of_many_currencies_the_largest_have_a_sentence() -> None:
    codes = ["CHF", "DKK", "EUR", "NOK", "SEK"]
    orders = [
        {"order_id": f"{code}{number}"} | ORDER | {"purchase_currency": code}
        for place, code in enumerate(codes, 1)
        for number in range(place)
    ]
    figures = om.key_figures(shop(orders=orders))
    found = sections.sentences_of(figures, lambda row: row["purchase_currency"], "orders")
    assert found == ["EUR", "NOK", "SEK", "The key figures have the other 2 currencies as well."]
    assert sections.sentences_of(figures.head(4), lambda row: row["purchase_currency"], "orders") == codes[:4]
