"""Orders and captures are immutable sequences that notebooks can show."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from two_orders import BOTH

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Iterable


def at(day: int, *documents: dict[str, Any], failures: Iterable[om.Failure] = ()) -> om.Orders:
    read = om.Orders.from_json(json.dumps(documents), as_of=datetime(2026, 10, day, tzinfo=UTC))
    return om.Orders(read, failures=failures, as_of=read.as_of)


def test_orders_are_an_immutable_sequence() -> None:
    orders = om.Orders.from_json(BOTH)
    assert orders["b-2"] is orders[1]
    assert isinstance(orders[:1], om.Orders)
    assert orders[1] in orders
    assert "b-2" in orders
    assert "unknown" not in orders
    assert [capture.capture_id for capture in orders.captures] == ["c-1", "c-2"]
    assert orders.captures["c-1"].order_id == "b-2"
    with pytest.raises(KeyError):
        orders["unknown"]
    with pytest.raises(TypeError):
        orders[0] = orders[1]  # type: ignore[index]


def test_the_error_for_an_unknown_id_names_it() -> None:
    with pytest.raises(KeyError, match="zz is not among 1 order"):
        at(1, {"order_id": "a"})["zz"]


def test_orders_can_be_pickled_before_and_after_their_tables_are_made() -> None:
    orders = om.Orders.from_json(BOTH)
    for _ in range(2):
        assert_frame_equal(pickle.loads(pickle.dumps(orders)).tables().order_lines, orders.tables().order_lines)


def test_orders_are_filtered_by_a_function_or_an_expression() -> None:
    orders = om.Orders.from_json(BOTH)
    by_function = orders.filter(lambda order: order.order_amount)
    by_expression = orders.filter(pl.col("order_amount") > 5)
    assert isinstance(by_function, om.Orders)
    assert [order.order_id for order in by_function] == [order.order_id for order in by_expression] == ["a-1"]
    assert by_expression.as_of == orders.as_of
    assert [capture.capture_id for capture in orders.captures.filter(lambda capture: capture.captured_at)] == ["c-1"]


def test_an_expression_filters_as_polars_does() -> None:
    orders = at(1, {"order_id": "a", "order_amount": 5}, {"order_id": "b", "order_amount": 1}, {"order_id": "c"})
    assert len(orders.filter(pl.lit(value=True))) == 3
    assert len(orders.filter(pl.col("order_amount").sum() > 5)) == 3
    assert [order.order_id for order in orders.filter(pl.col("order_amount") > 3)] == ["a"]
    with pytest.raises(pl.exceptions.PolarsError):
        orders.filter(pl.col("status"))


def test_a_notebook_shows_counts_and_failures() -> None:
    failure = om.Failure("<x>", "not_found", status=404, error_code="NO_SUCH_ORDER", correlation_id="abc")
    shown = om.Orders(om.Orders.from_json(BOTH), failures=[failure] * 7)._repr_html_()
    assert "SEK" in shown
    assert "&lt;x&gt;: not_found" in shown
    assert "correlation id abc" in shown
    assert "2 more" in shown


def test_where_takes_one_row() -> None:
    orders = om.Orders.from_json('[{"order_id": "1", "purchase_country": "SE"}, {"order_id": "2"}]')
    latency = om.capture_latency(orders, by="purchase_country")
    with pytest.raises(ValueError, match=r"the frame has 2; pass one of them, such as frame\[0\]"):
        orders.where(latency)
    with pytest.raises(ValueError, match="the frame has 0"):
        orders.where(latency.clear())
    with pytest.raises(ValueError, match="an event of a timeline"):
        orders.where(om.timeline(orders[0])[0])


def test_filter_refuses_what_is_neither_a_function_nor_an_expression() -> None:
    with pytest.raises(TypeError, match="not 'SE'"):
        om.Orders().filter("SE")  # type: ignore[arg-type]
