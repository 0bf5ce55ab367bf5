"""Merged sequences keep the last response of each order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from two_orders import BOTH, FIRST

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Iterable


def at(day: int, *documents: dict[str, Any], failures: Iterable[om.Failure] = ()) -> om.Orders:
    read = om.Orders.from_json(json.dumps(documents), as_of=datetime(2026, 10, day, tzinfo=UTC))
    return om.Orders(read, failures=failures, as_of=read.as_of)


def test_the_newer_version_of_an_order_counts_on_either_side() -> None:
    old = om.Orders.from_json(json.dumps([FIRST, {"x": 1}]), as_of=datetime(2026, 10, 1, tzinfo=UTC))
    new = om.Orders.from_json(json.dumps(FIRST | {"order_amount": 7}), as_of=datetime(2026, 10, 9, tzinfo=UTC))
    for merged in (old + new, new + old):
        assert [order.order_amount for order in merged] == [7]
        assert merged.as_of == new.as_of
        assert len(merged.failures) == 1


def test_the_last_response_counts_in_any_order_of_merging() -> None:
    other, old, new = (
        at(3, {"order_id": "x"}),
        at(1, {"order_id": "b", "order_amount": 1}),
        at(2, {"order_id": "b", "order_amount": 2}),
    )
    for merged in ((other + old) + new, other + (old + new), (new + other) + old, new + (old + other)):
        assert merged["b"].order_amount == 2
        assert merged.as_of == datetime(2026, 10, 3, tzinfo=UTC)


def test_a_failed_order_that_was_fetched_later_is_no_failure() -> None:
    failed = om.Orders(failures=[om.Failure("a-1", "timeout")])
    assert (failed + om.Orders.from_json(json.dumps(FIRST))).failures == ()


def test_the_later_of_two_failures_is_kept() -> None:
    late, early = om.Failure("a", "not_found", attempts=1), om.Failure("a", "timeout", attempts=6)
    for merged in (at(3, failures=[late]) + at(1, failures=[early]), at(1, failures=[early]) + at(3, failures=[late])):
        assert merged.failures == (late,)


def test_captures_merge_by_id_and_those_without_an_id_are_all_kept() -> None:
    orders = om.Orders.from_json(BOTH)
    again = om.Orders.from_json(BOTH, as_of=datetime(2026, 11, 1, tzinfo=UTC))
    merged = orders.captures + again.captures
    assert isinstance(merged, om.Captures)
    assert [capture.capture_id for capture in merged] == ["c-1", "c-2"]
    assert merged["c-1"] is again.captures[0]
    nameless = om.Orders.from_json(
        '{"order_id": "1", "captures": [{"captured_amount": 1}, {"captured_amount": 1}]}'
    ).captures
    assert len(nameless + merged) == 4


def test_an_order_without_captures_is_no_failure_after_its_captures_were_fetched() -> None:
    with om.sandbox(20) as shop:
        ids = [order.order_id for order in shop.orders(shop.order_ids) if not order.captures]
        failed = om.Captures(failures=[om.Failure(str(one), "timeout", attempts=6) for one in ids])
        assert ids
        assert (failed + shop.captures(failed.failures)).failures == ()


def test_a_known_currency_is_kept_when_captures_are_fetched_again() -> None:
    with om.sandbox(20) as shop:
        orders = shop.orders(shop.order_ids)
        again = shop.captures(shop.order_ids)
        assert {capture.purchase_currency for capture in again} == {None}
        assert list(orders.captures + again) == list(orders.captures)


def test_orders_and_captures_do_not_merge() -> None:
    orders = at(1, {"order_id": "a"})
    with pytest.raises(TypeError):
        orders + orders.captures  # type: ignore[operator]
