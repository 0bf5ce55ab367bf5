"""Every documented document is read and tabulated as plain Python does it; wrong documents are failures.

The oracle uses the JSON only; see `generated_documents`.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import documented_fields as documented
import polars as pl
import pytest
from generated_documents import (
    ADDRESS,
    BATCHES,
    CAPTURE,
    LINE,
    NUMBERS,
    ORDER,
    PROPERTY,
    REFUND,
    SHIPMENT,
    TABLES,
    UNKNOWN,
    Json,
    Shape,
    Written,
    exact,
    held,
    objects,
    parsed,
    row_of,
    rows_of,
    shape_of,
    written,
)
from hypothesis import given
from hypothesis import strategies as st

import om_toolkit as om
from om_toolkit.orders.parsing import read_captures, read_order
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


def test_both_pages_document_the_same_capture() -> None:
    assert shape_of(documented.CAPTURE) | {"shipping_address": ADDRESS} == CAPTURE


@PROPERTY
@given(BATCHES)
def test_any_order_dumps_unchanged_except_for_the_promised_coercions(batch: list[Json]) -> None:
    for document in batch:
        order = read_order(written(document).encode())
        assert exact(order.model_dump(by_alias=True, exclude_unset=True)) == exact(held(document, ORDER))


@PROPERTY
@given(st.lists(objects(CAPTURE, UNKNOWN), max_size=2))
def test_any_captures_dump_unchanged_except_for_the_promised_coercions(batch: list[Json]) -> None:
    captures = read_captures(written(batch).encode(), "asked")
    dumped = tuple(capture.model_dump(by_alias=True, exclude_unset=True) for capture in captures)
    assert exact(dumped) == exact(held(batch, [CAPTURE]))
    keys: Json = {"order_id": "asked", "purchase_currency": None}
    rows = [row_of(CAPTURE, document) | keys | {"capture": number} for number, document in enumerate(batch)]
    assert om.Captures(captures).to_polars(personal=True).to_dicts() == rows


@PROPERTY
@given(BATCHES)
def test_tables_of_any_orders_equal_those_of_plain_python(batch: list[Json]) -> None:
    tables = om.Orders(read_order(written(document)) for document in batch).tables(personal=True)
    for table, rows in rows_of(map(parsed, map(written, batch))).items():
        frame = getattr(tables, table)
        assert frame.to_dicts() == rows
        assert {name for name, dtype in frame.schema.items() if dtype == pl.Int64} == NUMBERS[table]


def test_columns_of_whole_numbers_are_never_personal() -> None:
    for table, frame in om.Orders().tables().items():
        assert set(frame.columns) >= NUMBERS[table]


def all_of(orders: om.Orders) -> tuple[Any, ...]:
    return list(orders), [order.model_dump(by_alias=True) for order in orders], orders.failures, orders.as_of


@PROPERTY
@given(BATCHES)
def test_text_bytes_array_and_ndjson_give_the_same_orders(batch: list[Json]) -> None:
    lines = [written(document) for document in batch]
    ndjson = "\n".join(lines)
    sources = [written(batch), written(batch, "\r\n\t "), ndjson, ndjson.replace("\n", "\r\n\r\n"), f"\ufeff{ndjson}\n"]
    if len(batch) == 1:
        sources += [*lines, written(batch[0], "\n  ")]
    expected = [read_order(line) for line in lines]
    first = om.Orders.from_json(sources[0])
    assert (list(first), first.failures) == (expected, ())
    for source in sources:
        assert all_of(om.Orders.from_json(source)) == all_of(first)
        assert all_of(om.Orders.from_json(source.encode())) == all_of(first)


@PROPERTY
@given(BATCHES)
def test_pickled_orders_are_the_same(batch: list[Json]) -> None:
    lines = [written(document) for document in batch]
    unnamed = written({key: value for key, value in batch[0].items() if key != "order_id"} | {"order_amount": 1})
    orders = om.Orders([*map(read_order, lines), read_order(unnamed, "asked")], as_of=datetime(2026, 11, 1, tzinfo=UTC))
    again = pickle.loads(pickle.dumps(orders))
    assert all_of(again) == all_of(orders)
    assert [one.model_fields_set for one in again] == [one.model_fields_set for one in orders]
    assert all(
        one.equals(other) for (_, one), (_, other) in zip(again.tables().items(), orders.tables().items(), strict=True)
    )


GOOD = [{"order_id": "a-1", "order_amount": 100}, {"order_id": "b-2", "captures": [{"captured_amount": 5}]}]
NO_ORDERS = {
    "amount": '{"order_id": "bad", "order_amount": "12.50"}',
    "null in an array": '{"order_id": "bad", "captures": [null]}',
    "no id": '{"status": "CAPTURED"}',
    "nothing": "{}",
    "welcome": '{"message": "welcome"}',
    "number": "17",
    "null": "null",
    "text": '"{"',
    "array": "[17]",
    "endless number": f'{{"order_id": "bad", "x": {"9" * 5000}}}',
}
# Nesting too deep for Python's parser affects the rest of an array, but no other line.
DEEP = {"deep": f'{{"order_id": "bad", "x": {"[" * 100_000}{"]" * 100_000}}}'}
NO_JSON = {"cut short": '{"order_id": "bad", "order_am', "page": "<html>", "stray": "}", "word": "undefined"}


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("joint", "bad"),
    [
        *(pytest.param(",", bad, id=f"array-{name}") for name, bad in NO_ORDERS.items()),
        *(pytest.param("\n", bad, id=f"ndjson-{name}") for name, bad in (NO_ORDERS | NO_JSON | DEEP).items()),
    ],
)
def test_an_invalid_document_affects_no_valid_one(joint: str, bad: str, place: int) -> None:
    texts = [written(document) for document in GOOD]
    texts.insert(place, bad)
    text = joint.join(texts)
    orders = om.Orders.from_json(f"[{text}]" if joint == "," else text.encode())
    assert list(orders) == [read_order(written(document)) for document in GOOD]
    assert [failure.order_id for failure in orders.failures] in (["bad"], [f"document #{place + 1}"])


def test_text_after_an_array_is_not_dropped() -> None:
    one, other = map(written, GOOD)
    for source in (f"[{one}]\n[{other}]", f"[{one}] {other}", f"[{one}] and so on", f"[]\n{one}\n{other}"):
        orders = om.Orders.from_json(source)
        assert len(orders) + len(orders.failures) == 2, source


def test_a_document_over_lines_that_begin_with_a_brace_is_one_document() -> None:
    orders = om.Orders.from_json('{"order_id": "1", "order_lines": [\n{"quantity": 1},\n{"quantity": 2}]}')
    assert [line.quantity for line in orders["1"].order_lines] == [1, 2]


def test_a_sequence_of_documents_can_be_pretty_printed() -> None:
    laid_out = "\n".join(json.dumps(document, indent=2) for document in (*GOOD, *GOOD[:1]))
    with pytest.warns(om.RepeatedOrders):
        assert [order.order_id for order in om.Orders.from_json(laid_out)] == ["b-2", "a-1"]
    cut = om.Orders.from_json("\n".join(json.dumps(document, indent=2) for document in GOOD)[:-30])
    assert ([order.order_id for order in cut], len(cut.failures)) == (["a-1"], 1)


def test_thousands_of_arrays_are_read() -> None:
    pages = "\n".join(f'[{{"order_id": "{number}-a"}}, {{"order_id": "{number}-b"}}]' for number in range(2_000))
    orders = om.Orders.from_json(pages)
    assert (len(orders), orders.failures) == (4_000, ())


@pytest.mark.parametrize(
    "source",
    [
        b'[{"order_id":"a"},{"order_id":"bad","merchant_data":"\xe5"},{"order_id":"c"}]',
        b'[{"order_id":"a"},{"order_id":"bad", oops},{"order_id":"c"}]',
        b'[{"order_id":"a"},{"order_id":"bad","merchant_data":"a\x00tab"},{"order_id":"c"}]',
        b'{"order_id":"a"}\n{"order_id":"bad",\n{"order_id":"c"}',
        b'{"order_id":"a"}\n{"order_id":"bad","customer":\n{"order_id":"c"}\n{"order_id":"c"}',
        b'\xef\xbb\xbf{"order_id":"a"}\n\xef\xbb\xbf{"order_id":"c"}\n}',
    ],
)
@pytest.mark.filterwarnings("ignore::om_toolkit.RepeatedOrders")
def test_invalid_bytes_affect_only_their_own_document(source: bytes, tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_bytes(source)
    orders, tables = om.Orders.from_json(source), om.read_tables(tmp_path / "orders.json")
    assert ([order.order_id for order in orders], len(orders.failures)) == (["a", "c"], 1)
    assert (tables.orders["order_id"].to_list(), len(tables.failures)) == (["a", "c"], 1)


def test_an_array_without_an_end_is_a_failure() -> None:
    orders = om.Orders.from_json('[{"order_id": "1"},\n')
    assert (len(orders), len(orders.failures)) == (1, 1)


def test_json_text_is_never_quoted_as_a_path() -> None:
    for text in ('response: {"order_id": "1", "email": "ada@example.com"}', "ada@example.com\n{}" * 500):
        assert om.Orders.from_json(text).failures
    with pytest.raises(ValueError, match="not a path") as raised:
        om.read_tables('{"order_id": "1", "email": "ada@example.com"}')
    assert "ada@" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    lines = b"\n".join(b'{"order_id": "%d"}' % number for number in range(5_000))
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(pipe.write_bytes, lines)
        assert om.read_tables(pipe).orders.height == 5_000
        assert written.result() == len(lines)


def test_a_failure_without_a_usable_id_has_the_place_of_its_document() -> None:
    for unusable in ("null", '""', "true", '{"owner": "ada@example.com"}', '["ada@example.com"]'):
        orders = om.Orders.from_json(f'{{"order_id": {unusable}, "order_amount": "x"}}')
        assert [failure.order_id for failure in orders.failures] == ["document #1"], unusable
        assert "ada@" not in f"{orders.failures}"


def test_unknown_fields_may_have_names_that_python_or_pydantic_use() -> None:
    names = "copy json model_extra model_fields_set model_dump __dict__ __class__ _table has_tracking to_polars"
    unknown = dict.fromkeys(names.split(), "x")
    order = {"order_id": "1", "selected_shipping_option": unknown, "shipping_info": [unknown], "captures": [unknown]}
    read = om.Orders.from_json(written(order | unknown))
    assert read[0].model_dump(by_alias=True, exclude_unset=True) == held(order | unknown, ORDER)
    assert read.tables(personal=True).orders.to_dicts() == rows_of([order])["orders"]


@pytest.fixture(scope="module")
def many() -> tuple[bytes, om.Orders]:
    """Ten thousand orders: the thousand of a shop, ten times with other ids."""
    shop = Shop(1_000)
    bodies = (shop.body(one).replace(one.encode(), f"{one}-{n}".encode()) for n in range(10) for one in shop.order_ids)
    ndjson = b"\n".join(bodies)
    return ndjson, om.Orders.from_json(ndjson).raise_for_failures()


@pytest.mark.parametrize("personal", [False, True])
def test_tables_of_none_one_and_ten_thousand_orders_have_the_same_schema(
    many: tuple[bytes, om.Orders],
    personal: bool,  # noqa: FBT001 - a parameter
) -> None:
    _, orders = many
    schemas = [
        {table: list(frame.schema.items()) for table, frame in some.tables(personal=personal).items()}
        for some in (orders[:0], orders[:1], orders)
    ]
    assert [len(orders[:0]), len(orders[:1]), len(orders)] == [0, 1, 10_000]
    assert schemas[0] == schemas[1] == schemas[2]
    assert tuple(schemas[0]) == TABLES


def test_all_rows_and_amounts_by_currency_are_in_the_tables(many: tuple[bytes, om.Orders]) -> None:
    ndjson, orders = many
    tables = orders.tables()
    heights, sums = counted(json.loads(line) for line in ndjson.splitlines())
    assert {table: frame.height for table, frame in tables.items()} == heights
    for table, frame in tables.items():
        amounts = NUMBERS[table] - {"line", "shipment", "capture", "refund"}
        totals = frame.group_by("purchase_currency").agg(pl.col(name).sum() for name in sorted(amounts))
        found = {(table, row["purchase_currency"], name): row[name] for row in totals.to_dicts() for name in amounts}
        assert {key: n for key, n in found.items() if n} == {key: n for key, n in sums.items() if n and key[0] == table}
    assert {table for table, _, _ in sums} == {*TABLES} - {"shipments"}
    assert len({currency for _, currency, _ in sums}) > 2


def counted(orders: Iterable[Json]) -> tuple[Counter[str], Counter[tuple[str, str, str]]]:
    """Return the rows of each table, and the sum of each amount by table and currency."""
    heights, sums = Counter[str](), Counter[tuple[str, str, str]]()

    def count(table: str, shape: Shape, document: Json, currency: str) -> None:
        heights[table] += 1
        for name, amount in amounts_of(shape, document):
            sums[table, currency, name] += amount

    for order in orders:
        currency = order["purchase_currency"].upper()
        captures, refunds = order.get("captures", []), order.get("refunds", [])
        count("orders", ORDER, order, currency)
        for part in captures:
            count("captures", CAPTURE, part, currency)
        for part in refunds:
            count("refunds", REFUND, part, currency)
        for owner in (order, *captures, *refunds):
            for line in owner.get("order_lines", []):
                count("order_lines", LINE, line, currency)
            for shipment in owner.get("shipping_info", []):
                count("shipments", SHIPMENT, shipment, currency)
    return heights, sums


def amounts_of(shape: Shape, document: Json, at: str = "") -> Iterator[tuple[str, int]]:
    for name, value in document.items():
        kind = shape.get(name)
        if kind == "integer":
            yield at + name, value or 0
        elif isinstance(kind, dict) and value:
            yield from amounts_of(kind, value, f"{at}{name}_")


HUGE = str(10**30)
UNKNOWN_OBJECT = '{"owner": "ada@example.com", "deep": [[1, {"x": null}]]}'
UNKNOWN_ARRAY = f"[{UNKNOWN_OBJECT}]"
WRONG = (
    *('"ada@example.com"', '"12.50"', '""', "7", "12.5", "12.0", HUGE, "1e400", "true", "false", "null", "{}", "[]"),
    *(UNKNOWN_OBJECT, UNKNOWN_ARRAY, '["ada@example.com"]', "[[]]"),
)
# The values that are coerced, by documented type; all others are refused.
_TEXT = {'"ada@example.com"': "ada@example.com", '"12.50"': "12.50", '""': "", "null": None}
_TEXT |= {number: number for number in ("7", "12.5", "12.0", HUGE, "1e400")}
COERCED: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "code": _TEXT,
    "time": {'""': None, "null": None},
    "integer": {"7": 7, "null": None},
    "object": {"{}": {}, UNKNOWN_OBJECT: json.loads(UNKNOWN_OBJECT), "null": None},
    "array": {"[]": (), UNKNOWN_ARRAY: (json.loads(UNKNOWN_OBJECT),), "null": ()},
}
SLOT = "here it goes"
VALUE = {"text": "x", "code": "se", "time": "2025-11-29T10:25:40Z", "integer": -7}
JARGON = re.compile(
    r"input_|\[type=|http|url|pydantic|polars|[Vv]alidat|schema|instance|dictionary|tuple|\b(dict|str|int|bool|float)\b|"
    "None|True|False|Infinity"
)


def paths_of(shape: Shape, *above: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the steps to each field, and its documented type."""
    for name, kind in shape.items():
        steps = (*above, name)
        yield steps, "object" if isinstance(kind, dict) else "array" if isinstance(kind, list) else kind
        if not isinstance(kind, str):
            yield from paths_of(kind[0] if isinstance(kind, list) else kind, *steps)


def document_with(shape: Shape, steps: Sequence[str]) -> Json:
    """Return a document with a value next to each field of the path, and a slot at its end."""
    name, *below = steps
    document: Json = {other: VALUE[kind] for other, kind in shape.items() if isinstance(kind, str)}
    kind = shape[name]
    if not below:
        return document | {name: SLOT}
    is_array = isinstance(kind, list)
    inner = document_with(kind[0] if is_array else kind, below)
    return document | {name: [{}, inner] if is_array else inner}


def value_at(tree: Any, steps: Sequence[str]) -> Any:
    """Return the value in the slot."""
    for step in steps:
        tree = tree[-1][step] if isinstance(tree, tuple) else tree[step]
    return tree


def place_of(shape: Shape, steps: Sequence[str]) -> str:
    """Return the path as in the message of a failure, such as `captures[1].captured_at`."""
    name, *below = steps
    kind = shape[name]
    if not below:
        return name
    return f"{name}[1].{place_of(kind[0], below)}" if isinstance(kind, list) else f"{name}.{place_of(kind, below)}"


def test_the_paths_cover_the_documentation() -> None:
    for shape, page, count in ((ORDER, documented.ORDER, 119), (CAPTURE, documented.CAPTURE, 51)):
        paths = {".".join(steps) for steps, _ in paths_of(shape)}
        named = {line.split()[0] for line in page.strip().splitlines()}
        assert len(named) == count
        assert named <= paths


@pytest.mark.parametrize(
    ("page", "steps", "kind"),
    [
        pytest.param(page, steps, kind, id=f"{page}-{'.'.join(steps)}")
        for page, shape in (("order", ORDER), ("capture", CAPTURE))
        for steps, kind in paths_of(shape)
        if steps != ("order_id",)  # an order without an id fails with another message
    ],
)
def test_wrong_json_is_coerced_as_promised_or_refused_with_one_failure(
    page: str, steps: tuple[str, ...], kind: str
) -> None:
    shape = ORDER if page == "order" else CAPTURE
    document = document_with(shape, steps) | ({"order_id": "f3"} if page == "order" else {})
    # A fraction instead of text makes the parser read the document twice, for the digits: both readings must agree.
    other = {"reference" if page == "capture" else "locale": Written("1.10")}
    taken: list[Any] = []
    for template, source in product((written(document), written(other | document)), WRONG):
        body = template.replace(json.dumps(SLOT), source)
        read, error = outcome_of(page, body)
        if error:
            assert source not in COERCED[kind], f"{source} was refused: {error}"
            check_told(error, f"{'' if page == 'order' else '[0].'}{place_of(shape, steps)}", source, kind)
        else:
            assert source in COERCED[kind], f"{source} was taken"
            dumped = read.model_dump(by_alias=True, exclude_unset=True)
            assert exact(dumped) == exact(held(parsed(body), shape)), source
            assert exact(value_at(dumped, steps)) == exact(COERCED[kind][source]), source
            taken.append(read)
    frame = om.Orders(taken).tables(personal=True).orders if page == "order" else om.Captures(taken).to_polars()
    assert frame.height == 2 * len(COERCED[kind])


def outcome_of(page: str, body: str) -> tuple[Any, om.FetchError | None]:
    try:
        return (read_order(body) if page == "order" else read_captures(f"[{body}]", "f3")[0]), None
    except om.FetchError as error:
        return None, error


def check_told(error: om.FetchError, place: str, source: str, kind: str) -> None:
    """Check that one failure describes one wrong value in terms of JSON, not of a library."""
    failure = error.failure
    assert (failure.order_id, failure.kind, len(failure.messages)) == ("f3", "invalid_order", 1), source
    item = "[0]" if kind == "array" and source.startswith("[") else ""
    path, _, problem = failure.messages[0].partition(": ")
    assert path == place + item, source
    assert re.fullmatch(r"[^\n]{10,150}", problem), source
    assert not JARGON.search(problem), f"{source}: {problem}"
    if kind == "integer" and source[0] not in "{[":
        shown = {'"ada@example.com"': "some text", "1e400": "a number"}.get(source, source)
        assert problem.endswith(f" not {shown}"), f"{source}: {problem}"
    assert "ada@" not in f"{error} {error!r} {failure!r}", source
    # A traceback shows no error of another library.
    files = " ".join(frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    assert not re.search("pydantic|polars", files), source
    assert (error.__cause__, error.__context__) == (None, None), source


@pytest.mark.parametrize("digits", ["+46 70 174 06 05", "19810906-1234", 198109061234])
def test_digits_that_may_be_personal_are_quoted_only_if_an_amount_is_expected(digits: str | int) -> None:
    for steps, kind in paths_of(ORDER):
        if kind in {"object", "array"}:
            body = written(document_with(ORDER, steps) | {"order_id": "f3"}).replace(
                json.dumps(SLOT), json.dumps(digits)
            )
            with pytest.raises(om.InvalidOrder) as raised:
                read_order(body)
            assert f"{digits}" not in str(raised.value), steps
