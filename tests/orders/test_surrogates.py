"""Halves of surrogate pairs in a document: the order is kept, and its drift lists what was lost."""

from __future__ import annotations

import pytest

import om_toolkit as om
from om_toolkit.orders.parsing import read_captures, read_order

LOST = ("merchant_reference1", "value", "text with U+FFFD", 1, "1")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (r"cut \ud83d", "cut �"),
        (r"\uDE00 cut", "� cut"),
        (r"\ud83d\ud83d\ude00", "�\N{GRINNING FACE}"),
        (r"\\ud83d \ud83d", r"\ud83d �"),
        ("raw \ud83d", "raw �"),
    ],
)
def test_half_a_character_costs_neither_the_order_nor_the_rest_of_its_text(written: str, kept: str) -> None:
    document = f'{{"order_id": "1", "order_amount": 7, "merchant_reference1": "{written}"}}'
    for body in (document, document.encode("utf-8", "surrogatepass")):
        (order,) = orders = om.Orders.from_json(body)
        assert (order.merchant_reference1, order.order_amount) == (kept, 7)
        assert orders.drift.rows() == [LOST]
        assert read_order(body).merchant_reference1 == kept


def test_whole_pairs_are_no_drift() -> None:
    orders = om.Orders.from_json(r'{"order_id": "1", "merchant_reference1": "\ud83d\ude00 \\ud83d"}')
    assert orders[0].merchant_reference1 == "\N{GRINNING FACE} \\ud83d"
    assert orders.drift.is_empty()


def test_names_and_undocumented_values_may_have_halves() -> None:
    (order,) = om.Orders.from_json(r'{"order_id": "1", "a\ud800": {"b": ["\udfff"]}}')
    assert order.model_extra == {"a�": {"b": ["�"]}}


def test_a_document_with_another_fault_remains_a_failure() -> None:
    (failure,) = om.Orders.from_json(
        r'{"order_id": "1", "merchant_reference1": "\ud800", "order_amount": "x"}'
    ).failures
    assert (failure.order_id, failure.kind) == ("1", "invalid_order")
    assert "order_amount" in failure.messages[0]


def test_captures_are_kept_as_well() -> None:
    (capture,) = read_captures(rb'[{"reference": "\ud800"}]', "1")
    assert capture.reference == "�"


def test_a_failure_of_a_document_has_few_messages_and_no_strange_id() -> None:
    lines = ", ".join(['{"quantity": "x"}'] * 500)
    failures = om.Orders.from_json(
        f'[{{"order_id": "1", "order_lines": [{lines}]}}, {{"order_id": "{"9" * 999}", "order_amount": "x"}}]'
    ).failures
    assert len(failures[0].messages) == 11
    assert failures[1].order_id == "document #2"
