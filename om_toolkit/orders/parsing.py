"""TODO."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json as _to_json

from om_toolkit.errors import Failure
from om_toolkit.orders.models import Capture, Order, T, stamp, stamp_parts
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.support.json_text import Digits

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_ORDER: Final = TypeAdapter(Order)


_CAPTURES: Final = TypeAdapter(tuple[Capture, ...])


def read_order(body: str | bytes, order_id: str | None = None) -> Order:
    """Read the answer of `GET /orders/{order_id}`.

    Args:
        body: The JSON document.
        order_id: The id that was asked for, which the answer may lack.

    Raises:
        InvalidBody: If it is no JSON.
        InvalidOrder: If it is no order, has no id at all, or is another order than the one asked for.
    """
    order = _read(_ORDER, body, order_id)
    answered = order.order_id
    if answered and answered == (order_id or answered):
        return order
    problem = None
    if order.model_fields_set.isdisjoint(Order.model_fields):
        problem = "the answer holds no field of an order"
    elif not (answered or order_id):
        problem = "the answer holds no order_id"
    elif answered and order_id and answered.lower() != order_id.lower():
        problem = f"the answer is order {answered}"
    if problem:
        raise Failure(order_id or "?", "invalid_order", messages=(problem,)).error()
    if not answered:
        stamp_parts(order, order_id)
    return order


def read_captures(body: str | bytes, order_id: str) -> tuple[Capture, ...]:
    """Read the answer of `GET /orders/{order_id}/captures`; it does not tell the currency.

    Raises:
        InvalidBody: If it is no JSON.
        InvalidOrder: If it is no array of captures.
    """
    captures = _read(_CAPTURES, body, order_id)
    for capture in captures:
        stamp(capture, order_id, None)
    return captures


def to_document(order: Order) -> dict[str, Any]:
    """Return the document of which `read_order` makes the same order: what came, with its id, texts as text, UTC."""
    return {"order_id": order.order_id, **order.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def to_json(document: object) -> bytes:
    """Write a document in compact JSON; a number beyond all floats becomes `Infinity`, which `read_order` takes."""
    return _to_json(document, inf_nan_mode="constants")


def _read(adapter: TypeAdapter[T], body: str | bytes, order_id: str | None) -> T:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    if any(problem["type"] == "text" and isinstance(problem["input"], float) for problem in problems):
        # A number with a fraction stands where text is documented: read again, keeping its digits.
        try:
            return adapter.validate_python(json.loads(body, parse_float=Digits))
        except ValidationError as error:
            problems = error.errors(include_url=False)
        except (ValueError, RecursionError):
            pass  # pydantic's parser bears more than Python's; what it told stands
    invalid_json = problems[0]["type"] == "json_invalid"
    failure = Failure(
        order_id or _order_id_of(body),
        "invalid_body" if invalid_json else "invalid_order",
        messages=tuple(problems[0]["msg"] if invalid_json else _told(problem) for problem in problems),
    )
    raise failure.error()


def _order_id_of(body: str | bytes) -> str:
    """Return the order id of a document that could not be read as an order, if it can be told."""
    try:
        order_id = json.loads(body, parse_int=str, parse_float=str)["order_id"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return "?"
    return order_id if order_id and isinstance(order_id, str) else "?"


_EXPECTED: Final = {
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of 64 bits",
    "less_than": "a whole number of 64 bits",
    "model_type": "an object",
    "tuple_type": "an array",
    "text": "text",
    "time": "a time in ISO 8601",
}


def _told(problem: ErrorDetails) -> str:
    """Say what is wrong where. A value is quoted only where a number is expected, and if it looks like one."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"]).lstrip(".")
    value = problem["input"]
    expected = _EXPECTED.get(problem["type"], problem["msg"])
    match value:
        case float():
            looks_like_a_number = isfinite(value)
        case str():
            looks_like_a_number = bool(_NUMERIC.fullmatch(value))
        case _:
            looks_like_a_number = isinstance(value, int)
    quoted = json.dumps(value) if "number" in expected and looks_like_a_number else ""
    shown = json_type(value) if not quoted or names_somebody(quoted) else quoted
    return f"{path or 'document'}: expected {expected}, not {shown}"


_NUMERIC: Final = re.compile(r"(?:-?[\d.,]{1,20}(?:[eE][-+]?\d{1,3})?)?", re.ASCII)  # one number, or no text at all


_JSON_TYPES: Final = {
    dict: "an object",
    list: "an array",
    tuple: "an array",
    str: "some text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Digits: "a number",
    type(None): "null",
}


def json_type(value: object) -> str:
    """Name the JSON type of a value as a reader would."""
    return _JSON_TYPES.get(type(value), "something else")
