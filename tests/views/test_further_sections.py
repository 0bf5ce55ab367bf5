"""The sections by cohort, product, carrier, payment method and tax rate: their frames, and which of them are shown."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report.contents import sections_of
from om_toolkit.views.report.further_sections import LEFT_OUT, cohorts, customers, further, payment
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section
from om_toolkit.views.report.small_groups import FEW

if TYPE_CHECKING:
    from om_toolkit.tables.tables import Tables


@pytest.fixture(scope="module")
def tables() -> Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


@pytest.fixture(scope="module")
def all_sections(tables: Tables[pl.DataFrame]) -> dict[str, Section]:
    found = sections_of(Scope(tables, time_zone="Europe/Stockholm"))
    assert len({section.name for section in found}) == len(found)
    return {section.name: section for section in found}


@pytest.mark.slow
def test_the_python_line_of_every_section_gives_its_frame(
    tables: Tables[pl.DataFrame], all_sections: dict[str, Section]
) -> None:
    for section in all_sections.values():
        frame = eval(section.code, {"om": om, "orders": tables, "pl": pl})  # noqa: S307 - the page's own line
        shared = [name for name in section.frame.columns if name in frame.columns]
        assert shared == section.frame.columns[: len(shared)]
        assert len(shared) > 2
        figures = frame.select(shared)
        assert_frame_equal(section.frame.select(shared), figures, rel_tol=1e-12)


@pytest.mark.slow
def test_the_lines_of_a_page_with_pooled_groups_give_its_frames(tables: Tables[pl.DataFrame]) -> None:
    for section in (payment(Scope(tables, 5)), customers(Scope(tables, 5))):
        frame = eval(section.code, {"om": om, "orders": tables})  # noqa: S307 - the page's own line
        assert frame.equals(section.frame)


def test_every_section_has_rows_a_heading_for_each_cell_and_words(all_sections: dict[str, Section]) -> None:
    for section in all_sections.values():
        assert section.rows, section.name
        assert all(len(row) == len(section.headings) for row in section.rows)
        assert all(len(set(section.headings)) == len(section.headings) for section in all_sections.values())
        assert section.sentences[0][-1] in ".:"
        assert "_" not in "".join(section.headings).replace("shipping_fee", "")


def test_cells_are_those_of_the_metric(tables: Tables[pl.DataFrame], all_sections: dict[str, Section]) -> None:
    row = om.products(tables).row(0, named=True)
    section = all_sections["products"]
    cells = dict(zip(section.headings, section.rows[0], strict=True))
    assert cells["category"] == row["category"]
    assert cells["captured amount"] == om.money.format(row["captured_amount"], row["purchase_currency"])
    share = f"{100 * row['amount_ratio']:.1f} % ({100 * row['amount_ratio_low']:.1f}"
    assert cells["refunded share of amount"].startswith(share)


def test_a_page_with_pooled_groups_leaves_sections_out_and_says_why(tables: Tables[pl.DataFrame]) -> None:
    shown = {section.name for section in sections_of(Scope(tables, 5))}
    every = {section.name for section in sections_of(Scope(tables))}
    assert every - shown == set(LEFT_OUT)
    page = om.Report(tables).html
    assert f"Left out are the sections about {', '.join(LEFT_OUT)}: they name single orders or combine" in page
    assert "Left out" not in om.Report(tables, min_cell=1).html


def test_small_payment_methods_are_pooled_over_all_currencies() -> None:
    kinds = ["CARD"] * 9 + ["INVOICE"] * 6 + ["SWISH"] * 3 + ["OTHER"]
    orders = [
        {
            "order_id": str(number),
            "initial_payment_method_type": kind,
            "purchase_currency": "SEK" if number % 2 else "EUR",
        }
        for number, kind in enumerate(kinds)
    ]
    frame = payment(Scope(shop(orders=orders), 5)).frame
    assert frame.select("initial_payment_method_type", "count").rows() == [("CARD", 9), (FEW, 10)]
    assert frame["share"].to_list() == pytest.approx([9 / 19, 10 / 19])
    assert frame.columns == ["initial_payment_method_type", "count", "share", "share_low", "share_high"]
    single = payment(Scope(shop(orders=orders)))
    assert single.frame.equals(om.mix(shop(orders=orders), "initial_payment_method_type"))
    few = payment(Scope(shop(orders=orders[:3]), 5))
    assert few.rows == []
    assert few.sentences == ["There is not enough data for a summary."]


DAYS = (("0", 2), ("1", 90))


def test_cohorts_are_local_months_at_equal_age() -> None:
    orders = [
        {"order_id": str(number), "status": "CAPTURED", "purchase_currency": "SEK", "order_amount": 100,
         "captured_amount": 100, "refunded_amount": 50 * (number == 0), "created_at": at(24 * 31 * number - 0.5)}
        for number in range(3)
    ]  # fmt: skip
    captures = [
        {"order_id": order["order_id"], "captured_at": order["created_at"], "captured_amount": 100} for order in orders
    ]
    refunds = [{"order_id": one, "refunded_at": at(24 * days), "refunded_amount": 50} for one, days in DAYS]
    tables = shop(orders=orders, captures=captures, refunds=refunds, as_of=at(5000))
    section = cohorts(Scope(tables, time_zone="Europe/Stockholm"))
    assert section.frame["created_at_1mo"].to_list() == [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)]
    assert section.rows[0][-3].startswith("50.0 %")
    assert "2025-01" in section.picture
    assert cohorts(Scope(tables)).frame["created_at_1mo"][0] == date(2024, 12, 1)


def test_no_orders_give_sections_without_rows() -> None:
    for section in further(Scope(shop())):
        assert section.rows == []
        assert section.picture == ""
        assert section.sentences == ["There is not enough data for a summary."]


def test_a_picture_of_the_page_is_small_and_has_all_its_texts(all_sections: dict[str, Section]) -> None:
    for section in all_sections.values():
        if section.picture:
            shown = section.html[section.html.index("<svg") : section.html.index("</svg>")]
            assert section.name == "weeks" or len(shown) < 0.75 * len(section.picture)
            texts = re.findall(r"<text[^>]*>([^<]*)", section.picture)
            assert re.findall(r"<text[^>]*>([^<]*)", shown) == texts
            used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", shown))
            assert used <= set(re.findall(r" id=\"([^\"]+)\"", shown))


def test_tax_is_that_of_the_local_month_of_the_capture() -> None:
    order = {"order_id": "1", "status": "CAPTURED", "purchase_currency": "SEK", "captured_amount": 100}
    capture = {"order_id": "1", "captured_at": at(24 * 31 - 0.5), "captured_amount": 100}  # 31 January, 23:30 UTC
    tables = shop(orders=[order], captures=[capture], as_of=at(5000))
    for time_zone, month in (("UTC", date(2025, 1, 1)), ("Europe/Stockholm", date(2025, 2, 1))):
        (section,) = (one for one in further(Scope(tables, time_zone=time_zone)) if one.name == "vat")
        assert section.frame["month"].to_list() == [month]
