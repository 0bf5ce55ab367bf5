"""Saved answers: a path, text or bytes in; orders out, and a failure for each answer that is none."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from dataclasses import replace
from itertools import chain
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
    captures = (capture.captured_at for order in orders for capture in order.captures)
    refunds = (refund.refunded_at for order in orders for refund in order.refunds)
    return max(filter(None, chain((order.created_at for order in orders), captures, refunds)), default=None)


def warn_of_repeated(repeated: Counter[str]) -> None:
    """Warn of orders that stood there more than once."""
    if repeated:
        ids = ", ".join(sorted(repeated)[:_SHOWN])
        text = f"{len(repeated)} order(s) stand there more than once, and the last one counts: {ids}"
        warnings.warn(text, RepeatedOrders, stacklevel=4)


def documents(source: str | bytes | Path) -> Iterator[tuple[str, str]]:
    """Yield each document of a source as text, with where it stands; what is no document is yielded too, to be told.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the bytes are no text.
    """
    name, text = _text(source)
    for number, piece in enumerate(_pieces(text), 1):
        yield f"{name} #{number}", piece


def _text(source: str | bytes | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.strip(_BLANK)[:1] in ("", "{", "["):
        return "answer", source.strip(_BLANK)
    name, data = ("answer", source) if isinstance(source, bytes) else (str(source), Path(source).read_bytes())
    try:
        return name, data.decode(json.detect_encoding(data)).strip(_BLANK)
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no JSON: its bytes are no text in UTF-8") from None


_BLANK: Final = "\ufeff \t\r\n"  # JSON's white space, and the byte order mark


def _pieces(text: str) -> Iterator[str]:
    """Split a text into its documents: the elements of an array, the lines of NDJSON, or the text as it is."""
    if text.startswith("["):
        rest = yield from _elements(text)
        yield from _pieces(rest.strip(_BLANK))
        return
    lines = [line.strip(_BLANK) for line in text.split("\n")]
    is_ndjson = lines[0].endswith("}") or (any(line.startswith("{") for line in lines[1:]) and not _is_json(text))
    yield from filter(None, lines if is_ndjson else [text])


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str)
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
