"""Change, weeks and what needs attention: figures are those of `compare`, and pooled weeks are left out."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.views.report.attention import attention
from om_toolkit.views.report.change_sections import by_week, change, changes, weeks
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.trend import trend_svg


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


@pytest.fixture(scope="module")
def halves(tables: om.Tables[pl.DataFrame]) -> tuple[om.Tables[pl.DataFrame], om.Tables[pl.DataFrame]]:
    middle = pl.lit(tables.orders["created_at"].median())
    return tables.filter(pl.col("created_at") < middle), tables.filter(pl.col("created_at") >= middle)


class TestChange:
    def test_shares_and_times_are_those_of_compare_at_equal_age(self, halves: Any) -> None:
        before, after = halves
        frame = changes(Scope(after, before=before))
        waits = om.compare(om.capture_latency, before, after, by="purchase_currency", within="72h")
        refunds = om.compare(om.refund_ratio, before, after, within="30d")
        for figure, compared in (("within_72h", waits), ("p50_hours", waits), ("refunded_within_30d", refunds)):
            for end in ("before", "after", "difference", "difference_low", "difference_high"):
                assert frame[f"{figure}_{end}"].to_list() == compared[f"{figure}_{end}"].to_list()
        counts = dict(om.key_figures(after).select("purchase_currency", "orders").iter_rows())
        assert dict(frame.select("purchase_currency", "orders_after").iter_rows()) == counts

    def test_the_section_has_a_row_for_each_figure_and_its_line_gives_the_frame(self, halves: Any) -> None:
        before, after = halves
        section = change(Scope(after, before=before))
        assert section.headings == ["purchase currency", "figure", "before", "after", "difference"]
        assert len(section.rows) == 6 * section.frame.height
        frame = eval(section.code, {"om": om, "orders": after, "before": before})  # noqa: S307 - the page's own line
        assert frame.equals(section.frame)

    @pytest.mark.slow
    def test_small_groups_are_pooled_on_both_sides(self, halves: Any) -> None:
        before, after = halves
        page = om.Report(after, compare_to=before, min_cell=20).html
        assert "What has changed?" in page
        captured = om.refund_ratio(before).filter(pl.col("orders_captured") < 20)["purchase_currency"].to_list()
        assert captured
        frame = om.Report(after, compare_to=before, min_cell=20).frames["change"]
        hidden = frame.filter(pl.col("purchase_currency").is_in(captured))
        assert hidden["orders_before"].null_count() == hidden.height

    def test_common_orders_are_refused_at_once(self, tables: om.Tables[pl.DataFrame]) -> None:
        with pytest.raises(ValueError, match="the sets have 300 common orders"):
            om.Report(tables, compare_to=tables)
        with pytest.raises(TypeError, match="expected Orders or Tables, not a list"):
            om.Report(tables, compare_to=[])  # type: ignore[arg-type]

    def test_without_a_comparison_there_is_no_section(self, tables: om.Tables[pl.DataFrame]) -> None:
        assert "What has changed?" not in om.Report(tables).html


def week_shop(sizes: list[int]) -> om.Tables[pl.DataFrame]:
    orders: list[dict[str, Any]] = []
    for week, size in enumerate(sizes):
        orders += [
            {"order_id": f"{week}-{number}", "status": "CAPTURED", "purchase_currency": "SEK", "purchase_country": "SE",
             "order_amount": 300, "captured_amount": 200, "created_at": at(168 * week)}
            for number in range(size)
        ]  # fmt: skip
    captures = [
        {"order_id": order["order_id"], "captured_amount": 200, "captured_at": order["created_at"]} for order in orders
    ]
    return shop(orders=orders, captures=captures, as_of=at(5000))


class TestWeeks:
    def test_amounts_are_those_of_key_figures(self, tables: om.Tables[pl.DataFrame]) -> None:
        frame = by_week(Scope(tables, time_zone="Europe/Stockholm"))
        week = om.by_period("1w", time_zone="Europe/Stockholm")
        expected = om.key_figures(tables, by=week)
        assert frame.select("orders", "order_amount", "captured_amount").equals(
            expected.select("orders", "order_amount", "captured_amount")
        )
        assert frame["week"].to_list() == expected["created_at_1w"].cast(pl.String).to_list()
        assert frame["order_amount"].sum() == tables.orders["order_amount"].sum()

    def test_small_weeks_are_left_out_with_the_next_larger_one(self) -> None:
        scope = Scope(week_shop([9, 6, 2]), 5)
        assert by_week(scope).rows() == [("2024-12-30", "SEK", 2700, 1800)]
        assert weeks(scope).sentences[-1] == "Weeks with few captured orders are left out."
        assert [row[1] for row in by_week(Scope(week_shop([9, 6, 2]))).rows()] == ["SEK"] * 3

    def test_no_orders(self) -> None:
        section = weeks(Scope(shop()))
        assert section.picture == ""
        assert section.rows == []


def test_bars_are_in_proportion_and_a_missing_week_is_a_gap() -> None:
    amounts = {"2026-10-05": (100, 50), "2026-10-19": (25, -5)}
    svg = trend_svg(["2026-10-05", "2026-10-12", "2026-10-19"], {"<b>": amounts})
    bars = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="26.0" height="([\d.]+)"', svg)
    assert [(x, float(height)) for x, _, height in bars] == [("48.0", 46), ("48.0", 23), ("282.7", 11.5), ("282.7", 0)]
    assert all(float(y) + float(height) == pytest.approx(54) for _, y, height in bars)
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg
    assert trend_svg(["2026-10-05"], {None: {"2026-10-05": (0, 0)}}).count("2026-10-05") == 1


def waiting(name: str, hours: float, amount: int, currency: str = "SEK") -> dict[str, Any]:
    return {
        "order_id": name, "status": "AUTHORIZED", "purchase_currency": currency, "order_amount": amount,
        "captured_amount": 0, "refunded_amount": 0, "remaining_authorized_amount": amount, "created_at": at(0),
        "expires_at": at(100 + hours),
    }  # fmt: skip


class TestAttention:
    def test_the_money_that_expires_next(self) -> None:
        orders = [waiting("a", 30, 100), waiting("b", 90, 5000), waiting("c", 71, 7, "EUR")]
        assert attention(Scope(shop(orders=orders, as_of=at(100)))) == [
            "0.07 EUR and 1.00 SEK expire within 72 hours unless captured."
        ]
        assert attention(Scope(shop(orders=orders[1:2], as_of=at(100)))) == [
            "50.00 SEK expires within 7 days unless captured."
        ]
        assert attention(Scope(shop(orders=[waiting("a", 300, 1)], as_of=at(100)))) == []
        assert attention(Scope(shop())) == []

    def test_the_largest_finding_relative_to_its_currency(self) -> None:
        orders = [
            waiting("a", 300, 1_000_000) | {"remaining_authorized_amount": 990_000},
            waiting("b", 300, 100, "EUR") | {"remaining_authorized_amount": 50},
            waiting("c", 300, 100, "EUR") | {"remaining_authorized_amount": 90},
        ]
        tables = shop(orders=orders, as_of=at(100))
        words = "remaining amount is not ordered less captured."
        assert attention(Scope(tables)) == [f"The largest contradiction by amount is 0.60 EUR in 2 findings: {words}"]
        assert attention(Scope(tables, 5)) == [f"The largest contradiction by amount is 0.60 EUR: {words}"]

    def test_the_largest_certain_change(self) -> None:
        def of_month(name: str, fast: int, slow: int) -> om.Tables[pl.DataFrame]:
            orders = [
                {"order_id": f"{name}{number}", "status": "CAPTURED", "purchase_currency": "SEK", "order_amount": 100,
                 "captured_amount": 100, "refunded_amount": 0, "created_at": at(0), "remaining_authorized_amount": 0,
                 "expires_at": at(999)}
                for number in range(fast + slow)
            ]  # fmt: skip
            captures = [
                {"order_id": order["order_id"], "capture_id": "1", "captured_amount": 100, "refunded_amount": 0,
                 "captured_at": at(1 if number < fast else 100)}
                for number, order in enumerate(orders)
            ]  # fmt: skip
            return shop(orders=orders, captures=captures, as_of=at(3000))

        before, after = of_month("a", 10, 40), of_month("b", 40, 10)
        found = [one for one in attention(Scope(after, before=before)) if "change" in one]
        assert len(found) == 1
        assert found[0].startswith(
            "The largest change is in SEK: 20.0 % before and 80.0 % now were captured within 72 hours, a difference of "
            "+60.0 pp ("
        )
        assert not [one for one in attention(Scope(of_month("c", 11, 39), before=before)) if "change" in one]

    def test_it_heads_the_page_with_at_most_three_sentences(self, halves: Any) -> None:
        before, after = halves
        page = om.Report(after, compare_to=before, min_cell=1).html
        items = re.findall(r"<li>(.*?)</li>", page)
        assert 1 <= len(items) <= 3
        assert items == attention(Scope(after, before=before))
        assert page.index("What needs attention") < page.index("Key figures")
        assert "What needs attention" not in om.Report(shop()).html
