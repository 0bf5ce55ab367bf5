"""Objects: every documented field, undocumented values that are accepted, and values that are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import documented_fields as documented
import pytest

import om_toolkit as om
from om_toolkit.orders.models import Model
from om_toolkit.orders.parsing import read_captures, read_order

if TYPE_CHECKING:
    from pathlib import Path

Json = Any  # a JSON document, or its dump from a model
MOMENT = "2025-11-29T10:25:40Z"


def fields_of(page: str) -> list[tuple[str, str]]:
    return [(path, kind) for path, kind in (line.split() for line in page.strip().splitlines())]


ORDER, CAPTURE, ERROR = map(fields_of, (documented.ORDER, documented.CAPTURE, documented.ERROR))


def test_the_lists_have_all_fields_of_the_pages() -> None:
    assert (len(ORDER), len(CAPTURE), len(ERROR)) == (119, 51, 3)


def document_with(path: str, kind: str, kinds: dict[str, str]) -> tuple[dict[str, Any], Any]:
    """Return the smallest document that has a value at a path, and the value."""
    name = path.rpartition(".")[2]
    value: Any = {"string": MOMENT if name in documented.TIMES else "x", "integer": -7, "object": {}, "array": []}[kind]
    if path == "error_messages":
        value = ["x"]
    document = value
    steps = path.split(".")
    for depth in range(len(steps), 0, -1):
        is_array = depth < len(steps) and kinds[".".join(steps[:depth])] == "array"
        document = {steps[depth - 1]: [document] if is_array else document}
    return document, value


@pytest.mark.parametrize(
    ("model", "path", "kind", "kinds"),
    [
        pytest.param(model, path, kind, dict(page), id=f"{model.__name__}.{path}")
        for model, page in ((om.Order, ORDER), (om.Capture, CAPTURE), (om.ApiError, ERROR))
        for path, kind in page
    ],
)
def test_each_documented_field_is_an_attribute_set_from_json_and_back(
    model: type[Model], path: str, kind: str, kinds: dict[str, str]
) -> None:
    document, value = document_with(path, kind, kinds)
    read = model.model_validate_json(json.dumps(document))

    owner: Any = read
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
        owner = owner[0] if isinstance(owner, tuple) else owner
    attribute = "class_" if name == "class" else name
    assert type(owner).model_fields[attribute].description
    held = getattr(owner, attribute)
    expected = {
        "string": datetime if name in documented.TIMES else str,
        "integer": int,
        "array": tuple,
        "object": Model,
    }
    assert isinstance(held, expected[kind])
    if kind in {"string", "integer"} and name not in documented.TIMES:
        assert held == value
    assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == document
    assert name not in (owner.model_extra or {})


def normal(value: Json, name: str = "") -> Json:
    """Apply the documented coercions to a JSON document: times to UTC, numbers to text, null arrays to empty ones."""
    texts = {path.rpartition(".")[2] for path, kind in ORDER if kind == "string"}
    if isinstance(value, dict):
        return {key: normal(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if name in documented.TIMES:
        return datetime.fromisoformat(value)
    return str(value) if name in texts and isinstance(value, int) else value


def plain(value: Json) -> Json:
    """Turn a dump's tuples into lists."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def test_orders_round_trip(payloads: Path) -> None:
    files = sorted((payloads / "orders").glob("*.json"))
    assert files
    for file in files:
        order = read_order(file.read_bytes())
        assert plain(order.model_dump(by_alias=True, exclude_unset=True)) == normal(json.loads(file.read_text("utf-8")))


def test_captures_round_trip(payloads: Path) -> None:
    files = sorted((payloads / "captures").glob("*.json"))
    assert files
    for file in files:
        captures = [
            capture.model_dump(by_alias=True, exclude_unset=True) for capture in read_captures(file.read_bytes(), "1")
        ]
        assert plain(captures) == normal(json.loads(file.read_text("utf-8")))


def test_error_bodies_are_read(payloads: Path) -> None:
    not_found = om.ApiError.model_validate_json((payloads / "errors" / "not_found.json").read_bytes())
    assert not_found.error_code == "NO_SUCH_ORDER"
    assert not_found.correlation_id
    assert len(not_found.error_messages) == 1


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678Z", datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678901999Z", datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("", None),
    ],
)
def test_times_are_read_in_utc(written: str, instant: datetime | None) -> None:
    order = read_order(json.dumps({"order_id": "1", "created_at": written}))
    assert order.created_at == instant
    assert order.created_at is None or order.created_at.tzinfo is UTC


@pytest.mark.parametrize("written", ["63456415674545680000", "12345", "1.10", "1e3", "-0"])
def test_numbers_instead_of_text_keep_every_digit(written: str) -> None:
    order = read_order(f'{{"order_id": "1", "shipping_info": [{{"tracking_number": {written}}}], "x": 1.5}}')
    assert order.shipping_info[0].tracking_number == (written if written != "-0" else "0")
    assert order.model_extra == {"x": 1.5}


@pytest.mark.parametrize("amount", ['"12.50"', "12.5", "12.0", "true", '"1250"', "9223372036854775808", "[]", "{}"])
def test_a_fractional_amount_is_refused_with_path_value_and_order(amount: str) -> None:
    body = f'{{"order_id": "f3", "captures": [{{}}, {{"captured_amount": {amount}}}]}}'
    with pytest.raises(om.InvalidOrder) as raised:
        read_order(body)
    failure = raised.value.failure
    assert failure.order_id == "f3"
    assert len(failure.messages) == 1
    assert failure.messages[0].startswith("captures[1].captured_amount: ")
    if amount not in {"[]", "{}"}:
        assert json.loads(failure.messages[0].rpartition(", not ")[2]) == json.loads(amount)


def test_a_refusal_quotes_nothing_personal() -> None:
    body = {
        "order_id": "1",
        "order_amount": "Ada Lovelace",
        "billing_address": {"email": ["ada@example.com"], "phone": True, "city": {"name": "Paris"}},
        "customer": "Ada Lovelace",
    }
    with pytest.raises(om.InvalidOrder) as raised:
        read_order(json.dumps(body))
    shown = f"{raised.value} {raised.value!r} {raised.value.failure!r} {raised.value.__context__!r}"
    assert "billing_address.email" in shown
    assert not any(word in shown for word in ("Ada", "ada@", "Paris", "Lovelace"))


@pytest.mark.parametrize("text", ["19810906-1234", "+46701234567", "198109061237", "070 123 45 67"])
def test_a_number_that_may_be_personal_is_not_quoted(text: str) -> None:
    with pytest.raises(om.InvalidOrder) as raised:
        read_order(json.dumps({"order_id": "1", "order_amount": text}))
    assert raised.value.failure.messages == ("order_amount: expected a whole number, not some text",)


def test_unknown_fields_and_vocabulary_are_kept_at_every_level() -> None:
    document = {
        "order_id": "1",
        "status": "ON_THE_MOON",
        "moon": {"phase": [1, {"x": None}]},
        "captures": [{"capture_id": "2", "credit": 1.5, "shipping_info": [{"shipping_method": "Drone", "y": "z"}]}],
    }
    order = read_order(json.dumps(document))
    assert plain(order.model_dump(by_alias=True, exclude_unset=True)) == document


def test_null_and_missing_fields_are_accepted_everywhere() -> None:
    for path, kind in ORDER:
        document, _ = document_with(path, kind, dict(ORDER))
        owner: Any = document
        *parents, name = path.split(".")
        for parent in parents:
            owner = owner[parent]
            owner = owner[0] if isinstance(owner, list) else owner
        owner[name] = None
        order = read_order(json.dumps(document | {"locale": "sv-SE"}), "1")
        assert om.Orders([order]).tables().orders.height == 1


def test_captures_and_refunds_know_their_order() -> None:
    order = read_order('{"captures": [{"capture_id": "c"}], "refunds": [{}], "purchase_currency": "sek"}', "asked")
    assert order.order_id == "asked"
    assert {part.order_id for part in (*order.captures, *order.refunds)} == {"asked"}
    assert {part.purchase_currency for part in (*order.captures, *order.refunds)} == {"sek"}
    dumped = plain(order.model_dump(exclude_unset=True))
    assert dumped == {"captures": [{"capture_id": "c"}], "refunds": [{}], "purchase_currency": "sek"}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("{", om.InvalidBody),
        ("", om.InvalidBody),
        ("<html>", om.InvalidBody),
        ("[]", om.InvalidOrder),
        ("{}", om.InvalidOrder),
        ('{"message": "welcome"}', om.InvalidOrder),
        ('{"order_id": "another"}', om.InvalidOrder),
    ],
)
def test_other_documents_are_refused(body: str, error: type[om.FetchError]) -> None:
    with pytest.raises(error):
        read_order(body, "1")


def test_objects_are_frozen() -> None:
    order = read_order('{"order_id": "1"}')
    with pytest.raises(AttributeError, match="Order is immutable"):
        order.status = "CAPTURED"  # type: ignore[misc]


def test_a_repr_shows_amounts_and_counts_but_nothing_personal(payloads: Path) -> None:
    order = read_order((payloads / "orders" / "captured.json").read_bytes())
    shown = f"{order!r} {order} {order.billing_address!r} {order.captures!r} {om.Orders([order])._repr_html_()}"
    assert "order_amount=4900" in shown
    assert "captures=1" in shown
    assert not any(word in shown for word in ("Madeup", "Buyer", "Nigdzie", "@", "+48", "00-000", "777"))
