"""Whatever the documentation allows is read, kept and counted as plain Python counts it; what is wrong is told.

The oracle works on the JSON alone. It knows the pages (`documented_fields`), the rule that a column is named by its
API path, and the coercions that are promised; of the package it knows nothing.
"""

from __future__ import annotations

import json
import os
import re
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Self

import documented_fields as documented
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import om_toolkit as om
from om_toolkit.models import read_captures, read_order
from om_toolkit.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Json = Any
Kind = Any  # "text", "code", "time" or "integer"; of an object its shape, of an array a list of its items' shape
Shape = dict[str, Kind]

TABLES = ("orders", "captures", "refunds", "order_lines", "shipments")
# How long an example takes tells of the machine, not of the code: neither a deadline nor a check of it.
PROPERTY = settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

# ---- What is documented ----


def shape_of(page: str) -> Shape:
    root: Shape = {}
    for path, kind in (line.split() for line in page.strip().splitlines()):
        *parents, name = path.split(".")
        place = root
        for parent in parents:
            place = place[parent][0] if isinstance(place[parent], list) else place[parent]
        is_code = name in {"country", "purchase_country", "purchase_currency"}
        string = "time" if name in documented.TIMES else "code" if is_code else "text"
        place[name] = {"string": string, "integer": "integer", "object": {}, "array": [{}]}[kind]
    return root


ORDER = shape_of(documented.ORDER)
CAPTURE, REFUND = ORDER["captures"][0], ORDER["refunds"][0]
ADDRESS, LINE, SHIPMENT = ORDER["billing_address"], CAPTURE["order_lines"][0], CAPTURE["shipping_info"][0]
# The pages spell an address, a line and a shipment out once; here they stand wherever they can.
ORDER |= {"shipping_address": ADDRESS, "order_lines": [LINE], "shipping_info": [SHIPMENT]}
CAPTURE |= {"billing_address": ADDRESS, "shipping_address": ADDRESS}
REFUND["order_lines"] = [LINE]
ORDER["selected_shipping_option"]["location"]["address"] = ADDRESS


def test_both_pages_tell_the_same_of_a_capture() -> None:
    assert shape_of(documented.CAPTURE) | {"shipping_address": ADDRESS} == CAPTURE


# ---- JSON, and numbers as they were written ----


class Written(float):
    """A JSON number with a fraction or an exponent that remembers its text."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


def parsed(text: str) -> Json:
    return json.loads(text, parse_float=Written)


def written(value: Json, gap: str = "") -> str:
    """Write JSON, with white space wherever it may stand."""
    if isinstance(value, dict):
        items = (f"{gap}{json.dumps(name)}{gap}:{gap}{written(item, gap)}{gap}" for name, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return f"[{','.join(f'{gap}{written(item, gap)}{gap}' for item in value)}]"
    return value.text if isinstance(value, Written) else json.dumps(value, ensure_ascii=False)


def exact(value: Any) -> Any:
    """Return a value that equals no other: True is not 1, 1 is not 1.0, a tuple is no list, a zone counts."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return (type(value), *map(exact, value))
    if isinstance(value, float):
        return float, repr(float(value))
    return type(value), value.isoformat() if isinstance(value, datetime) else value


# ---- What must come of it ----


def text_of(value: Json) -> str | None:
    """Text stays; a number becomes text with every digit."""
    return value.text if isinstance(value, Written) else value if value is None else str(value)


def instant_of(text: str | None) -> datetime | None:
    """Return a time in UTC, cut to the microsecond; naive means UTC, "" none."""
    if not text:
        return None
    found = re.fullmatch(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?", text)
    assert found
    *parts, fraction, sign, hours, minutes = found.groups()
    instant = datetime(*map(int, parts), int((fraction or "0")[:6].ljust(6, "0")), tzinfo=UTC)  # type: ignore[arg-type,misc]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return instant + offset if sign == "-" else instant - offset


def held(value: Json, kind: Kind = None) -> Any:
    """Return what an object must hold of a JSON value; of what is not documented, the value itself."""
    if isinstance(kind, list):
        return tuple(held(item, kind[0]) for item in value or ())
    if isinstance(kind, dict):
        return value and {name: held(item, kind.get(name)) for name, item in value.items()}
    if kind == "time":
        return instant_of(value)
    return text_of(value) if kind in {"text", "code"} else value


def row_of(shape: Shape, value: Json, at: str = "") -> dict[str, Any]:
    """Return the row of an object: a column for each field, and for each field of the objects in it."""
    row: dict[str, Any] = {}
    for name, kind in shape.items():
        inner = (value or {}).get(name)
        if isinstance(kind, dict):
            row |= row_of(kind, inner, f"{at}{name}_")
        elif isinstance(kind, str):
            row[at + name] = cell_of(inner, kind)
    return row


def cell_of(value: Json, kind: Kind) -> Any:
    if kind in {"text", "code"}:
        text = text_of(value) or None
        return text.upper() if text and kind == "code" else text
    return instant_of(value) if kind == "time" else value


def rows_of(orders: Iterable[Json]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all five tables."""
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    for order in orders:
        rows["orders"].append(row_of(ORDER, order))
        stamp = {name: rows["orders"][-1][name] for name in ("order_id", "purchase_currency")}
        owners = [(order, stamp | {"source": "order", "capture_id": None, "refund_id": None})]
        for part, shape in (("capture", CAPTURE), ("refund", REFUND)):
            for document in order.get(f"{part}s") or ():
                row = row_of(shape, document) | stamp
                rows[f"{part}s"].append(row)
                owners.append((document, owners[0][1] | {"source": part, f"{part}_id": row[f"{part}_id"]}))
        for owner, keys in owners:
            for number, line in enumerate(owner.get("order_lines") or ()):
                rows["order_lines"].append(keys | {"line": number} | row_of(LINE, line))
            for number, shipment in enumerate(owner.get("shipping_info") or ()):
                row = keys | {"shipment": number} | row_of(SHIPMENT, shipment)
                row["has_tracking"] = bool(row["tracking_number"] or row["tracking_uri"])
                del row["refund_id"]
                rows["shipments"].append(row)
    return rows


def numbers_of(shape: Shape, at: str = "") -> Iterator[str]:
    """Yield the columns that hold whole numbers."""
    for name, kind in shape.items():
        if kind == "integer":
            yield at + name
        elif isinstance(kind, dict):
            yield from numbers_of(kind, f"{at}{name}_")


NUMBERS = {
    "orders": {*numbers_of(ORDER)},
    "captures": {*numbers_of(CAPTURE)},
    "refunds": {*numbers_of(REFUND)},
    "order_lines": {*numbers_of(LINE), "line"},
    "shipments": {"shipment"},
}

# ---- Any order ----

ABSENT: Json = object()
TEXT = (
    st.sampled_from(["", "x", "se", "Åsa Öst", "大阪市", "\u2028", "\x85", '"\\', "null", "12.50", "2025-11-29"])
    | st.text(max_size=5)
    | st.integers()
    | st.sampled_from([63456415674545680000, *map(Written, ("1.10", "1e3", "-0.0", "1e400", "0.1000000000000000055"))])
)
CODES = st.sampled_from(["SE", "se", "Us", "", "EUR", "sek", "ß", "å"])


def time_of(moment: datetime, digits: int, zone: str) -> str:
    fraction = f".{moment.microsecond:06}999"[: digits + 1] if digits else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{zone}"


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - the zone is written behind
ZONES = st.sampled_from(["Z", "+00:00", "", "+02:00", "-09:30"])
TIMES = st.builds(time_of, MOMENTS, st.sampled_from([0, 3, 6, 9]), ZONES) | st.just("")
AMOUNTS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -1, 2**63 - 1, -(2**63)])
VALUES = {
    kind: st.sampled_from([ABSENT, None]) | of
    for kind, of in (("text", TEXT), ("code", CODES), ("time", TIMES), ("integer", AMOUNTS))
}

SEEN = "subscription credit_invoice street_address__2 tos_id selected_shipping_options completed_at order_tax_amount"
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just("1e400")
SCALARS = st.none() | st.booleans() | st.integers() | FRACTIONS.map(Written) | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=5), below, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(SEEN.split()) | st.text(max_size=5), ANYTHING, max_size=2)


def objects(shape: Shape, unknown: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return any object of a shape, with something unknown in it; each documented key may be missing."""

    def below(kind: Kind) -> st.SearchStrategy[Json]:
        if isinstance(kind, list):
            items = objects(kind[0], unknown)
            return (
                st.sampled_from([ABSENT, None, []])
                | st.lists(items, min_size=1, max_size=2)
                | st.tuples(items).map(list)
            )
        return st.sampled_from([ABSENT, None]) | objects(kind, unknown) if isinstance(kind, dict) else VALUES[kind]

    reserved = {*shape, "order_id", "purchase_currency"}  # the last two are ours to tell on captures and refunds

    def put_together(known: Json, new: Json) -> Json:
        present = {name: value for name, value in known.items() if value is not ABSENT}
        return {name: new[name] for name in new.keys() - reserved} | present

    return st.builds(put_together, st.fixed_dictionaries({name: below(kind) for name, kind in shape.items()}), unknown)


def batches(unknown: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    """Return some orders, each with an id of its own."""
    ids = st.lists(TEXT.filter(lambda value: value != ""), min_size=1, max_size=2, unique_by=text_of)
    orders = st.lists(objects(ORDER, unknown), min_size=2, max_size=2)
    return st.builds(
        lambda ids, orders: [order | {"order_id": one} for one, order in zip(ids, orders, strict=False)], ids, orders
    )


BATCHES = batches(st.just({})) | batches(UNKNOWN)


@PROPERTY
@given(BATCHES)
def test_any_order_is_read_and_dumps_as_it_came_but_for_the_promised_coercions(batch: list[Json]) -> None:
    for document in batch:
        order = read_order(written(document).encode())
        assert exact(order.model_dump(by_alias=True, exclude_unset=True)) == exact(held(document, ORDER))


@PROPERTY
@given(st.lists(objects(CAPTURE, UNKNOWN), max_size=2))
def test_any_list_of_captures_is_read_and_dumps_as_it_came_but_for_the_promised_coercions(batch: list[Json]) -> None:
    captures = read_captures(written(batch).encode(), "asked")
    dumped = tuple(capture.model_dump(by_alias=True, exclude_unset=True) for capture in captures)
    assert exact(dumped) == exact(held(batch, [CAPTURE]))
    rows = [row_of(CAPTURE, document) | {"order_id": "asked", "purchase_currency": None} for document in batch]
    assert om.Captures(captures).to_polars(personal=True).to_dicts() == rows


@PROPERTY
@given(BATCHES)
def test_tables_of_any_orders_hold_what_plain_python_finds_in_the_json(batch: list[Json]) -> None:
    tables = om.Orders(read_order(written(document)) for document in batch).tables(personal=True)
    for table, rows in rows_of(map(parsed, map(written, batch))).items():
        frame = getattr(tables, table)
        assert frame.to_dicts() == rows
        assert {name for name, dtype in frame.schema.items() if dtype == pl.Int64} == NUMBERS[table]


def test_what_holds_whole_numbers_is_never_personal() -> None:
    for table, frame in om.Orders().tables().items():
        assert set(frame.columns) >= NUMBERS[table]


# ---- However they were saved ----


def all_of(orders: om.Orders) -> tuple[Any, ...]:
    return list(orders), [order.model_dump(by_alias=True) for order in orders], orders.failures, orders.as_of


@PROPERTY
@given(BATCHES)
def test_text_bytes_array_and_ndjson_of_the_same_answers_give_the_same_orders(batch: list[Json]) -> None:
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
    "half a character": '{"order_id": "bad", "locale": "\\ud83d"}',
    "endless number": f'{{"order_id": "bad", "x": {"9" * 5000}}}',
}
# In an array, nesting that Python's own parser does not bear costs what follows it; on a line by itself it does not.
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
def test_one_bad_answer_among_good_ones_never_costs_the_others(joint: str, bad: str, place: int) -> None:
    texts = [written(document) for document in GOOD]
    texts.insert(place, bad)
    text = joint.join(texts)
    orders = om.Orders.from_json(f"[{text}]" if joint == "," else text.encode())
    assert list(orders) == [read_order(written(document)) for document in GOOD]
    assert [failure.order_id for failure in orders.failures] in (["bad"], [f"answer #{place + 1}"])


def test_what_follows_an_array_is_not_dropped_in_silence() -> None:
    one, other = map(written, GOOD)
    for source in (f"[{one}]\n[{other}]", f"[{one}] {other}", f"[{one}] and so on", f"[]\n{one}\n{other}"):
        orders = om.Orders.from_json(source)
        assert len(orders) + len(orders.failures) == 2, source


def test_one_answer_that_spreads_over_lines_which_begin_with_a_brace_is_one() -> None:
    orders = om.Orders.from_json('{"order_id": "1", "order_lines": [\n{"quantity": 1},\n{"quantity": 2}]}')
    assert [line.quantity for line in orders["1"].order_lines] == [1, 2]


def test_answers_one_after_the_other_may_be_laid_out_for_people() -> None:
    laid_out = "\n".join(json.dumps(document, indent=2) for document in (*GOOD, *GOOD[:1]))
    with pytest.warns(om.RepeatedOrders):
        assert [order.order_id for order in om.Orders.from_json(laid_out)] == ["b-2", "a-1"]
    cut = om.Orders.from_json("\n".join(json.dumps(document, indent=2) for document in GOOD)[:-30])
    assert ([order.order_id for order in cut], len(cut.failures)) == (["a-1"], 1)


def test_pages_of_answers_are_read_however_many() -> None:
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
def test_broken_bytes_cost_their_own_answer_alone(source: bytes, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_bytes(source)
    orders, tables = om.Orders.from_json(source), om.read_tables(tmp_path / "answers.json")
    assert ([order.order_id for order in orders], len(orders.failures)) == (["a", "c"], 1)
    assert (tables.orders["order_id"].to_list(), len(tables.failures)) == (["a", "c"], 1)


def test_an_array_that_lost_its_end_is_told() -> None:
    orders = om.Orders.from_json('[{"order_id": "1"},\n')
    assert (len(orders), len(orders.failures)) == (1, 1)


def test_text_that_is_no_path_is_not_shown_as_one() -> None:
    for text in ('answer: {"order_id": "1", "email": "ada@example.com"}', "ada@example.com\n{}" * 500):
        assert om.Orders.from_json(text).failures
    with pytest.raises(ValueError, match="give a path") as raised:
        om.read_tables('{"order_id": "1", "email": "ada@example.com"}')
    assert "ada@" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path) -> None:
    pipe = tmp_path / "answers"
    os.mkfifo(pipe)
    lines = b"\n".join(b'{"order_id": "%d"}' % number for number in range(5_000))
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(pipe.write_bytes, lines)
        assert om.read_tables(pipe).orders.height == 5_000
        assert written.result() == len(lines)


def test_a_failure_without_a_usable_id_is_named_by_where_it_stands() -> None:
    for unusable in ("null", '""', "true", '{"owner": "ada@example.com"}', '["ada@example.com"]'):
        orders = om.Orders.from_json(f'{{"order_id": {unusable}, "order_amount": "x"}}')
        assert [failure.order_id for failure in orders.failures] == ["answer #1"], unusable
        assert "ada@" not in f"{orders.failures}"


def test_names_that_python_or_pydantic_use_are_names_like_any_other() -> None:
    names = "copy json model_extra model_fields_set model_dump __dict__ __class__ _table has_tracking to_polars"
    unknown = dict.fromkeys(names.split(), "x")
    order = {"order_id": "1", "selected_shipping_option": unknown, "shipping_info": [unknown], "captures": [unknown]}
    read = om.Orders.from_json(written(order | unknown))
    assert read[0].model_dump(by_alias=True, exclude_unset=True) == held(order | unknown, ORDER)
    assert read.tables(personal=True).orders.to_dicts() == rows_of([order])["orders"]


# ---- None, one, ten thousand ----


@pytest.fixture(scope="module")
def many() -> tuple[bytes, om.Orders]:
    """Ten thousand orders: a shop's thousand, ten times under other ids."""
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


def test_every_row_is_there_and_every_amount_adds_up_by_currency_without_a_join(many: tuple[bytes, om.Orders]) -> None:
    ndjson, orders = many
    tables = orders.tables()
    heights, sums = counted(json.loads(line) for line in ndjson.splitlines())
    assert {table: frame.height for table, frame in tables.items()} == heights
    for table, frame in tables.items():
        amounts = NUMBERS[table] - {"line", "shipment"}
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


# ---- Wrong input, by the hundred ----

HUGE = str(10**30)
UNKNOWN_OBJECT = '{"owner": "ada@example.com", "deep": [[1, {"x": null}]]}'
UNKNOWN_ARRAY = f"[{UNKNOWN_OBJECT}]"
WRONG = (
    *('"ada@example.com"', '"12.50"', '""', "7", "12.5", "12.0", HUGE, "1e400", "true", "false", "null", "{}", "[]"),
    *(UNKNOWN_OBJECT, UNKNOWN_ARRAY, '["ada@example.com"]', "[[]]"),
)
# What is made of it where the documentation has another type. What is not written here is refused.
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
    """Return a document with a value beside each field on the way, and a slot at its end."""
    name, *below = steps
    document: Json = {other: VALUE[kind] for other, kind in shape.items() if isinstance(kind, str)}
    kind = shape[name]
    if not below:
        return document | {name: SLOT}
    is_array = isinstance(kind, list)
    inner = document_with(kind[0] if is_array else kind, below)
    return document | {name: [{}, inner] if is_array else inner}


def value_at(tree: Any, steps: Sequence[str]) -> Any:
    """Return what is held in the slot."""
    for step in steps:
        tree = tree[-1][step] if isinstance(tree, tuple) else tree[step]
    return tree


def place_of(shape: Shape, steps: Sequence[str]) -> str:
    """Return the path as a failure tells it: `captures[1].captured_at`."""
    name, *below = steps
    kind = shape[name]
    if not below:
        return name
    return f"{name}[1].{place_of(kind[0], below)}" if isinstance(kind, list) else f"{name}.{place_of(kind, below)}"


def test_the_paths_are_all_that_the_pages_name_and_those_below_an_address_a_line_or_a_shipment() -> None:
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
        if steps != ("order_id",)  # an order without its id is another matter
    ],
)
def test_wrong_json_is_coerced_as_promised_or_refused_in_one_readable_failure(
    page: str, steps: tuple[str, ...], kind: str
) -> None:
    shape = ORDER if page == "order" else CAPTURE
    document = document_with(shape, steps) | ({"order_id": "f3"} if page == "order" else {})
    # A fraction where text is documented costs a second look at the whole answer, for its digits: both must agree.
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
    """Check that one failure tells one wrong value to somebody who knows JSON and no library of ours."""
    failure = error.failure
    assert (failure.order_id, failure.kind, len(failure.messages)) == ("f3", "invalid_order", 1), source
    item = "[0]" if kind == "array" and source.startswith("[") else ""
    path, _, problem = failure.messages[0].partition(": ")
    assert path == place + item, source
    assert re.fullmatch(r"[^\n]{10,150}", problem), source
    assert not JARGON.search(problem), f"{source}: {problem}"
    if kind == "integer" and source[0] not in "{[":
        told = {'"ada@example.com"': "some text", "1e400": "a number"}.get(source, source)
        assert problem.endswith(f" not {told}"), f"{source}: {problem}"
    assert "ada@" not in f"{error} {error!r} {failure!r}", source
    # Nothing from inside another library stands above or below it in a traceback.
    files = " ".join(frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__))
    assert not re.search("pydantic|polars", files), source
    assert (error.__cause__, error.__context__) == (None, None), source


@pytest.mark.parametrize("digits", ["+46 70 174 06 05", "19810906-1234", 198109061234])
def test_digits_that_may_be_somebody_s_are_quoted_only_where_an_amount_is_expected(digits: str | int) -> None:
    for steps, kind in paths_of(ORDER):
        if kind in {"object", "array"}:
            body = written(document_with(ORDER, steps) | {"order_id": "f3"}).replace(
                json.dumps(SLOT), json.dumps(digits)
            )
            with pytest.raises(om.InvalidOrder) as raised:
                read_order(body)
            assert f"{digits}" not in str(raised.value), steps
