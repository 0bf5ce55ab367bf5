"""Saved responses are read from text, bytes and files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from two_orders import BOTH, FIRST, NDJSON, SECOND

import om_toolkit as om

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("text", [BOTH, NDJSON, NDJSON.replace("\n", "\r\n"), json.dumps([FIRST, SECOND], indent=2)])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_saved_responses_are_read_from_text_bytes_and_files(text: str, encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    file.write_bytes(text.encode(encoding))
    for source in (text, "\ufeff" + text, text.encode(encoding), file, str(file)):
        orders = om.Orders.from_json(source)
        assert [order.order_id for order in orders] == ["a-1", "b-2"]
        assert orders.failures == ()


def test_one_order_is_read_pretty_printed() -> None:
    assert om.Orders.from_json(json.dumps(SECOND, indent=2))[0].order_id == "b-2"


@pytest.mark.parametrize(
    ("text", "ids", "failed"),
    [
        (f"[{json.dumps(FIRST)}]\n[{json.dumps(SECOND)}]", ["a-1", "b-2"], 0),
        (f"[{json.dumps(FIRST)}]\n{json.dumps(SECOND)}", ["a-1", "b-2"], 0),
        (f"[{json.dumps(FIRST)},", ["a-1"], 1),
        (f"[{json.dumps(FIRST)}", ["a-1"], 1),
        ("[", [], 1),
        (f"{json.dumps(FIRST)}\nnull\n# a remark\n{json.dumps(SECOND)}", ["a-1", "b-2"], 2),
        (f"{{broken\n{json.dumps(FIRST)}\n{json.dumps(SECOND)}", ["a-1", "b-2"], 1),
        (f"{json.dumps(FIRST)}{json.dumps(SECOND)}", ["a-1", "b-2"], 0),
        (json.dumps(FIRST | {"locale": "\u2028"}, ensure_ascii=False) + "\n" + json.dumps(SECOND), ["a-1", "b-2"], 0),
        ("[" * 100_000, [], 1),
        ('[{"order_id": "z", "x": ' + "[" * 100_000, [], 1),
        ('{"order_id": "z", "x": ' + "[" * 100_000, [], 1),
        ("", [], 0),
    ],
)
@pytest.mark.filterwarnings("error")
def test_every_document_is_an_order_or_a_failure(text: str, ids: list[str], failed: int) -> None:
    orders = om.Orders.from_json(text)
    assert [order.order_id for order in orders] == ids
    assert len(orders.failures) == failed


def test_an_invalid_document_is_a_failure_and_affects_no_other() -> None:
    bad = [{"order_id": "x-1", "order_amount": "12.50"}, {"status": "CAPTURED"}, 17]
    orders = om.Orders.from_json(json.dumps([FIRST, *bad, SECOND]))
    assert [order.order_id for order in orders] == ["a-1", "b-2"]
    assert [(failure.order_id, failure.kind) for failure in orders.failures] == [
        ("x-1", "invalid_order"),
        ("document #3", "invalid_order"),
        ("document #4", "invalid_order"),
    ]
    with pytest.raises(om.FailedOrders, match="3 orders"):
        orders.raise_for_failures()


def test_a_truncated_array_keeps_its_complete_documents() -> None:
    orders = om.Orders.from_json(BOTH[:-20])
    assert [order.order_id for order in orders] == ["a-1"]
    assert [failure.kind for failure in orders.failures] == ["invalid_body"]


def test_ndjson_with_a_broken_line_keeps_the_others() -> None:
    orders = om.Orders.from_json(f"{json.dumps(FIRST)}\n{json.dumps(SECOND)[:50]}\n{json.dumps(SECOND)}")
    assert len(orders) == 2
    assert orders.failures[0].order_id == "document #2"


A, B, C = (f'{{"order_id":"{number}"}}' for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "ids", "failed"),
    [
        (f"{A}}}\n{B}", "12", 1),
        (f"{A}\n{B}}}", "12", 1),
        (f"{A} junk }}\n{B}", "12", 1),
        (f"[\n{A}}}\n{B}\n]", "12", 1),
        (f"[\n{A}, {B}\n]", "12", 0),
        (f"{A}{B}\n{C}", "123", 0),
        (f'{A}{{"order_id":"2","customer":{{}}\n{C}', "13", 1),
        (f'{{"order_id":"1","locale":"{{"}} {B}\n{C}', "123", 0),
        (f'[\n{A},\n{{"order_id":"2","customer":{{}}', "1", 1),
    ],
)
def test_other_text_on_a_line_affects_no_order(text: str, ids: str, failed: int) -> None:
    orders = om.Orders.from_json(text)
    assert [order.order_id for order in orders] == list(ids)
    assert [failure.kind for failure in orders.failures] == ["invalid_body"] * failed


def test_the_last_of_a_repeated_order_counts_and_a_warning_says_so() -> None:
    with pytest.warns(om.RepeatedOrders, match="a-1"):
        orders = om.Orders.from_json(json.dumps([FIRST, SECOND, FIRST | {"order_amount": 99}]))
    assert [order.order_amount for order in orders] == [None, 99]


def test_of_several_sources_the_last_one_counts_and_each_failure_is_kept(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "orders.json").write_text(json.dumps([FIRST | {"locale": folder}, 17]), "utf-8")
    with pytest.warns(om.RepeatedOrders):
        orders = om.Orders.from_json(tmp_path / "a" / "orders.json", tmp_path / "b" / "orders.json")
    assert [order.locale for order in orders] == ["b"]
    assert len({failure.order_id for failure in orders.failures}) == 2
    one = om.Orders.from_json("[17]")
    assert len((one + om.Orders.from_json('[{"order_id": "1", "order_amount": true}]')).failures) == 2


def test_failures_of_saved_documents_are_all_kept() -> None:
    one, other = om.Orders.from_json('{"x": 1}'), om.Orders.from_json('{"x": 2}')
    assert len((one + other).failures) == 2
    assert len((one + other + one).failures) == 2
    assert [failure.order_id for failure in om.Orders.from_json('{"x": 1}', '{"x": 2}').failures] == [
        "document #1",
        "document #2",
    ]


def test_a_missing_file_and_a_file_without_json_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        om.Orders.from_json("nowhere.json")
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"picture\.json is not JSON"):
        om.Orders.from_json(tmp_path / "picture.json")


def test_as_of_is_the_given_time_or_else_the_newest_event() -> None:
    fetched = datetime(2026, 11, 1, tzinfo=UTC)
    assert om.Orders.from_json(BOTH, as_of=fetched).as_of == fetched
    derived = om.Orders.from_json(BOTH)
    assert derived.as_of == datetime(2026, 10, 2, 6, tzinfo=UTC)
    assert "newest time in the data" in repr(derived)
    assert derived.captures.as_of == derived[:1].as_of == derived.as_of


def test_as_of_is_converted_to_utc() -> None:
    there = datetime(2026, 10, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    orders = om.Orders.from_json(BOTH, as_of=there)
    assert "as of 2026-10-31 10:00 UTC" in repr(orders)
    assert "as of 2026-10-31 10:00 UTC" in om.Report(orders).html
    naive = om.Orders.from_json(BOTH, as_of=datetime(2026, 10, 31, 12))  # noqa: DTZ001 - that is what is tested
    assert naive.as_of == datetime(2026, 10, 31, 12, tzinfo=UTC)
    assert (orders + naive).as_of == naive.as_of
