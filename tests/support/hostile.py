"""A raw-socket HTTP/1.1 server that misbehaves: a choice by path and attempt in, bytes and a log of requests out.

Each behaviour is a script: bytes are sent, numbers are pauses in seconds. It states which outcomes are legal for a
client: `right` (the order that was asked for, perhaps after retries) or kinds of failures.
"""

from __future__ import annotations

import gzip
import json
import random
import socket
import struct
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PATIENCE = 0.25  # seconds without a byte that a client should wait, at most
AMOUNT = 7654321  # of each order and capture, so that scripts find it in a body
SEED = 12

Step = bytes | float
Choice: TypeAlias = "Callable[[str, int], Behaviour | None]"  # by path and attempt; None is honest


@dataclass(frozen=True)
class Legal:
    """Outcomes that a behaviour may have: those named, or all but those named."""

    kinds: frozenset[str]
    is_exclusion: bool = False

    def allows(self, outcome: str) -> bool:
        return outcome != "wrong" and (outcome in self.kinds) != self.is_exclusion

    def __str__(self) -> str:
        return ("anything but " if self.is_exclusion else "") + " or ".join(sorted(self.kinds))


def only(*kinds: str) -> Legal:
    return Legal(frozenset(kinds))


def anything_but(*kinds: str) -> Legal:
    return Legal(frozenset(kinds), is_exclusion=True)


RIGHT = only("right")
REFUSED = only("right", "invalid_body")  # a retry is not required: the body could be the same again
NO_ORDER = only("right", "invalid_body", "invalid_order")
NOT_5XX = anything_but("server_error")


@dataclass(frozen=True)
class Behaviour:
    """One way to misbehave.

    Attributes:
        name: Unique.
        script: What is sent for a request.
        legal: The outcomes that a client may report for the order.
        bystanders: The outcomes of other orders that are fetched with it.
        then: What happens to the connection: it is kept, closed, reset, or silent until the client closes it.
        always: Whether each attempt is treated so, and not only the first.
        spoils: Whether a client must not send another request on the connection.
        slow: Whether it costs the client a timeout or a wait.
        idle: Whether it goes on a few milliseconds after the response, while a client may be idle.
        weight: Its share in a mix, relative to others; 0 where it ends a batch or cannot be detected under load.
        messages: The exact messages of the failure, if they matter.
        says: A text that the failure must contain, if any.
    """

    name: str
    script: Callable[[Exchange], Iterable[Step]]
    legal: Legal = RIGHT
    bystanders: Legal = RIGHT
    then: Literal["keep", "close", "reset", "silence"] = "keep"
    always: bool = False
    spoils: bool = False
    slow: bool = False
    idle: bool = False
    weight: float = 1.0
    messages: tuple[str, ...] | None = None
    says: str | None = None

    @property
    def persists(self) -> bool:
        """Whether it stays: else an attempt that is late by chance would be followed by an honest one."""
        return self.always or not self.legal.allows("right")


@dataclass
class Request:
    """What was asked and how it was treated; `wait_until` is the moment before which the client was asked to wait."""

    at: float
    path: str
    attempt: int
    behaviour: str | None
    wait_until: float | None = None


@dataclass(frozen=True)
class Exchange:
    """A request that a script responds to."""

    request: Request
    here: str
    elsewhere: str

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def order_id(self) -> str:
        return self.path.split("/")[4]

    @property
    def body(self) -> bytes:
        """The right document."""
        return document(self.order_id, is_captures=self.path.endswith("/captures"))

    @property
    def others_body(self) -> bytes:
        """The same kind of document, of another order."""
        return document(f"{self.order_id}-other", is_captures=self.path.endswith("/captures"))

    def altered(self, members: bytes) -> bytes:
        """Return the right document with more members at the start of its first object."""
        return self.body.replace(b"{", b"{" + members + b",", 1)

    def seconds(self, seconds: float) -> str:
        """Ask the client to wait; return it as a header's value."""
        self.request.wait_until = time.monotonic() + seconds
        return str(seconds)

    def epoch(self, scale: int = 1, later: int = 0) -> str:
        """Ask the client to wait for less than a second, or for that much longer; return the moment since 1970."""
        moment = int(time.time()) + 1 + later
        self.request.wait_until = time.monotonic() + moment - time.time()
        return str(moment * scale)

    def date(self) -> str:
        """Ask the client to wait until a moment less than a second away; return that as a date of HTTP."""
        return format_datetime(datetime.fromtimestamp(int(self.epoch()), UTC), usegmt=True)


def document(order_id: str, *, is_captures: bool) -> bytes:
    """Write the JSON of an order or of its captures; captures name their order in `capture_id` and `reference`."""
    captures = [
        {
            "capture_id": f"{order_id}/{position}",
            "reference": order_id,
            "captured_amount": AMOUNT,
            "captured_at": "2026-10-01T08:00:00.000Z",
        }
        for position in range(2)
    ]
    order = {
        "order_id": order_id,
        "status": "CAPTURED",
        "merchant_reference1": order_id,
        "purchase_currency": "EUR",
        "order_amount": AMOUNT,
        "created_at": "2026-10-01T07:00:00.000Z",
        "captures": captures,
    }
    return json.dumps(captures if is_captures else order).encode()


def response(
    body: bytes, *headers: str, status: str = "200 OK", version: str = "HTTP/1.1", length: str | None = "exact"
) -> bytes:
    """Write a response; `length` is what `Content-Length` says, None for none."""
    lines = [f"{version} {status}", "Content-Type: application/json", *headers]
    if length is not None:
        lines.append(f"Content-Length: {len(body) if length == 'exact' else length}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


def right(exchange: Exchange, *headers: str, **options: Any) -> bytes:
    return response(exchange.body, *headers, **options)


def wrong(exchange: Exchange) -> bytes:
    """Write a whole response about another order."""
    return response(exchange.others_body)


def interim(status: str = "103 Early Hints", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def chunk(body: bytes, size: str | None = None) -> bytes:
    return (size or f"{len(body):x}").encode() + b"\r\n" + body + b"\r\n"


def chunked(*chunks: bytes, header: str = "Transfer-Encoding: chunked", **options: Any) -> bytes:
    return response(b"".join(chunks), header, length=None, **options)


LAST = b"0\r\n\r\n"


def packed(exchange: Exchange) -> bytes:
    return gzip.compress(exchange.body, mtime=0)


def problem(status: str, *headers: str, **members: Any) -> bytes:
    """Write an error as the API does, with other members if they are given."""
    body = {"error_code": "HOSTILE", "error_messages": ["It was refused"], "correlation_id": "c-1"} | members
    return response(json.dumps(body).encode(), *headers, status=status)


def fixed(*steps: Step) -> Callable[[Exchange], Iterable[Step]]:
    """Return a script that is the same for each request."""
    return lambda _: steps


INTERIM = [
    Behaviour("interim_100", lambda x: [interim("100 Continue") + right(x)], spoils=True),
    Behaviour("interim_102", lambda x: [interim("102 Processing") + right(x)], spoils=True),
    Behaviour("interim_103", lambda x: [interim() + right(x)], spoils=True),
    Behaviour("interim_199", lambda x: [interim("199 Unheard Of") + right(x)], spoils=True),
    Behaviour("interim_without_reason", lambda x: [interim("103") + right(x)], spoils=True),
    Behaviour(
        "interim_101_switching",
        lambda x: [interim("101 Switching Protocols", "Upgrade: h2c") + right(x)],
        NOT_5XX,
        spoils=True,
    ),
    Behaviour("interim_100_delayed", lambda x: [interim("100 Continue"), 0.03, right(x)], spoils=True),
    Behaviour("interim_102_delayed", lambda x: [interim("102 Processing"), 0.03, right(x)], spoils=True),
    Behaviour("interim_103_delayed", lambda x: [interim(), 0.03, right(x)], spoils=True),
    Behaviour(
        "interim_with_headers",
        lambda x: [
            interim("103 Early Hints", f"Link: <{x.elsewhere}/style.css>; rel=preload", "Set-Cookie: a=b"),
            0.01,
            right(x),
        ],
        spoils=True,
    ),
    Behaviour(
        "interim_with_length", lambda x: [interim("103 Early Hints", "Content-Length: 5"), 0.01, right(x)], spoils=True
    ),
    Behaviour(
        "interim_with_body",
        lambda x: [interim("103 Early Hints", "Content-Length: 2") + b"{}", 0.01, right(x)],
        spoils=True,
    ),
    Behaviour("interim_many", lambda x: [interim() * 30 + right(x)], spoils=True),
    Behaviour("interim_many_delayed", lambda x: [*chain(*repeat((interim(), 0.003), 10)), right(x)], spoils=True),
    Behaviour(
        "interim_of_several_kinds",
        lambda x: [interim("100 Continue") + interim("102 Processing"), 0.01, interim() + right(x)],
        spoils=True,
    ),
    Behaviour("interim_in_two_pieces", lambda x: [interim()[:14], 0.01, interim()[14:], 0.01, right(x)], spoils=True),
    Behaviour(
        "interim_on_each_attempt",
        lambda x: [interim(), 0.01, right(x)],
        only("right", "connection"),
        always=True,
        spoils=True,
    ),
    Behaviour("interim_endless", lambda _: chain(*repeat((interim(), 0.01), 500)), slow=True, weight=0.3, then="close"),
    Behaviour("interim_then_close", fixed(interim()), then="close"),
    Behaviour("interim_then_reset", fixed(interim(), 0.01), then="reset"),
    Behaviour("interim_then_silence", fixed(interim()), then="silence", slow=True, weight=0.5),
    Behaviour(
        "interim_then_not_found",
        lambda _: [interim(), 0.01, problem("404 Not Found")],
        only("not_found", "right"),
        spoils=True,
    ),
    Behaviour("interim_then_unavailable", lambda _: [interim(), 0.01, problem("503 Unavailable")], spoils=True),
    Behaviour("interim_after_the_response", lambda x: [right(x) + interim()], spoils=True),
    Behaviour("interim_between_requests", lambda x: [right(x), 0.005, interim()]),
    Behaviour("interim_while_idle", lambda x: [right(x), 0.005, interim()], spoils=True, idle=True, weight=0),
]

SURPLUS = [
    Behaviour("surplus_response", lambda x: [right(x) + wrong(x)], spoils=True),
    Behaviour("surplus_ten_responses", lambda x: [right(x) + wrong(x) * 10], spoils=True),
    Behaviour("surplus_half_response", lambda x: [right(x) + wrong(x)[:-20]], spoils=True),
    Behaviour("surplus_status_line", lambda x: [right(x) + b"HTTP/1.1 20"], spoils=True),
    Behaviour("surplus_line_break", lambda x: [right(x) + b"\r\n"], spoils=True),
    Behaviour("surplus_blanks", lambda x: [right(x) + b" " * 100], spoils=True),
    Behaviour("surplus_64_kb", lambda x: [right(x) + bytes(65_536)], spoils=True),
    Behaviour("surplus_document", lambda x: [right(x) + x.others_body], spoils=True),
    Behaviour("surplus_after_chunks", lambda x: [chunked(chunk(x.body), LAST) + wrong(x)], spoils=True),
    Behaviour("surplus_after_gzip", lambda x: [response(packed(x), "Content-Encoding: gzip") + wrong(x)], spoils=True),
    Behaviour(
        "surplus_after_not_found",
        lambda x: [problem("404 Not Found") + wrong(x)],
        only("not_found", "right"),
        spoils=True,
    ),
    Behaviour("surplus_after_unavailable", lambda x: [problem("503 Unavailable") + wrong(x)], spoils=True),
    Behaviour(
        "surplus_after_rate_limit",
        lambda x: [problem("429 Slow", f"Retry-After: {x.seconds(0.05)}") + wrong(x)],
        spoils=True,
        weight=0.2,
    ),
    # What arrives after the next request cannot be told from its response: only an idle client can see these.
    Behaviour("unsolicited_response", lambda x: [right(x), 0.005, wrong(x)], spoils=True, idle=True, weight=0),
    Behaviour(
        "unsolicited_half_response", lambda x: [right(x), 0.005, wrong(x)[:-20]], spoils=True, idle=True, weight=0
    ),
    Behaviour("unsolicited_line_break", lambda x: [right(x), 0.005, b"\r\n"], spoils=True, idle=True, weight=0),
    Behaviour(
        "unsolicited_408",
        lambda x: [right(x), 0.005, problem("408 Request Timeout")],
        then="close",
        idle=True,
        weight=0,
    ),
    Behaviour("closed_while_idle", lambda x: [right(x), 0.005], then="close", idle=True),
    Behaviour("reset_while_idle", lambda x: [right(x), 0.005], then="reset", idle=True),
    Behaviour("closed_without_notice", lambda x: [right(x)], then="close"),
    Behaviour("late_response", lambda x: [PATIENCE * 1.3, right(x)], spoils=True, slow=True, weight=0.5),
    Behaviour("late_wrong_response", lambda x: [PATIENCE * 1.3, wrong(x)], spoils=True, slow=True, weight=0.5),
]

LENGTH = [
    Behaviour("length_too_short", lambda x: [right(x, length=str(len(x.body) - 9))], spoils=True),
    Behaviour("length_one_too_short", lambda x: [right(x, length=str(len(x.body) - 1))], spoils=True),
    Behaviour("length_zero", lambda x: [right(x, length="0")], spoils=True),
    Behaviour("length_too_long_then_close", lambda x: [right(x, length="999")], then="close"),
    Behaviour(
        "length_too_long_then_silence", lambda x: [right(x, length="9999")], then="silence", slow=True, weight=0.5
    ),
    Behaviour(
        "length_too_long_next_response",
        lambda x: [right(x, length=str(len(x.body + wrong(x)))) + wrong(x)],
    ),
    Behaviour("length_negative", lambda x: [right(x, length="-5")], then="close"),
    Behaviour("length_huge", lambda x: [right(x, length=str(10**18))], REFUSED, then="close"),
    Behaviour("length_beyond_64_bits", lambda x: [right(x, length=str(10**30))], REFUSED, then="close"),
    Behaviour("length_of_5000_digits", lambda x: [right(x, length="9" * 5000)], REFUSED, then="close"),
    Behaviour("length_no_number", lambda x: [right(x, length="many")], then="close"),
    Behaviour("length_hexadecimal", lambda x: [right(x, length=hex(len(x.body)))], then="close"),
    Behaviour("length_empty", lambda x: [right(x, length="")], then="close"),
    Behaviour("length_missing", lambda x: [right(x, length=None)], then="close", always=True),
    Behaviour("length_missing_then_silence", lambda x: [right(x, length=None)], then="silence", slow=True, weight=0.5),
    Behaviour("length_twice_different", lambda x: [right(x, "Content-Length: 9")], spoils=True),
    Behaviour("length_twice_different_in_one", lambda x: [right(x, length=f"9, {len(x.body)}")], then="close"),
    Behaviour("length_twice_the_same", lambda x: [right(x, f"Content-Length: {len(x.body)}")]),
    Behaviour(
        "length_beside_chunks",
        lambda x: [chunked(chunk(x.body), LAST, header="Content-Length: 9\r\nTransfer-Encoding: chunked")],
    ),
]

CHUNKS = [
    Behaviour("chunks_of_one_byte", lambda x: [chunked(*(chunk(bytes([byte])) for byte in x.body), LAST)], always=True),
    Behaviour("chunks_with_extension", lambda x: [chunked(chunk(x.body, f"{len(x.body):x};a=b"), LAST)], always=True),
    Behaviour(
        "chunks_with_trailer",
        lambda x: [chunked(chunk(x.body), b"0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n")],
        always=True,
    ),
    Behaviour(
        "chunks_with_many_trailers",
        lambda x: [chunked(chunk(x.body), b"0\r\n" + b"X-Sum: 1\r\n" * 20_000 + b"\r\n")],
    ),
    Behaviour("chunk_size_no_number", lambda x: [chunked(chunk(x.body, "zz"), LAST)], spoils=True),
    Behaviour(
        "chunk_size_negative", lambda x: [chunked(chunk(x.body, "-5"), LAST)], spoils=True, slow=True, weight=0.5
    ),
    Behaviour("chunk_size_empty", lambda x: [chunked(b"\r\n" + x.body + b"\r\n", LAST)], spoils=True),
    Behaviour("chunk_size_huge", lambda x: [chunked(chunk(x.body, "f" * 15), LAST)], REFUSED, then="close"),
    Behaviour("chunk_size_of_70_kb", lambda x: [chunked(chunk(x.body, "0" * 70_000 + "5"), LAST)], spoils=True),
    Behaviour("chunk_size_too_small", lambda x: [chunked(chunk(x.body, f"{len(x.body) - 3:x}"), LAST)], spoils=True),
    Behaviour("chunk_size_too_large", lambda x: [chunked(chunk(x.body, f"{len(x.body) + 9:x}"), LAST)], then="close"),
    Behaviour("chunks_without_end", lambda x: [chunked(chunk(x.body))], then="close"),
    Behaviour(
        "chunks_without_end_then_silence", lambda x: [chunked(chunk(x.body))], then="silence", slow=True, weight=0.5
    ),
    Behaviour("chunks_cut_short", lambda x: [chunked(chunk(x.body)[:-30])], then="close"),
    Behaviour(
        "chunks_not_separated", lambda x: [chunked(chunk(x.body[:9])[:-2], chunk(x.body[9:])[:-2], LAST)], spoils=True
    ),
    Behaviour("chunked_by_name_only", lambda x: [chunked(x.body)], spoils=True, then="close"),
    Behaviour(
        "chunked_in_another_coding", lambda x: [chunked(x.body, header="Transfer-Encoding: hostile")], then="close"
    ),
    Behaviour(
        "chunked_twice",
        lambda x: [chunked(chunk(chunk(x.body) + LAST), LAST, header="Transfer-Encoding: chunked, chunked")],
        then="close",
    ),
    Behaviour("chunks_in_http_1_0", lambda x: [chunked(chunk(x.body), LAST, version="HTTP/1.0")], then="close"),
]

CODING = [
    Behaviour("gzip", lambda x: [response(packed(x), "Content-Encoding: gzip")], always=True),
    Behaviour(
        "gzip_in_chunks",
        lambda x: [
            chunked(
                chunk(packed(x)[:20]),
                chunk(packed(x)[20:]),
                LAST,
                header="Content-Encoding: gzip\r\nTransfer-Encoding: chunked",
            )
        ],
        always=True,
    ),
    Behaviour("gzip_cut_short", lambda x: [response(packed(x)[:-30], "Content-Encoding: gzip")]),
    Behaviour("gzip_without_checksum", lambda x: [response(packed(x)[:-8], "Content-Encoding: gzip")]),
    Behaviour("gzip_wrong_checksum", lambda x: [response(packed(x)[:-8] + bytes(8), "Content-Encoding: gzip")]),
    Behaviour("gzip_magic_only", fixed(response(b"\x1f\x8b", "Content-Encoding: gzip"))),
    Behaviour("gzip_magic_then_text", lambda x: [response(b"\x1f\x8b" + x.body, "Content-Encoding: gzip")]),
    Behaviour("gzip_by_name_only", lambda x: [right(x, "Content-Encoding: gzip")]),
    Behaviour("gzip_not_named", lambda x: [response(packed(x))]),
    Behaviour("gzip_twice_named_once", lambda x: [response(gzip.compress(packed(x)), "Content-Encoding: gzip")]),
    Behaviour("gzip_twice", lambda x: [response(gzip.compress(packed(x)), "Content-Encoding: gzip, gzip")], REFUSED),
    Behaviour(
        "gzip_two_members", lambda x: [response(packed(x) + gzip.compress(x.others_body), "Content-Encoding: gzip")]
    ),
    Behaviour("gzip_then_garbage", lambda x: [response(packed(x) + b"garbage", "Content-Encoding: gzip")]),
    Behaviour("gzip_bomb", lambda _: [response(BOMB, "Content-Encoding: gzip")], REFUSED, weight=0.2),
    Behaviour(
        "gzip_bomb_in_error",
        lambda _: [response(BOMB, "Content-Encoding: gzip", status="500 Bomb")],
        only("right", "server_error", "invalid_body"),
        weight=0.2,
    ),
    Behaviour("deflate", lambda x: [response(zlib.compress(x.body), "Content-Encoding: deflate")], REFUSED),
    Behaviour("br_by_name_only", lambda x: [right(x, "Content-Encoding: br")], REFUSED),
    Behaviour("zstd_by_name_only", lambda x: [right(x, "Content-Encoding: zstd")], REFUSED),
    Behaviour("unknown_coding", lambda x: [right(x, "Content-Encoding: hostile")], REFUSED),
]

HEADERS = [
    Behaviour("headers_90", lambda x: [right(x, *repeat("X-Flood: 1", 90))], always=True),
    Behaviour("headers_200", lambda x: [right(x, *repeat("X-Flood: 1", 200))], spoils=True),
    Behaviour("headers_20000", lambda x: [right(x, *repeat("X-Flood: 1", 20_000))], spoils=True),
    Behaviour("header_of_60_kb", lambda x: [right(x, "X-Long: " + "a" * 60_000)]),
    Behaviour("header_of_70_kb", lambda x: [right(x, "X-Long: " + "a" * 70_000)], spoils=True),
    Behaviour("header_of_2_mb", lambda x: [right(x, "X-Long: " + "a" * 2_000_000)], spoils=True, weight=0.3),
    Behaviour("header_without_colon", lambda x: [right(x, "X-Hostile")], then="close"),
    Behaviour("header_without_name", lambda x: [right(x, ": hostile")], then="close"),
    Behaviour("header_with_blank_before_colon", lambda x: [right(x, "X-Hostile : 1")], then="close"),
    Behaviour("header_with_nul", lambda x: [right(x, "X-Hostile: a\0b")], then="close"),
    Behaviour("header_with_carriage_return", lambda x: [right(x, "X-Hostile: a\rb")], then="close"),
    Behaviour("header_with_escape", lambda x: [right(x, "Klarna-Correlation-Id: \x1b[31mred")], then="close"),
    Behaviour("header_folded", lambda x: [right(x, "X-Hostile: a\r\n b")], then="close"),
    Behaviour("header_folded_first", lambda x: [right(x, " folded")], then="close"),
    Behaviour("header_not_ascii", lambda x: [right(x, "X-Hostile: åäö ☃")], then="close"),
    Behaviour("header_name_not_ascii", lambda x: [right(x, "X-Höstile: 1")], then="close"),
    Behaviour("header_lines_end_in_lf", lambda x: [right(x).replace(b"\r\n", b"\n")]),
    Behaviour(
        "headers_name_elsewhere",
        lambda x: [
            right(
                x,
                f"Location: {x.elsewhere}",
                f"Refresh: 0; url={x.elsewhere}",
                f"Link: <{x.elsewhere}>; rel=preload",
                f'Alt-Svc: h2="{x.elsewhere.removeprefix("http://")}"',
                f"Content-Location: {x.elsewhere}",
            )
        ],
        always=True,
    ),
    Behaviour("header_date_impossible", lambda x: [right(x, "Date: Fri, 99 Foo 99999 99:99:99 GMT")], always=True),
    Behaviour("header_connection_close", lambda x: [right(x, "Connection: close")], then="close", always=True),
    Behaviour("header_says_close_and_keeps", lambda x: [right(x, "Connection: close")], always=True, spoils=True),
]

STATUS_LINE = [
    Behaviour("http_1_0", lambda x: [right(x, version="HTTP/1.0", length=None)], then="close", always=True),
    Behaviour("http_1_0_kept", lambda x: [right(x, "Connection: keep-alive", version="HTTP/1.0")], always=True),
    Behaviour("http_1_9", lambda x: [right(x, version="HTTP/1.9")]),
    Behaviour("http_2_status_line", lambda x: [right(x, version="HTTP/2")], spoils=True),
    Behaviour("http_2_preface", fixed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), spoils=True),
    Behaviour("http_2_settings", fixed(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), then="close"),
    Behaviour("http_0_9", lambda x: [x.body], then="close"),
    Behaviour("icy", lambda x: [right(x, version="ICY")], spoils=True),
    Behaviour("status_line_garbage", lambda x: [b"garbage\r\n" + right(x)], spoils=True),
    Behaviour("status_line_after_line_breaks", lambda x: [b"\r\n\r\n" + right(x)], spoils=True),
    Behaviour("status_line_of_70_kb", lambda x: [right(x, status="200 " + "a" * 70_000)], spoils=True),
    Behaviour("status_without_reason", lambda x: [right(x, status="200")], always=True),
    Behaviour("status_missing", lambda x: [right(x, status="")], spoils=True),
    Behaviour("status_of_two_digits", lambda x: [right(x, status="20 OK")], spoils=True),
    Behaviour("status_of_four_digits", lambda x: [right(x, status="2000 OK")], spoils=True),
    Behaviour("status_negative", lambda x: [right(x, status="-200 OK")], spoils=True),
    Behaviour("status_000", lambda x: [right(x, status="000 Zero")], spoils=True),
    Behaviour("status_999", lambda x: [right(x, status="999 Denied")], NOT_5XX),
    Behaviour("status_600", lambda x: [right(x, status="600 Beyond")], NOT_5XX),
    Behaviour("tls_alert", fixed(b"\x15\x03\x03\x00\x02\x02\x28"), then="close"),
    Behaviour(
        "tls_handshake", fixed(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(range(111))), then="close"
    ),
    Behaviour("ssh_banner", fixed(b"SSH-2.0-OpenSSH_9.6\r\n"), then="close"),
    Behaviour("nul_bytes", fixed(bytes(1000)), then="close"),
]

SUCCESSES = [
    Behaviour("201_with_body", lambda x: [right(x, status="201 Created")], NOT_5XX),
    Behaviour("202_with_body", lambda x: [right(x, status="202 Accepted")], NOT_5XX),
    Behaviour("203_with_body", lambda x: [right(x, status="203 Transformed")], NOT_5XX),
    Behaviour("204_without_body", lambda _: [response(b"", status="204 No Content", length=None)], NOT_5XX),
    Behaviour("204_with_body", lambda x: [right(x, status="204 No Content")], NOT_5XX, spoils=True),
    Behaviour(
        "204_with_response",
        lambda x: [response(b"", status="204 No Content", length=None) + wrong(x)],
        NOT_5XX,
        spoils=True,
    ),
    Behaviour(
        "206_with_half_a_body",
        lambda x: [response(x.body[:50], "Content-Range: bytes 0-49/999", status="206 Partial Content")],
        anything_but("server_error"),
    ),
    Behaviour("200_without_body", fixed(response(b""))),
    Behaviour("304_without_body", lambda _: [response(b"", status="304 Not Modified", length=None)], NOT_5XX),
    Behaviour("304_with_body", lambda x: [right(x, status="304 Not Modified")], NOT_5XX, spoils=True),
]


def redirect(status: str, location: str) -> bytes:
    return response(b"", f"Location: {location}", status=status)


REDIRECTS = [
    *(
        Behaviour(f"{status[:3]}_elsewhere", lambda x, status=status: [redirect(status, x.elsewhere + x.path)], NOT_5XX)
        for status in (
            "300 Choices",
            "301 Moved",
            "302 Found",
            "303 Other",
            "305 Proxy",
            "307 Temporary",
            "308 Permanent",
        )
    ),
    Behaviour(
        "302_elsewhere_without_scheme",
        lambda x: [redirect("302 Found", x.elsewhere.removeprefix("http:") + x.path)],
        NOT_5XX,
    ),
    Behaviour(
        "302_elsewhere_by_user",
        lambda x: [redirect("302 Found", f"{x.here}@{x.elsewhere.removeprefix('http://')}{x.path}")],
        NOT_5XX,
    ),
    Behaviour("302_to_itself", lambda x: [redirect("302 Found", x.path)], NOT_5XX, always=True),
    Behaviour(
        "302_to_another_order",
        lambda x: [redirect("302 Found", x.path.replace(x.order_id, f"{x.order_id}-other"))],
        NOT_5XX,
    ),
    Behaviour("302_malformed", fixed(redirect("302 Found", "http://[::1")), NOT_5XX),
    Behaviour("302_to_a_file", fixed(redirect("302 Found", "file:///etc/hostname")), NOT_5XX),
    Behaviour("302_without_location", fixed(problem("302 Found")), NOT_5XX),
    Behaviour("308_without_location", fixed(problem("308 Permanent")), NOT_5XX),
]

FAILURES_BY_STATUS = {
    400: only("invalid_id"),
    403: only("forbidden"),
    404: only("not_found"),
    410: only("not_found"),
    414: only("invalid_id"),
    422: only("invalid_id"),
    **dict.fromkeys((408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529), RIGHT),
    **dict.fromkeys((501, 505, 506, 507, 508, 510, 511, 525, 526, 527, 530, 599), only("right", "server_error")),
    **dict.fromkeys(
        (402, 405, 406, 407, 409, 411, 412, 413, 415, 416, 417, 418, 421, 423, 424, 426, 428, 431, 444, 451, 499),
        NOT_5XX,
    ),
}

STATUSES = [
    *(
        Behaviour(f"status_{status}", fixed(problem(f"{status} Hostile")), legal)
        for status, legal in sorted(FAILURES_BY_STATUS.items())
    ),
    Behaviour(
        "status_401", fixed(problem("401 Unauthorized")), only("unauthorized"), only("right", "unauthorized"), weight=0
    ),
]


def rate_limited(*headers: str) -> bytes:
    return response(b"", *headers, status="429 Too Many Requests")


LOUD = partial(Behaviour, legal=only("rate_limited"), bystanders=only("right", "rate_limited"), weight=0)
WAIT = partial(Behaviour, slow=True, weight=0.03)
UNCLEAR = only("right", "rate_limited")

RATE_LIMITS = [
    WAIT("retry_after_seconds", lambda x: [rate_limited(f"Retry-After: {x.seconds(1)}")]),
    WAIT("retry_after_fraction", lambda x: [rate_limited(f"Retry-After: {x.seconds(0.15)}")]),
    WAIT("retry_after_date", lambda x: [rate_limited(f"Retry-After: {x.date()}")]),
    WAIT("retry_after_of_503", lambda x: [problem("503 Unavailable", f"Retry-After: {x.seconds(0.2)}")]),
    WAIT("retry_after_repeated", lambda x: [rate_limited("Retry-After: 0.2", f"Retry-After: {x.seconds(0.2)}")]),
    WAIT(
        "retry_after_repeated_different", lambda x: [rate_limited("Retry-After: 0", f"Retry-After: {x.seconds(0.2)}")]
    ),
    WAIT(
        "ratelimit_reset_seconds",
        lambda x: [rate_limited("x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.seconds(0.2)}")],
    ),
    WAIT(
        "ratelimit_reset_repeated",
        lambda x: [rate_limited("x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.seconds(1)}, 1")],
    ),
    WAIT(
        "ratelimit_reset_epoch", lambda x: [rate_limited("x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.epoch()}")]
    ),
    WAIT(
        "ratelimit_reset_epoch_milliseconds",
        lambda x: [rate_limited("x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.epoch(1000)}")],
    ),
    WAIT("ratelimit_used_up", lambda x: [right(x, "x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.seconds(0.2)}")]),
    Behaviour("retry_after_zero", fixed(rate_limited("Retry-After: 0"))),
    Behaviour("retry_after_negative", fixed(rate_limited("Retry-After: -5"))),
    Behaviour("retry_after_past_date", fixed(rate_limited("Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"))),
    Behaviour("retry_after_empty", fixed(rate_limited("Retry-After: "))),
    Behaviour("retry_after_words", fixed(rate_limited("Retry-After: soon")), UNCLEAR),
    Behaviour("retry_after_nan", fixed(rate_limited("Retry-After: nan")), UNCLEAR),
    Behaviour(
        "retry_after_of_5000_digits", fixed(rate_limited("Retry-After: " + "9" * 5000)), UNCLEAR, UNCLEAR, weight=0
    ),
    Behaviour("retry_after_infinite", fixed(rate_limited("Retry-After: inf")), UNCLEAR, UNCLEAR, weight=0),
    Behaviour("retry_after_with_unit", fixed(rate_limited("Retry-After: 100ms")), UNCLEAR),
    Behaviour("rate_limit_without_headers", fixed(rate_limited())),
    LOUD("retry_after_two_hours", lambda x: [rate_limited(f"Retry-After: {x.seconds(7200)}")], says="two hours"),
    LOUD(
        "retry_after_two_hours_of_503",
        lambda x: [problem("503 Unavailable", f"Retry-After: {x.seconds(7200)}")],
        legal=only("rate_limited", "server_error"),
        bystanders=only("right", "rate_limited", "server_error"),
        says="two hours",
    ),
    LOUD(
        "retry_after_two_hours_repeated",
        lambda x: [rate_limited("Retry-After: 7200", f"Retry-After: {x.seconds(7200)}")],
        says="two hours",
    ),
    LOUD(
        "ratelimit_reset_far_epoch",
        lambda x: [rate_limited("x-ratelimit-remaining: 0", f"x-ratelimit-reset: {x.epoch(later=7200)}")],
        says="two hours",
    ),
]

FORBIDDEN = only("forbidden")

ERRORS = [
    Behaviour(
        "messages_text",
        lambda _: [problem("403 No", error_messages="The order is locked")],
        FORBIDDEN,
        messages=("The order is locked",),
    ),
    Behaviour(
        "messages_single",
        lambda _: [problem("403 No", error_messages=["The order is locked"])],
        FORBIDDEN,
        messages=("The order is locked",),
    ),
    Behaviour("messages_object", lambda _: [problem("403 No", error_messages={"a": "b"})], FORBIDDEN),
    Behaviour("messages_number", lambda _: [problem("403 No", error_messages=7)], FORBIDDEN),
    Behaviour(
        "messages_of_all_types",
        lambda _: [problem("403 No", error_messages=[1, None, [], {}, True, "The order is locked"])],
        FORBIDDEN,
        says="The order is locked",
    ),
    Behaviour(
        "messages_with_control_characters",
        lambda _: [problem("403 No", error_messages=["a\0b\x1b[31mred\r\nX: y\x7f\x9bz\u2028"])],
        FORBIDDEN,
    ),
    Behaviour("messages_with_lone_surrogate", lambda _: [problem("403 No", error_messages=["a\ud800b"])], FORBIDDEN),
    Behaviour("messages_of_1_mb", lambda _: [problem("403 No", error_messages=["a b " * 250_000])], FORBIDDEN),
    Behaviour("messages_text_of_1_mb", lambda _: [problem("403 No", error_messages="a b " * 250_000)], FORBIDDEN),
    Behaviour("messages_20000", lambda _: [problem("403 No", error_messages=["a b"] * 20_000)], FORBIDDEN, weight=0.3),
    Behaviour(
        "messages_with_an_email",
        lambda _: [problem("403 No", error_messages=["Ask Ada Lovelace, ada@lovelace.se"])],
        FORBIDDEN,
    ),
    Behaviour(
        "messages_text_with_an_email",
        lambda _: [problem("403 No", error_messages="Ask Ada Lovelace, ada@lovelace.se")],
        FORBIDDEN,
    ),
    Behaviour(
        "message_single_with_an_email",
        lambda _: [problem("403 No", error_messages=None, error_message="Ask ada@lovelace.se")],
        FORBIDDEN,
    ),
    Behaviour("error_code_with_an_email", lambda _: [problem("403 No", error_code="ada@lovelace.se")], FORBIDDEN),
    Behaviour("error_code_of_1_mb", lambda _: [problem("403 No", error_code="A" * 1_000_000)], FORBIDDEN),
    Behaviour(
        "error_code_with_control_characters", lambda _: [problem("403 No", error_code="A\x1b[31m\r\nB")], FORBIDDEN
    ),
    Behaviour("error_code_object", lambda _: [problem("403 No", error_code={"a": "b"})], FORBIDDEN),
    Behaviour("correlation_id_of_1_mb", lambda _: [problem("403 No", correlation_id="a" * 1_000_000)], FORBIDDEN),
    Behaviour(
        "correlation_id_with_control_characters", lambda _: [problem("403 No", correlation_id="a\x1b\nb")], FORBIDDEN
    ),
    Behaviour(
        "correlation_id_with_an_email", lambda _: [problem("403 No", correlation_id="ada@lovelace.se")], FORBIDDEN
    ),
    Behaviour(
        "correlation_header_of_60_kb",
        fixed(response(b"", "Klarna-Correlation-Id: " + "a" * 60_000, status="403 No")),
        FORBIDDEN,
    ),
    Behaviour(
        "correlation_header_with_escape",
        fixed(response(b"", "Klarna-Correlation-Id: a\x1b[31mred", status="403 No")),
        FORBIDDEN,
    ),
    Behaviour("error_is_an_array", fixed(response(b'["a"]', status="403 No")), FORBIDDEN),
    Behaviour(
        "error_is_deeply_nested", lambda _: [response(b"[" * 100_000 + b"]" * 100_000, status="403 No")], FORBIDDEN
    ),
    Behaviour("error_is_a_page", fixed(response(b"<html>ada@lovelace.se</html>", status="403 No")), FORBIDDEN),
    Behaviour("error_is_utf_16", fixed(response('{"error_code": "A"}'.encode("utf-16"), status="403 No")), FORBIDDEN),
    Behaviour("error_without_body", fixed(response(b"", status="403 No")), FORBIDDEN),
    Behaviour("error_reason_of_1_kb", fixed(response(b"", status="403 " + "No " * 333)), FORBIDDEN),
    Behaviour(
        "error_cut_short",
        fixed(response(b'{"error_code": ', status="403 No", length="99")),
        anything_but(),
        then="close",
    ),
]

DOCUMENTS = [
    Behaviour(
        "another_order",
        lambda x: [response(document(f"{x.order_id}-other", is_captures=False))],
        only("right", "invalid_order"),
    ),
    Behaviour("two_documents", lambda x: [response(x.body + x.others_body)]),
    Behaviour(
        "array_for_object_or_object_for_array",
        lambda x: [response(document(x.order_id, is_captures=not x.path.endswith("/captures")))],
        NO_ORDER,
    ),
    Behaviour("array_of_the_document", lambda x: [response(b"[" + x.body + b"]")], NO_ORDER),
    Behaviour("document_empty_object", fixed(response(b"{}")), NO_ORDER),
    Behaviour("document_null", fixed(response(b"null")), NO_ORDER),
    Behaviour("document_text", lambda x: [response(json.dumps(x.body.decode()).encode())], NO_ORDER),
    Behaviour("document_an_error", fixed(problem("200 OK")), NO_ORDER),
    Behaviour("page", fixed(response(b"<!doctype html><title>Back soon</title>", "Content-Type: text/html"))),
    Behaviour("half_a_document", lambda x: [response(x.body[: len(x.body) // 2])]),
    Behaviour("no_json", fixed(response(b"not json"))),
    Behaviour(
        "lone_surrogate",
        lambda x: [response(x.altered(rb'"description": "a\ud800b", "merchant_reference2": "a\udfffb"'))],
        always=True,
    ),
    Behaviour("lone_surrogate_undocumented", lambda x: [response(x.altered(rb'"hostile": ["a\udc00"]'))], always=True),
    Behaviour("lone_surrogate_in_a_name", lambda x: [response(x.altered(rb'"a\ud800": 1'))], always=True),
    Behaviour("lone_surrogate_in_bytes", lambda x: [response(x.altered(b'"description": "\xed\xa0\x80"'))], NO_ORDER),
    Behaviour("bytes_not_utf_8", lambda x: [response(x.altered(b'"description": "\xff\xe4"'))], NO_ORDER),
    Behaviour("nul_in_text", lambda x: [response(x.altered(rb'"description": "a\u0000b"'))], always=True),
    Behaviour("nan", lambda x: [response(x.body.replace(b"7654321", b"NaN"))], NO_ORDER),
    Behaviour("nan_undocumented", lambda x: [response(x.altered(b'"hostile": [NaN, Infinity]'))], NO_ORDER),
    Behaviour("number_of_100000_digits", lambda x: [response(x.altered(b'"hostile": ' + b"9" * 100_000))], NO_ORDER),
    Behaviour("amount_of_100_digits", lambda x: [response(x.body.replace(b"7654321", b"9" * 100))], NO_ORDER),
    Behaviour("amount_fractional", lambda x: [response(x.body.replace(b"7654321", b"12.5"))], NO_ORDER),
    Behaviour(
        "duplicate_keys",
        lambda x: [response(x.altered(b'"order_id": "other", "capture_id": "other", "reference": "other"'))],
        NO_ORDER,
    ),
    Behaviour(
        "nested_100000_deep",
        lambda x: [response(x.altered(b'"hostile": ' + b"[" * 100_000 + b"]" * 100_000))],
        NO_ORDER,
    ),
    Behaviour("nested_200_deep", lambda x: [response(x.altered(b'"hostile": ' + b"[" * 200 + b"]" * 200))], NO_ORDER),
    Behaviour(
        "fields_20000",
        lambda x: [response(x.altered(b",".join(b'"f%d": 1' % number for number in range(20_000))))],
        NO_ORDER,
        weight=0.2,
    ),
    Behaviour(
        "body_of_20_mb",
        lambda x: [
            right(x)[: -len(x.body)].replace(
                b"Content-Length: %d" % len(x.body), b"Content-Length: %d" % (len(x.body) + 20_000_000)
            ),
            *repeat(b" " * 1_000_000, 20),
            x.body,
        ],
        REFUSED,
        weight=0.2,
    ),
    Behaviour("byte_order_mark", lambda x: [response(b"\xef\xbb\xbf" + x.body)], REFUSED),
    Behaviour("utf_16", lambda x: [response(x.body.decode().encode("utf-16"))], REFUSED),
    Behaviour("utf_32", lambda x: [response(x.body.decode().encode("utf-32"))], REFUSED),
]

BREAKS = [
    Behaviour(
        "drip", lambda x: chain(*((bytes([byte]), 0.03) for byte in right(x))), slow=True, weight=0.3, then="close"
    ),
    Behaviour(
        "drip_of_headers",
        lambda _: chain([b"HTTP/1.1 200 OK\r\n"], *repeat((b"X-Drip: 1\r\n", 0.03), 90)),
        slow=True,
        weight=0.3,
        then="close",
    ),
    Behaviour("pieces", lambda x: chain(*((right(x)[at : at + 40], 0.001) for at in range(0, 900, 40))), always=True),
    Behaviour("hang", fixed(), then="silence", slow=True, weight=0.5),
    Behaviour("hang_in_headers", lambda x: [right(x)[:30]], then="silence", slow=True, weight=0.5),
    Behaviour("hang_in_body", lambda x: [right(x)[:-30]], then="silence", slow=True, weight=0.5),
    Behaviour("hang_in_error", fixed(problem("500 Hostile")[:-30]), then="silence", slow=True, weight=0.5),
    Behaviour("reset", fixed(), then="reset"),
    Behaviour("reset_in_headers", lambda x: [right(x)[:30], 0.005], then="reset"),
    Behaviour("reset_in_body", lambda x: [right(x)[:-30], 0.005], then="reset"),
    Behaviour("reset_after_the_response", lambda x: [right(x)], then="reset"),
    Behaviour("close", fixed(), then="close"),
    Behaviour("close_in_headers", lambda x: [right(x)[:30]], then="close"),
    Behaviour("close_after_headers", lambda x: [right(x)[: -len(x.body)]], then="close"),
    Behaviour("close_in_body", lambda x: [right(x)[:-30]], then="close"),
    Behaviour("close_in_body_without_length", lambda x: [right(x, length=None)[:-30]], then="close"),
    Behaviour(
        "close_in_gzip_without_length",
        lambda x: [response(packed(x), "Content-Encoding: gzip", length=None)[:-30]],
        then="close",
    ),
    Behaviour("close_in_headers_without_length", lambda x: [right(x, length=None)[:40]], then="close"),
]

BOMB = gzip.compress(bytes(20_000_000), mtime=0)

BEHAVIOURS = {
    behaviour.name: behaviour
    for behaviour in chain(
        INTERIM,
        SURPLUS,
        LENGTH,
        CHUNKS,
        CODING,
        HEADERS,
        STATUS_LINE,
        SUCCESSES,
        REDIRECTS,
        STATUSES,
        RATE_LIMITS,
        ERRORS,
        DOCUMENTS,
        BREAKS,
    )
}


def mixed(share: float, attempts: int = 2, seed: int = SEED) -> Choice:
    """Return a choice among all behaviours, the same for the same seed; after some attempts it is honest."""
    behaviours = [behaviour for behaviour in BEHAVIOURS.values() if behaviour.weight]
    weights = [behaviour.weight for behaviour in behaviours]

    def draw(path: str, attempt: int) -> Behaviour | None:
        dice = random.Random(f"{seed} {path} {attempt}")  # noqa: S311 - dice
        if attempt > attempts or dice.random() > share:
            return None
        return dice.choices(behaviours, weights)[0]

    def choose(path: str, attempt: int) -> Behaviour | None:
        if attempt > 1 and (first := draw(path, 1)) and first.persists:
            return first
        drawn = draw(path, attempt)
        return drawn if attempt == 1 or not (drawn and drawn.persists) else None

    return choose


@dataclass
class HostileServer:
    """What the server was asked, and what a client did that it must not.

    Attributes:
        url: Its address.
        elsewhere: The address of another port, which no client may ask.
        requests: Each request, in the order of arrival.
        reused: The behaviour of each connection on which a request came after it was spoilt.
        asked_elsewhere: How many connections the other port got.
    """

    choose: Choice
    url: str = ""
    elsewhere: str = ""
    requests: list[Request] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    asked_elsewhere: int = 0
    _attempts: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _connections: set[socket.socket] = field(default_factory=set)
    _is_over: bool = False

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed, each in a thread of its own."""
        while connection := self._accept(listener):
            threading.Thread(target=self._serve_connection, args=[connection], daemon=True).start()

    def count_elsewhere(self, listener: socket.socket) -> None:
        while connection := self._accept(listener):
            self.asked_elsewhere += 1
            self._close(connection)

    def close(self) -> None:
        self._is_over = True
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> socket.socket | None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return None
        if self._is_over:
            connection.close()
            return None
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(20)
        self._connections.add(connection)
        return connection

    def _close(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        connection.close()

    def _serve_connection(self, connection: socket.socket) -> None:
        spoilt_by = None
        try:
            for path in paths_asked(connection):
                if spoilt_by:
                    self.reused.append(spoilt_by)
                request, behaviour = self._receive(path)
                exchange = Exchange(request, self.url, self.elsewhere)
                script = behaviour.script(exchange) if behaviour else [right(exchange)]
                play(script, connection)
                if behaviour is None:
                    continue
                if not finish(connection, behaviour.then):
                    break
                spoilt_by = spoilt_by or (behaviour.name if behaviour.spoils else None)
        except OSError:
            pass  # the client hung up, as it may
        finally:
            self._close(connection)

    def _receive(self, path: str) -> tuple[Request, Behaviour | None]:
        with self._lock:
            attempt = self._attempts[path] = self._attempts.get(path, 0) + 1
            behaviour = self.choose(path, attempt)
            request = Request(time.monotonic(), path, attempt, behaviour.name if behaviour else None)
            self.requests.append(request)
        return request, behaviour


def paths_asked(connection: socket.socket) -> Iterator[str]:
    """Read requests, which have no body, until the client closes the connection."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65_536)
            if not piece:
                return
            received += piece
        head, _, received = received.partition(b"\r\n\r\n")
        yield head.split(b" ", 2)[1].decode()


def play(script: Iterable[Step], connection: socket.socket) -> None:
    for step in script:
        if isinstance(step, bytes):
            connection.sendall(step)
        else:
            time.sleep(step)


def finish(connection: socket.socket, then: str) -> bool:
    """Do with the connection what a behaviour says; return whether it can be asked again."""
    if then == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif then == "close":
        connection.shutdown(socket.SHUT_WR)  # a plain close would reset it where the client still sends
    elif then == "silence":
        while connection.recv(65_536):
            pass
    return then == "keep"


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=256)


@contextmanager
def hostile_server(choose: Choice) -> Iterator[HostileServer]:
    server = HostileServer(choose)
    listeners: Sequence[socket.socket] = (listening(), listening())
    server.url, server.elsewhere = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in listeners)
    threads = [
        threading.Thread(target=target, args=[listener], daemon=True)
        for target, listener in zip((server.serve, server.count_elsewhere), listeners, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        server.close()
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # a plain close would leave its thread waiting
            listener.close()
        for thread in threads:
            thread.join(5)
