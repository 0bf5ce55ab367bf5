"""Hostile text in every text field of the tables stays text on the page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

import om_toolkit as om

HOSTILE = "<script>alert(1)</script>\"'&{{ 7 * 7 }}]]>--><!--$x$"
CURRENCY = "<B>"  # a longer one leaves no room for its picture
KEYS = {"order_id", "capture_id", "refund_id", "source", "status", "fraud_status", "purchase_currency", "type"}


class Elements(HTMLParser):
    """Collects the names of all elements and attributes, and all texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def poisoned(tables: om.Tables[pl.DataFrame], keys: set[str]) -> om.Tables[pl.DataFrame]:
    """Return the tables with hostile text in every text column but the keys."""
    frames: dict[str, Any] = {}
    for name, frame in tables.items():
        texts = [column for column, dtype in frame.schema.items() if dtype == pl.String and column not in keys]
        frames[name] = frame.with_columns(
            pl.lit(CURRENCY if column == "purchase_currency" else HOSTILE).alias(column) for column in texts
        )
    return replace(tables, **frames, is_conformed=True)


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


CODES = {"purchase_currency", "type", "status"}


@pytest.mark.parametrize("min_cell", [1, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("keys", [pytest.param(KEYS, marks=pytest.mark.slow), KEYS - CODES], ids=["names", "codes"])
def test_hostile_text_stays_text(tables: om.Tables[pl.DataFrame], min_cell: int, keys: set[str]) -> None:
    harmless = Elements(om.Report(tables, min_cell=min_cell, id_source="x").html)
    report = om.Report(poisoned(tables, keys), title=HOSTILE, id_source=HOSTILE, min_cell=min_cell)
    page = Elements(report.html)
    assert page.names - harmless.names == set()
    assert "script" not in page.names
    assert "49" not in "".join(text for text in page.texts if "alert" in text)
    for place in ("h1", "dd"):
        assert place in page.names
    assert sum(HOSTILE in text for text in page.texts) >= 3
    assert "<script" not in report._repr_html_()
