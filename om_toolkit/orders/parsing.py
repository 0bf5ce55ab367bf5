"""The body of a response in, a validated order or its captures out; an order as a canonical document."""

import json
import re
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, TypeVar

import pydantic_core
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from om_toolkit.errors import Failure
from om_toolkit.orders.models import Capture, Order, stamp, stamp_parts
from om_toolkit.privacy.detectors import names_somebody
from om_toolkit.privacy.messages import shown_messages
from om_toolkit.support.json_text import Digits, json_type

DocumentT = TypeVar("DocumentT")

_ORDER_ADAPTER: Final = TypeAdapter(Order)
_CAPTURES_ADAPTER: Final = TypeAdapter(tuple[Capture, ...])
_MANY_ORDERS_ADAPTER: Final = TypeAdapter(tuple[Order, ...], config=ConfigDict(ser_json_inf_nan="constants"))

_LONGEST_ID: Final = 100  # characters of an order id in the failure of a document

_ESCAPES: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in JSON: a whole surrogate pair, half of one, or another."""


def read_order(body: str | bytes, order_id: str | None = None) -> Order:
    """Read the response to `GET /orders/{order_id}`.

    Args:
        body: The JSON document.
        order_id: The requested id, which the document may lack.

    Raises:
        InvalidBody: If it is not JSON.
        InvalidOrder: If it is not an order, has no id at all, or is another order than the requested one.
    """
    order = _read(_ORDER_ADAPTER, body, order_id)
    if problem := _identity_problem(order, order_id):
        raise Failure(order_id or "?", "invalid_order", messages=shown_messages([problem])).error()
    if not order.order_id:
        stamp_parts(order, order_id)
    return order


def _identity_problem(order: Order, order_id: str | None) -> str | None:
    """Say why a document is not the requested order; ids may differ in case."""
    if order.order_id:
        is_other = order_id and order.order_id.lower() != order_id.lower()
        return f"the document is order {order.order_id}" if is_other else None
    if order.model_fields_set.isdisjoint(Order.model_fields):
        return "the document has no field of an order"
    return None if order_id else "the document has no order_id"


def read_captures(body: str | bytes, order_id: str) -> tuple[Capture, ...]:
    """Read the response to `GET /orders/{order_id}/captures`, which does not contain the currency.

    Raises:
        InvalidBody: If it is not JSON.
        InvalidOrder: If it is not an array of captures.
    """
    captures = _read(_CAPTURES_ADAPTER, body, order_id)
    stamp(captures, order_id, None)
    return captures


def to_document(order: Order) -> dict[str, Any]:
    """Return the document from which `read_order` makes the same order: the fields that were set, and the id."""
    return {"order_id": order.order_id, **order.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def pack_orders(orders: tuple[Order, ...]) -> tuple[bytes, list[str | None]]:
    """Return orders as a JSON array and their ids, from which `unpack_orders` makes the same orders."""
    body = _MANY_ORDERS_ADAPTER.dump_json(orders, by_alias=True, exclude_unset=True)
    return body, [order.order_id for order in orders]


def unpack_orders(body: bytes, order_ids: Iterable[str | None]) -> tuple[Order, ...]:
    """Return the orders of `pack_orders`; an id that its document lacks was known from the request."""
    orders = _MANY_ORDERS_ADAPTER.validate_json(body)
    for order, order_id in zip(orders, order_ids, strict=True):
        if order_id and not order.order_id:
            stamp_parts(order, order_id)
    return orders


def to_json(document: object) -> bytes:
    """Write a document in compact JSON; a number too large for a float becomes `Infinity`, which `read_order` takes."""
    return pydantic_core.to_json(document, inf_nan_mode="constants")


def _read(adapter: TypeAdapter[DocumentT], body: str | bytes, order_id: str | None) -> DocumentT:
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    if (
        problems[0]["type"] in {"json_invalid", "string_unicode"}
        and (repaired := _without_lone_surrogates(body)) != body
    ):
        return _read(adapter, repaired, order_id)
    if any(problem["type"] == "text" and isinstance(problem["input"], float) for problem in problems):
        # A fraction where text is documented: read again, keeping its digits.
        try:
            return adapter.validate_python(json.loads(body, parse_float=Digits))
        except ValidationError as error:
            problems = error.errors(include_url=False)
        except (ValueError, RecursionError):
            pass  # pydantic's parser accepts more than Python's: the first problems count
    is_invalid_json = problems[0]["type"] == "json_invalid"
    raise Failure(
        order_id or _order_id_of(body),
        "invalid_body" if is_invalid_json else "invalid_order",
        messages=shown_messages(problem["msg"] if is_invalid_json else _message(problem) for problem in problems),
    ).error()


def _without_lone_surrogates(body: str | bytes) -> str | bytes:
    """Return a body with U+FFFD in place of each half of a surrogate pair, escaped or not; `Orders.drift` lists these.

    Python, JavaScript and Java write such halves, for example of an emoji that was cut off; pydantic refuses them.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return body
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = _ESCAPES.sub(lambda found: "\N{REPLACEMENT CHARACTER}" if found["half"] else found[0], text)
    return text if isinstance(body, str) else text.encode()


def _order_id_of(body: str | bytes) -> str:
    """Return the order id of a document that is not a valid order; "?" if it has none."""
    try:
        order_id = json.loads(body, parse_int=str, parse_float=str)["order_id"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return "?"
    is_usable = isinstance(order_id, str) and order_id.isprintable() and 0 < len(order_id) <= _LONGEST_ID
    return order_id if is_usable else "?"


def _message(problem: ErrorDetails) -> str:
    """Say what is wrong where; quote a value only if a number is expected and it looks like one."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"]).lstrip(".")
    value = problem["input"]
    expected = _EXPECTED.get(problem["type"], problem["msg"])
    quoted = json.dumps(value) if "number" in expected and _looks_like_a_number(value) else ""
    shown = json_type(value) if not quoted or names_somebody(quoted) else quoted
    return f"{path or 'document'}: expected {expected}, not {shown}"


_EXPECTED: Final = {
    "int_type": "a whole number",
    "greater_than_equal": "a whole number of 64 bits",
    "less_than": "a whole number of 64 bits",
    "model_type": "an object",
    "tuple_type": "an array",
    "text": "text",
    "time": "a time in ISO 8601",
}


def _looks_like_a_number(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    return bool(_NUMERIC.fullmatch(value)) if isinstance(value, str) else isinstance(value, int)


_NUMERIC: Final = re.compile(r"(?:-?[\d.,]{1,20}(?:[eE][-+]?\d{1,3})?)?", re.ASCII)  # one number, or empty text
