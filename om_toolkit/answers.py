"""Saved answers: a path, text or bytes in; orders out, and a failure for each answer that is none."""

from __future__ import annotations

import json
import warnings
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import replace
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from om_toolkit.errors import Failure, FetchError, RepeatedOrders
from om_toolkit.models import Order, read_order

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from datetime import datetime

_SHOWN: Final = 5  # ids that a warning spells out


def read(documents: Iterable[tuple[str, str | bytes]]) -> tuple[list[Order], list[Failure], Counter[str]]:
    """Read documents; return the orders, the failures, and how often an order stood there before."""
    orders: dict[str, Order] = {}
    failures, repeated = [], Counter[str]()
    for where, document in documents:
        try:
            order = read_order(document)
        except FetchError as error:
            known = error.failure.order_id
            failures.append(error.failure if known != "?" else replace(error.failure, order_id=where))
            continue
        order_id = order.order_id or ""
        if order_id in orders:
            repeated[order_id] += 1
        orders[order_id] = order
    return list(orders.values()), failures, repeated


def newest(orders: Iterable[Order]) -> datetime | None:
    """Return the newest time at which something has happened; an expiry may be yet to come."""
    happened: list[datetime | None] = []
    for order in orders:
        happened.append(order.created_at)
        happened.extend([capture.captured_at for capture in order.captures])
        happened.extend([refund.refunded_at for refund in order.refunds])
    return max(filter(None, happened), default=None)


def warn_of_repeated(repeated: Counter[str]) -> None:
    """Warn of orders that stood there more than once."""
    if repeated:
        ids = ", ".join(sorted(repeated)[:_SHOWN])
        text = f"{len(repeated)} order(s) stand there more than once, and the last one counts: {ids}"
        warnings.warn(text, RepeatedOrders, stacklevel=3)


def documents(source: str | bytes | Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield each document of a source, with where it stands; what is no document is yielded too, to be told.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the bytes are no text.
    """
    name, data = _data(source)
    for number, piece in enumerate(_pieces(data, name), 1):
        yield f"{name} #{number}", piece


def _data(source: str | bytes | Path) -> tuple[str, bytes]:
    """Return what to call a source, and its bytes in UTF-8."""
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n")[:1] in ("", "{", "["):
        return "answer", source.encode("utf-8", "surrogatepass")
    name, data = ("answer", source) if isinstance(source, bytes) else (str(source), Path(source).read_bytes())
    encoding = json.detect_encoding(data)
    return name, data if encoding.startswith("utf-8") else _decoded(data, encoding, name).encode()


def _decoded(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no JSON: its bytes are no text in UTF-8") from None


def _pieces(data: bytes, name: str) -> Iterator[str | bytes]:
    """Split bytes into their documents: the elements of an array, the lines of NDJSON, or all of them as they are."""
    data = data.removeprefix(BOM_UTF8).strip(_BLANK)
    if data.startswith(b"["):
        rest = yield from _elements(_decoded(data, "utf-8", name))
        yield from _pieces(rest.encode(), name)
        return
    if not data.startswith(b"{"):
        _decoded(data, "utf-8", name)  # what is no text at all is no answer
    is_ndjson = next(_lines(data), b"").endswith(b"}") or (
        any(line.startswith(b"{") for line in islice(_lines(data), 1, None)) and not _is_json(data)
    )
    yield from filter(None, _lines(data) if is_ndjson else [data])


def _lines(data: bytes) -> Iterator[bytes]:
    return (line.strip(_BLANK) for line in BytesIO(data))


_BLANK: Final = b" \t\r\n"  # JSON's white space


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


def _elements(text: str) -> Generator[str, None, str]:
    """Yield each element of a JSON array as it was written, and return what follows the array.

    What follows a broken element cannot be told apart, and is yielded with it; so is the end of an array that has none.
    """
    # Only where an element ends is asked here, so its numbers, however long, stay as they are written.
    decode = json.JSONDecoder(parse_int=str, parse_float=str).raw_decode
    start = _skip(text, 1)
    while text[start : start + 1] != "]":
        try:
            _, end = decode(text, start)
        except (ValueError, RecursionError):
            yield text[start:] or "["
            return ""
        yield text[start:end]
        start = _skip(text, end)
    return text[start + 1 :]


def _skip(text: str, start: int) -> int:
    while text[start : start + 1] in tuple(", \t\r\n"):
        start += 1
    return start
