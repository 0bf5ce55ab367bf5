"""Generated documents of every documented form, and an oracle for the objects and tables they become.

The oracle uses the JSON only. It knows the documented fields (`documented_fields`), that a column is named after its
API path, and the promised coercions; it uses nothing of the package.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import documented_fields as documented
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from property_tests import examples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Json = Any
Kind = Any  # "text", "code", "time" or "integer"; of an object its shape, of an array a list of its items' shape
Shape = dict[str, Kind]

TABLES = ("orders", "captures", "refunds", "order_lines", "shipments")
# The time of an example depends on the machine: no deadline, and no check of slowness.
PROPERTY = settings(
    derandomize=True, deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow]
)


def shape_of(page: str) -> Shape:
    root: Shape = {}
    for path, kind in (line.split() for line in page.strip().splitlines()):
        *parents, name = path.split(".")
        place = root
        for parent in parents:
            place = place[parent][0] if isinstance(place[parent], list) else place[parent]
        is_code = name in {"country", "purchase_country", "purchase_currency"} or path in {"status", "fraud_status"}
        string = "time" if name in documented.TIMES else "code" if is_code else "text"
        place[name] = {"string": string, "integer": "integer", "object": {}, "array": [{}]}[kind]
    return root


ORDER = shape_of(documented.ORDER)
CAPTURE, REFUND = ORDER["captures"][0], ORDER["refunds"][0]
ADDRESS, LINE, SHIPMENT = ORDER["billing_address"], CAPTURE["order_lines"][0], CAPTURE["shipping_info"][0]
# The documentation describes an address, a line and a shipment once; here they are wherever they can occur.
ORDER |= {"shipping_address": ADDRESS, "order_lines": [LINE], "shipping_info": [SHIPMENT]}
CAPTURE |= {"billing_address": ADDRESS, "shipping_address": ADDRESS}
REFUND["order_lines"] = [LINE]
ORDER["selected_shipping_option"]["location"]["address"] = ADDRESS
ORDER["selected_shipping_options"] = [ORDER["selected_shipping_option"]]


class Written(float):
    """A JSON number with a fraction or an exponent that keeps its text."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number


def parsed(text: str) -> Json:
    return json.loads(text, parse_float=Written)


def written(value: Json, gap: str = "") -> str:
    """Write JSON, with white space wherever it is allowed."""
    if isinstance(value, dict):
        items = (f"{gap}{json.dumps(name)}{gap}:{gap}{written(item, gap)}{gap}" for name, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return f"[{','.join(f'{gap}{written(item, gap)}{gap}' for item in value)}]"
    return value.text if isinstance(value, Written) else json.dumps(value, ensure_ascii=False)


def exact(value: Any) -> Any:
    """Return a value that equals only its like: True is not 1, 1 is not 1.0, a tuple is not a list, zones differ."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return (type(value), *map(exact, value))
    if isinstance(value, float):
        return float, repr(float(value))
    return type(value), value.isoformat() if isinstance(value, datetime) else value


def text_of(value: Json) -> str | None:
    """Return text unchanged, and a number as text with every digit."""
    return value.text if isinstance(value, Written) else value if value is None else str(value)


def instant_of(text: str | None) -> datetime | None:
    """Return a time in UTC, truncated to microseconds; naive means UTC, "" means None."""
    if not text:
        return None
    found = re.fullmatch(r"(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))?", text)
    assert found
    *parts, fraction, sign, hours, minutes = found.groups()
    instant = datetime(*map(int, parts), int((fraction or "0")[:6].ljust(6, "0")), tzinfo=UTC)  # type: ignore[arg-type,misc]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return instant + offset if sign == "-" else instant - offset


def held(value: Json, kind: Kind = None) -> Any:
    """Return the value that an object must have for a JSON value; an undocumented value is unchanged."""
    if isinstance(kind, list):
        return tuple(held(item, kind[0]) for item in value or ())
    if isinstance(kind, dict):
        return value and {name: held(item, kind.get(name)) for name, item in value.items()}
    if kind == "time":
        return instant_of(value)
    return text_of(value) if kind in {"text", "code"} else value


def row_of(shape: Shape, value: Json, at: str = "") -> dict[str, Any]:
    """Return the row of an object: a column for each field, and for each field of nested objects."""
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
        methods = [text_of(option.get("method")) for option in order.get("selected_shipping_options") or ()]
        own = {"selected_shipping_options_method": "\n".join(filter(None, methods)) or None, "seen_at": None}
        rows["orders"].append(row_of(ORDER, order) | own)
        stamp = {name: rows["orders"][-1][name] for name in ("order_id", "purchase_currency")}
        keys = ("capture_id", "capture", "refund_id", "refund")
        owners = [(order, stamp | {"source": "order"} | dict.fromkeys(keys))]
        for part, shape in (("capture", CAPTURE), ("refund", REFUND)):
            for position, document in enumerate(order.get(f"{part}s") or ()):
                row = row_of(shape, document) | stamp | {part: position}
                rows[f"{part}s"].append(row)
                own = {"source": part, part: position, f"{part}_id": row[f"{part}_id"]}
                owners.append((document, owners[0][1] | own))
        for owner, keys in owners:
            for number, line in enumerate(owner.get("order_lines") or ()):
                rows["order_lines"].append(keys | {"line": number} | row_of(LINE, line))
            for number, shipment in enumerate(owner.get("shipping_info") or ()):
                row = keys | {"shipment": number} | row_of(SHIPMENT, shipment)
                row["has_tracking"] = bool(row["tracking_number"] or row["tracking_uri"])
                del row["refund_id"], row["refund"]
                rows["shipments"].append(row)
    return rows


def numbers_of(shape: Shape, at: str = "") -> Iterator[str]:
    """Yield the columns of whole numbers."""
    for name, kind in shape.items():
        if kind == "integer":
            yield at + name
        elif isinstance(kind, dict):
            yield from numbers_of(kind, f"{at}{name}_")


NUMBERS = {
    "orders": {*numbers_of(ORDER)},
    "captures": {*numbers_of(CAPTURE), "capture"},
    "refunds": {*numbers_of(REFUND), "refund"},
    "order_lines": {*numbers_of(LINE), "line", "capture", "refund"},
    "shipments": {"shipment", "capture"},
}

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

SEEN = "subscription credit_invoice street_address__2 tos_id deliveries completed_at order_tax_amount"
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.just("1e400")
SCALARS = st.none() | st.booleans() | st.integers() | FRACTIONS.map(Written) | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(max_size=5), below, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(SEEN.split()) | st.text(max_size=5), ANYTHING, max_size=2)


def objects(shape: Shape, unknown: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return any object of a shape, with unknown fields; each documented key may be missing."""

    def below(kind: Kind) -> st.SearchStrategy[Json]:
        if isinstance(kind, list):
            items = objects(kind[0], unknown)
            return (
                st.sampled_from([ABSENT, None, []])
                | st.lists(items, min_size=1, max_size=2)
                | st.tuples(items).map(list)
            )
        return st.sampled_from([ABSENT, None]) | objects(kind, unknown) if isinstance(kind, dict) else VALUES[kind]

    reserved = {
        *shape,
        "order_id",
        "purchase_currency",
    }  # the last two are added to captures and refunds by the package

    def put_together(known: Json, new: Json) -> Json:
        present = {name: value for name, value in known.items() if value is not ABSENT}
        return {name: new[name] for name in new.keys() - reserved} | present

    return st.builds(put_together, st.fixed_dictionaries({name: below(kind) for name, kind in shape.items()}), unknown)


def batches(unknown: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    """Return some orders with distinct ids."""
    ids = st.lists(TEXT.filter(lambda value: value != ""), min_size=1, max_size=2, unique_by=text_of)
    orders = st.lists(objects(ORDER, unknown), min_size=2, max_size=2)
    return st.builds(
        lambda ids, orders: [order | {"order_id": one} for one, order in zip(ids, orders, strict=False)], ids, orders
    )


BATCHES = batches(st.just({})) | batches(UNKNOWN)
