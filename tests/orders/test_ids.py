"""Order ids are made distinct, and what cannot be one is refused by its position."""

from __future__ import annotations

from typing import Any

import pytest

import om_toolkit as om
from om_toolkit.orders.ids import distinct


def test_ids_are_distinct_in_their_order_without_blanks_and_regardless_of_case() -> None:
    assert distinct([" b-2", "a-1", "B-2 ", om.Failure("c-3", "timeout"), "a-1"]) == ["b-2", "a-1", "c-3"]
    assert distinct("a-1") == ["a-1"]
    assert distinct([]) == []


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        (17, "is an int, not an order id"),
        (1.5, "is a float, not an order id"),
        (None, "is None, not an order id"),
        ("..", "has no letter or digit"),
        ("ada\0@example.com", "has control characters"),
        (om.Failure("orders.json #3", "invalid_order"), "is the failure of orders.json #3, a saved document"),
    ],
)
def test_an_item_that_is_no_id_is_refused_by_its_position_and_not_quoted(item: Any, problem: str) -> None:
    with pytest.raises(ValueError, match="remove it from the list") as raised:
        distinct(["a-1", item])
    assert str(raised.value).startswith(f"order_ids[1] {problem}")
    assert "ada" not in str(raised.value)
