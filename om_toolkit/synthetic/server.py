"""The sandbox: a local copy of both endpoints over a synthetic shop, HTTP on this machine with faults on demand."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections import Counter
from contextlib import suppress
from email.utils import format_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from om_toolkit.synthetic.faults import FAULTS, ServerResponse, checked_faults, problem, unauthorized
from om_toolkit.synthetic.shop import Shop, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping


_USERNAME, _PASSWORD = "sandbox", "made-up"


_PATH = re.compile(r"/ordermanagement/v1/orders/([^/]+)(/captures)?")


class _Handler(BaseHTTPRequestHandler):
    """Sends what the server decides."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "om-toolkit-sandbox", ""
    wbufsize = 65536
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        owner = self.server.owner
        time.sleep(owner.latency)
        response = owner.respond(self.command, self.path, self.headers.get("authorization", ""))
        if response.delivery != "whole":
            self.close_connection = True
        if response.delivery == "reset":
            self._reset()
        elif response.delivery == "hang":
            self.connection.recv(1)  # until the client, or the server, hangs up
        else:
            self._send(response)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - to be refused

    def _send(self, response: ServerResponse) -> None:
        headers, body = dict(response.headers), response.body
        if response.correlation_id:
            headers["klarna-correlation-id"] = response.correlation_id
        if body and "gzip" in self.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1, mtime=0)
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if response.delivery == "drip":
            self._drip(body)
        else:
            self.wfile.write(body[: len(body) // 2] if response.delivery == "truncated" else body)

    def _drip(self, body: bytes) -> None:
        """Send a byte a second, until the client, or the server, hangs up."""
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(1)

    def _reset(self) -> None:
        """Have the connection end with RST: without lingering, as soon as the handler lets go of it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the shop's time, no clock's
        return format_datetime(self.server.owner.shop.as_of, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _HTTPServer(ThreadingHTTPServer):
    """Knows its connections, so that closing it ends them too."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: Server, port: int) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the base's
        """Say nothing of clients that hang up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """A local copy of both endpoints over a shop: HTTP on the loopback interface, answered by daemon threads.

    It runs from construction until `close`, or the end of the `with` block. It accepts its own username and password,
    and any raw key that starts with `kco_test_`. `Date` is the shop's `as_of`.

    Args:
        shop: What to answer from.
        port: 0 takes a free one.
        latency: Seconds before each answer.
        faults: Share of the answers per kind of fault that they are instead; the kinds are below. Which answers these
            are depends on nothing but the shop's seed, the path and how often it was asked for.
        username: The accepted user name.
        password: The accepted password.

    Faults, with the headers and bodies that were recorded where some were:
        - refusals: `invalid_id` (400), `unauthorized` (401), `forbidden` and `firewall` (403), `not_found` (404);
        - `redirect` (302) to another host;
        - 429: `rate_limited` as recorded, with `x-ratelimit-reset`; `rate_limited_seconds` and `rate_limited_date` with
          `Retry-After`; and `used_up`, the order itself with the word that it was the last for a second;
        - `server_error` (500), `bad_gateway` (502, a page), `unavailable` (503), `gateway_timeout` (504);
        - connections: `hang` (no answer), `drip` (a byte a second), `reset`, `truncated`;
        - bodies: `page` (HTML), `not_json` (half a document), `oversize` (over 10 MB), `wrong_type`.

    Raises:
        ValueError: An unknown fault, or shares that are negative or add up to more than 1.
        OSError: The port is taken.

    Example:
        >>> with Server(Shop(3), faults={"rate_limited": 0.5}) as server:
        ...     server.served
        0
    """

    def __init__(  # noqa: PLR0913 - each option is a setting of its own
        self,
        shop: Shop,
        *,
        port: int = 0,
        latency: float = 0.0,
        faults: Mapping[str, float] | None = None,
        username: str = _USERNAME,
        password: str = _PASSWORD,
    ) -> None:
        self.shop = shop
        self.latency = latency
        self.faults = checked_faults(faults or {})
        self.username = username
        self.password = password
        self._lock = threading.Lock()
        self._attempts = Counter[str]()
        self._http = _HTTPServer(self, port)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8080`."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def served(self) -> int:
        """How many requests it has answered, faults included."""
        with self._lock:
            return self._attempts.total()

    def close(self) -> None:
        """Stop, and close every connection."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def respond(self, method: str, path: str, authorization: str) -> ServerResponse:
        """Decide on an answer, or on the fault in its place."""
        with self._lock:
            self._attempts[path] += 1
            attempt = self._attempts[path]
        digest = self._digest(path, attempt)
        honest = self._honest(method, path, authorization, str(uuid.UUID(bytes=digest[:16])))
        fault = self._fault(digest)
        return FAULTS[fault](honest) if fault else honest

    def _digest(self, path: str, attempt: int) -> bytes:
        return sha256(f"{self.shop.seed} {path} {attempt}".encode()).digest()

    def _fault(self, digest: bytes) -> str | None:
        """Return what an attempt ends in, by its digest alone."""
        share = int.from_bytes(digest[16:20]) / 2**32
        for fault, rate in self.faults.items():
            share -= rate
            if share < 0:
                return fault
        return None

    def _honest(self, method: str, path: str, authorization: str, correlation_id: str) -> ServerResponse:
        found = self._found(path.partition("?")[0], ServerResponse(correlation_id, at=self.shop.as_of))
        if not self._is_known(authorization):
            return unauthorized(found)
        if method != "GET":
            return problem(found, 405, "METHOD_NOT_ALLOWED", "This copy can only be read")
        return found

    def _is_known(self, authorization: str) -> bool:
        pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
        return authorization == f"Basic {pair}" or authorization.startswith("Basic kco_test_")

    def _found(self, path: str, empty: ServerResponse) -> ServerResponse:
        match = _PATH.fullmatch(path)
        if match is None:
            return problem(empty, 404, "NOT_FOUND", "There is nothing at this path")
        order_id, captures = match.groups()
        try:
            body = self.shop.body(order_id)
        except KeyError:
            return problem(empty, 404, "NO_SUCH_ORDER", f"There is no order {order_id}")
        return empty._replace(body=to_json(json.loads(body)["captures"]) if captures else body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
