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
    from collections.abc import Iterable, Iterator
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
    """Yield each document of a source as text, with where it stands."""
    name, text = _text(source)
    if text.startswith("["):
        pieces = _elements(text)
    else:
        lines = [line for line in text.splitlines() if line.strip()]
        pieces = iter(lines if all(line.lstrip().startswith("{") for line in lines) else [text])
    for number, piece in enumerate(pieces, 1):
        yield f"{name} #{number}", piece


def _text(source: str | bytes | Path) -> tuple[str, str]:
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return "answer", source.lstrip("\ufeff \t\r\n")
    name, data = ("answer", source) if isinstance(source, bytes) else (Path(source).name, Path(source).read_bytes())
    try:
        return name, data.decode(json.detect_encoding(data)).strip()
    except UnicodeDecodeError:
        msg = f"{name} is no JSON: its bytes are no text in UTF-8"
        raise ValueError(msg) from None


def _elements(text: str) -> Iterator[str]:
    """Yield each element of a JSON array as it was written; what follows a broken one cannot be told apart."""
    decode = json.JSONDecoder().raw_decode
    start = 1
    while (start := _skip(text, start)) < len(text) and text[start] != "]":
        try:
            _, end = decode(text, start)
        except ValueError:
            end = len(text)
        yield text[start:end]
        start = end


def _skip(text: str, start: int) -> int:
    while start < len(text) and text[start] in ", \t\r\n":
        start += 1
    return start
