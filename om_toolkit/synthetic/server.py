"""A synthetic shop in; a local HTTP server with both endpoints of the API, and faults on demand, out."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import sys
import threading
import time
import uuid
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from email.utils import format_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from om_toolkit.api.endpoints import parse_path
from om_toolkit.synthetic.dice import to_json
from om_toolkit.synthetic.faults import FAULTS, ServerResponse, api_error, checked_faults, unauthorized
from om_toolkit.synthetic.shop import Shop

_USERNAME, _PASSWORD = "sandbox", "made-up"


class _Handler(BaseHTTPRequestHandler):
    """Sends the responses that the server decides on."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "om-toolkit-sandbox", ""
    wbufsize = 65536
    disable_nagle_algorithm = True
    server: _HTTPServer

    def setup(self) -> None:
        """Register the connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Respond to a request."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        owner = self.server.owner
        time.sleep(owner.latency)
        response = owner.respond(self.command, self.path, self.headers.get("authorization", ""))
        if response.delivery != "whole":
            self.close_connection = True
        if response.delivery == "reset":
            self._reset()
        elif response.delivery == "hang":
            self.connection.recv(1)  # returns when one side closes the connection
        else:
            self._send(response)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names of the base class; they are refused

    def _send(self, response: ServerResponse) -> None:
        """Send a response, compressed if the client accepts that."""
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
        """Send one byte per second until one side closes the connection."""
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(1)

    def _reset(self) -> None:
        """Close the connection with RST instead of FIN, by a linger time of 0."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002 - the signature of the base class
        """Return the shop's time for the `Date` header, so that responses are reproducible."""
        return format_datetime(self.server.owner.shop.as_of, usegmt=True)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _HTTPServer(ThreadingHTTPServer):
    """Keeps a list of its connections, so that closing it closes them as well."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: Server, port: int) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_close(self) -> None:
        """Close the listening socket and every connection."""
        super().server_close()
        for connection in tuple(self.connections):
            with suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Report nothing if a client closed the connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Server:
    """A local HTTP server with both endpoints of the API, for the orders of a shop.

    It listens on the loopback interface from construction until `close`, or the end of a `with` block, and responds in
    daemon threads. It accepts its own username and password, and every raw key that starts with `kco_test_`. `Date` is
    the shop's `as_of`.

    Args:
        shop: The orders.
        port: The port to listen on; 0 selects a free one.
        latency: Seconds to wait before each response.
        faults: The share of responses to replace, for each kind of fault listed below. Which ones these are depends
            only on the shop's seed, the path, and how often the path was requested.
        username: The accepted user name.
        password: The accepted password.

    Attributes:
        shop: The orders.
        latency: As given.
        faults: As given.
        username: As given.
        password: As given.

    Faults, with the headers and bodies of recorded responses where there are any:
        - refusals: `invalid_id` (400), `unauthorized` (401), `forbidden` and `firewall` (403), `not_found` (404);
        - `redirect` (302) to another host;
        - 429: `rate_limited` as recorded, with `x-ratelimit-reset`; `rate_limited_seconds` and `rate_limited_date` with
          `Retry-After`; and `used_up`, the order itself with a header that announces the rate limit;
        - `server_error` (500), `bad_gateway` (502, a page), `unavailable` (503), `gateway_timeout` (504);
        - connections: `hang` (no response), `drip` (one byte per second), `reset`, `truncated`;
        - bodies: `page` (HTML), `not_json` (half a document), `oversize` (over 10 MB), `wrong_type`.

    Raises:
        ValueError: If a fault is unknown, a share is negative, or their sum is more than 1.
        OSError: If the port is in use.

    Example:
        >>> from om_toolkit.synthetic.shop import Shop
        >>> with Server(Shop(3), faults={"rate_limited": 0.5}) as server:
        ...     server.served
        0
    """

    def __init__(  # noqa: PLR0913 - independent settings
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
        """The address of the server, such as `http://127.0.0.1:8080`."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def served(self) -> int:
        """The number of responses so far, including faults."""
        with self._lock:
            return self._attempts.total()

    def close(self) -> None:
        """Stop the server and close every connection."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def respond(self, method: str, path: str, authorization: str) -> ServerResponse:
        """Return the response to a request: the shop's, or the one of a fault instead."""
        with self._lock:
            self._attempts[path] += 1
            attempt = self._attempts[path]
        response = ServerResponse(str(uuid.UUID(bytes=self._digest(path, attempt)[:16])), at=self.shop.as_of)
        if not self._is_authorized(authorization):
            response = unauthorized(response)
        elif method != "GET":
            response = api_error(response, 405, "METHOD_NOT_ALLOWED", "This copy can only be read")
        else:
            response = self._found(path, response)
        fault = self.fault_at(path, attempt)
        return FAULTS[fault](response) if fault else response

    def fault_at(self, path: str, attempt: int) -> str | None:
        """Return the fault that replaces the response to a path when it is requested for the nth time, or None."""
        draw = int.from_bytes(self._digest(path, attempt)[16:20]) / 2**32
        for fault, share in self.faults.items():
            draw -= share
            if draw < 0:
                return fault
        return None

    def _digest(self, path: str, attempt: int) -> bytes:
        """Return the source of everything random in a response."""
        return sha256(f"{self.shop.seed} {path} {attempt}".encode()).digest()

    def _is_authorized(self, authorization: str) -> bool:
        """Return whether an `Authorization` header is accepted."""
        pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
        return authorization == f"Basic {pair}" or authorization.startswith("Basic kco_test_")

    def _found(self, path: str, response: ServerResponse) -> ServerResponse:
        """Return the response with the document at a path, or a 404."""
        parsed = parse_path(path)
        if parsed is None:
            return api_error(response, 404, "NOT_FOUND", "There is nothing at this path")
        order_id, suffix = parsed
        try:
            body = self.shop.body(order_id)
        except KeyError:
            return api_error(response, 404, "NO_SUCH_ORDER", f"There is no order {order_id}")
        return response._replace(body=to_json(json.loads(body)["captures"]) if suffix else body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
