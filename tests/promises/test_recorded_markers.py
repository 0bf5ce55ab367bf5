"""A recording of markers in every field, in every form, contains none of them, and so nothing made from it does.

Each order has one form of markers in all its documented fields and in unknown fields at every depth. Amounts and times
are kept, except in the order that has markers there too.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import documented_fields as documented
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from stdnum import luhn
from test_markers import seen, tables_as_text

import om_toolkit as om
from om_toolkit.orders.parsing import read_order
from om_toolkit.tables.schema import SCHEMAS

MARKER = re.compile(r"mark\d|19811218\d{4}", re.IGNORECASE)
AMOUNT, TIME = 1234, "2026-10-01T08:00:00.123Z"


def personal_number(number: int) -> int:
    digits = f"811218{number % 1000:03}"
    return int(f"19{digits}{luhn.calc_check_digit(digits)}")


FORMS: dict[str, Callable[[int], Any]] = {
    "text": lambda number: f"mark{number}@home.se",
    "number": personal_number,
    "fraction": lambda number: float(personal_number(number)),
    "json": lambda number: json.dumps({"who": json.dumps({"name": f"mark{number}"})}),
    "percent": lambda number: f"mark{number}%2540home.se",
    "entity": lambda number: f"Mark{number}&commat;home.se",
    "escaped": lambda number: f"mark{number}\\u0040home.se",
    "phrase": lambda number: f"for mark{number}@home.se, with thanks",
}
BROKEN: dict[str, Callable[[int], Any]] = {
    "array": lambda number: [f"mark{number}", [personal_number(number)]],
    "object": lambda number: {f"mark{number}": [f"mark{number}", personal_number(number)]},
    "everywhere": FORMS["text"],
}
"""Forms that make an order invalid."""


def document(order_id: str) -> dict[str, Any]:
    """Return an order with a marker in every field of its documentation but amounts and times, and unknown fields."""
    form, number = (FORMS | BROKEN)[order_id], count(1)
    order: dict[str, Any] = {}
    lines = documented.ORDER.split("\n")
    below = [
        f"{parent}.{line}"
        for parent in ("", "refunds")
        for line in documented.CAPTURE.split("\n")
        if "order_lines." in line
    ]
    below += [f"captures.{line}" for line in documented.CAPTURE.split("\n") if line]
    below += [line for line in documented.CAPTURE.split("\n") if line.startswith(("shipping_", "billing_"))]
    for line in sorted(filter(None, lines + below), key=lambda line: line.count(".")):
        path, kind = line.strip(".").split()
        *parents, name = path.split(".")
        parent: Any = order
        for step in parents:
            parent = parent[step][0] if isinstance(parent[step], list) else parent[step]
        kept = {"integer": AMOUNT, "object": {}, "array": [{}]}.get(kind, TIME if name in documented.TIMES else None)
        is_kept = kept is not None and (kind in {"object", "array"} or order_id != "everywhere")
        parent.setdefault(name, kept if is_kept else form(next(number)))
    for one in (order, order["customer"], order["captures"][0], order["order_lines"][0]):
        one |= {"sent_by": form(next(number)), f"mark{next(number)}@home.se": form(next(number))}
        one["loyalty"] = [{f"MARK{next(number)}": form(next(number)), "points": personal_number(next(number))}]
    return order | {"order_id": order_id}


class Marked(om.Transport):
    """Responds with documents of markers, and with errors that name somebody."""

    base_url = "https://mark1:mark2secret@api.kustom.co/tenant/mark3@home.se"

    def get(self, request: om.Request) -> om.Response:
        headers = {"date": "Thu, 29 Oct 2026 08:00:00 GMT", "set-cookie": "mark4", "x-mark5": "mark6"}
        headers |= {"x-ratelimit-limit": "mark7@home.se", "klarna-correlation-id": "mark8@home.se"}
        order_id = request.path.removesuffix("/captures").rpartition("/")[2]
        if order_id == "page":
            return om.Response(503, headers, b"<html>mark9@home.se</html>")
        if order_id not in FORMS | BROKEN:
            error = {"error_code": "mark10 Mark", "error_messages": ["The order of Mark11 Mark", "mark12@home.se"]}
            body = error | {"error_message": "Mark13", "correlation_id": "mark14@home.se", "mark15": "mark16"}
            return om.Response(404, headers, json.dumps(body).encode())
        order = document(order_id)
        return om.Response(
            200, headers, json.dumps(order["captures"] if request.path.endswith("captures") else order).encode()
        )


def test_the_documents_are_full_of_markers() -> None:
    for order_id in FORMS | BROKEN:
        order = json.dumps(document(order_id))
        assert len(MARKER.findall(order)) > 130
        assert len(set(MARKER.findall(order))) > 5
        assert (f'_amount": {AMOUNT}' in order) == (order_id != "everywhere")
    assert all(read_order(json.dumps(document(order_id))).order_lines for order_id in FORMS)


def test_no_marker_is_in_a_recording_or_in_what_is_made_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.DEBUG):
        for name in ("one.yaml", "two.json"):
            with om.record(name, transport=Marked(), max_retries=0) as client:
                client.orders([*FORMS, *BROKEN, "missing", "page", "mark17@home.se"])
                client.captures([*FORMS, *BROKEN])
        texts = [text for path in sorted((tmp_path / "cassettes").iterdir()) for text in made_from(path)]
    texts += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    assert [
        text[max(0, one.start() - 99) : one.end() + 20]
        for text in [*texts, caplog.text]
        for one in MARKER.finditer(text)
    ] == []
    assert om.privacy.scan(tmp_path).is_empty()


def made_from(path: Path) -> Iterator[str]:
    """Yield everything that a recording contains and all that can be seen of its orders."""
    with om.replay(path) as client:
        orders, captures = client.orders(client.recorded_order_ids), client.captures([*FORMS, *BROKEN])
        yield from seen(client)
        yield repr(client.recorded_order_ids)
    assert {order.order_id for order in orders} == set(FORMS)
    assert_amounts_and_times_are_kept(orders.tables())
    for value in (orders, captures, orders.drift, orders.failures, captures.failures, *orders.failures, *orders):
        yield from seen(value)
    for order in orders:
        yield order.model_dump_json()
    yield orders.failures.to_polars().write_ndjson()
    yield from tables_as_text(orders.tables(personal=True))
    if path.suffix == ".json":
        yield om.Report(orders.tables(personal=True), min_cell=1).html
        yield from archived(path)


def archived(path: Path) -> Iterator[str]:
    with om.Archive("shop.archive") as archive, om.replay(path) as client:
        client.orders([*FORMS, *BROKEN], archive=archive)
        for order in archive.orders():
            yield order.model_dump_json()
        yield from tables_as_text(archive.tables())
        yield from seen(archive)


def assert_amounts_and_times_are_kept(after: om.Tables[pl.DataFrame]) -> None:
    with om.Client(transport=Marked(), max_retries=0) as source:
        before = source.orders([*FORMS]).raise_for_failures().tables()
    for name in SCHEMAS:
        schema = getattr(before, name).schema
        kept = [column for column, dtype in schema.items() if dtype.is_temporal() or dtype.is_integer()]
        keys = [column for column in ("order_id", "source", "capture", "line", "shipment") if column in schema]
        tables = [getattr(one, name).sort(keys).select(kept) for one in (before, after)]
        assert_frame_equal(*tables)
        assert AMOUNT in tables[1].row(0) or name == "shipments"
