"""Connections: a prepared request in; its whole response out, from a connection on which nothing else arrived.

Four touches of private parts make this possible. They are why `pyproject.toml` sets upper bounds for the libraries:

1. requests: `Response._content` is filled from a body that is read with a limit (`InterruptibleAdapter.send`).
2. urllib3: `HTTPConnectionPool._get_conn` is wrapped to learn which connection a request uses
   (`InterruptibleAdapter.get_connection_with_tls_context`).
3. urllib3: the `sock` of a connection is shut down while another thread reads from it (`_interrupt`).
4. http.client: `HTTPResponse._read_status` and `_close_conn` are extended to notice what else arrives (`OnlyResponse`).
"""

import socket
import threading
import time
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, parse_headers
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter

from om_toolkit.api.transport import Request, TransportError

_LARGEST_BODY: Final = 10_000_000  # bytes, decompressed

_CHUNK_SIZE: Final = 16_384  # bytes read in one step: few enough that they stay few when decompressed

_thread = threading.local()  # .exchange: what the thread is doing; urllib3 has no parameter for it


class Exchange:
    """A request, and what is known of the connection that it uses; as a context, that of the running thread.

    Attributes:
        request: The request.
        is_on_used_connection: Whether the connection has been used for another request before.
        is_disturbed: Whether anything but one response arrived: an interim response, or surplus bytes.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.is_on_used_connection = False
        self.is_disturbed = False

    @property
    def is_ambiguous(self) -> bool:
        """Return whether the response may belong to an earlier request; not if it is the first on its connection."""
        return self.is_disturbed and self.is_on_used_connection

    def use(self, connection: object) -> None:
        """Note the connection, and let the request interrupt it."""
        self.request.on_cancel = partial(_interrupt, connection)
        connected = getattr(connection, "real_connection", connection)  # of an open `vcr.use_cassette`
        self.is_on_used_connection = getattr(connected, "sock", None) is not None
        if isinstance(connected, HTTPConnection):
            connected.response_class = OnlyResponse

    def __enter__(self) -> None:
        _thread.exchange = self

    def __exit__(self, *_: object) -> None:
        self.request.on_cancel = None  # the connection is free for another request


class OnlyResponse(HTTPResponse):
    """A response that ends its connection if it does not come alone.

    `http.client` takes every interim response but 100 for the final one, and drops bytes that follow a body: the next
    request would get what belongs to this one.
    """

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the base's
        super().__init__(sock, *args, **options)
        self._connected = sock
        self._exchange: Exchange = _thread.exchange
        # From here on, the connection may have given its socket to the response.
        self._exchange.request.on_cancel = partial(_shut_down, sock)

    def begin(self) -> None:
        """Read the head of the response, after all interim responses."""
        super().begin()
        self.will_close = self.will_close or self._exchange.is_disturbed

    def _read_status(self) -> tuple[str, int, str]:
        """Read the status line of the final response.

        Raises:
            HTTPException: If the server switches to another protocol.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # touch 4
            if status // 100 != _INTERIM:
                return version, status, reason
            self._exchange.is_disturbed = True
            if status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("the host switches to another protocol")
            parse_headers(self.fp)

    def _close_conn(self) -> None:
        """Release the connection after the body."""
        if not self.will_close and self._has_more():
            self._exchange.is_disturbed = True
            _shut_down(self._connected)  # the pool sees its end and makes a new connection
        super()._close_conn()  # type: ignore[misc]  # touch 4

    def _has_more(self) -> bool:
        """Return whether more than the body has arrived."""
        timeout = self._connected.gettimeout()
        try:
            self._connected.settimeout(0)
            return bool(self.fp.peek(1))
        except OSError:  # there is nothing, or the connection is broken
            return False
        finally:
            with suppress(OSError):
                self._connected.settimeout(timeout)


_INTERIM: Final = 1  # the first digit of such a status


class InterruptibleAdapter(HTTPAdapter):
    """Sends a request and reads the whole response, unless it is too large or the request is cancelled."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the base's
        """Return the pool of connections to a host; the exchange of the thread learns which one it uses."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)

        def get_connection(timeout: float | None = None) -> Any:  # noqa: ANN401 - urllib3's
            connection = type(pool)._get_conn(pool, timeout)  # noqa: SLF001 - touch 2
            _thread.exchange.use(connection)
            return connection

        pool._get_conn = get_connection  # noqa: SLF001 - touch 2
        return pool

    def send(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - the base's
        """Return a response whose `content` has been read.

        Raises:
            TransportError: If the body is too large or compressed with something other than gzip.
        """
        response = super().send(*args, **options)
        try:
            response._content = _read_body(response)  # noqa: SLF001 - touch 1: `.content` has no limit
        except BaseException:
            response.close()
            raise
        return response


def _read_body(response: requests.Response) -> bytes:
    """Read the body in chunks: it may be endless, or arrive byte by byte."""
    if not isinstance(response.raw, urllib3.HTTPResponse):  # of an open `vcr.use_cassette`
        return response.content
    if response.headers.get("content-encoding", "identity").lower() not in {"gzip", "identity"}:
        # Compressed twice, a few bytes can become very many in one step.
        raise _refused(response, "the body is compressed with something other than gzip")
    request: Request = _thread.exchange.request
    chunks, size = [], 0
    while chunk := response.raw.read1(_CHUNK_SIZE, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > _LARGEST_BODY:
            raise _refused(response, f"the body is larger than {_LARGEST_BODY / 1e6:.0f} MB")
        if request.is_cancelled or request.deadline <= time.monotonic():
            raise requests.ReadTimeout
    return b"".join(chunks)


def _refused(response: requests.Response, message: str) -> TransportError:
    return TransportError(message, kind="invalid_body", status=response.status_code, may_retry=False)


def _interrupt(connection: object) -> None:
    """Break a connection that has no response yet."""
    sock = getattr(connection, "sock", None)  # touch 3; there is none until it is connected
    if sock is not None:
        _shut_down(sock)


def _shut_down(sock: socket.socket) -> None:
    """Break a connection: a thread that reads from it sees its end, and it is not used again."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # the method of a TLS socket would first talk to the host
