"""The way to the host: an order's path in; its whole answer out, or what broke. No more often than the pace allows."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeout
from urllib3.poolmanager import pool_classes_by_scheme

from om_toolkit.api.credentials import Secret, Unpicklable
from om_toolkit.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterator


_LARGEST: Final = 10_000_000  # bytes of a body, unpacked


_AT_ONCE: Final = 16_384  # bytes that are read at once: even packed ones are few when unpacked


class Flight:
    """A request on its way, which another thread can end."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.connection: Any = None  # urllib3's, once it has one
        self.is_cut = False

    def cut(self) -> None:
        """End it: whoever waits for the answer, or for the rest of it, sees the connection break."""
        self.is_cut = True
        line = getattr(self.connection, "sock", None)
        if line is not None:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)  # TLS would talk to the other side first


class Flights:
    """The requests of a batch that are on their way: each has until a time, and all until the batch is over.

    Attributes:
        over: Set to end them all, and to begin no other.
    """

    def __init__(self) -> None:
        self.over = threading.Event()
        self._aloft: set[Flight] = set()

    @contextmanager
    def until(self, moment: float) -> Iterator[Flight]:
        """Begin one, that `cut` ends at that moment of `time.monotonic`."""
        flight = Flight(moment)
        self._aloft.add(flight)
        try:
            yield flight
        finally:
            self._aloft.discard(flight)

    def cut(self) -> None:
        """End those whose time is up. To be called now and then."""
        now = time.monotonic()
        for flight in tuple(self._aloft):
            if self.over.is_set() or flight.until <= now:
                flight.cut()


class Broken(NamedTuple):
    """Why there is no whole answer.

    Attributes:
        kind: As of a `Failure`.
        message: What broke, free of addresses and credentials.
        status: The status of an answer whose body was refused.
        may_get_better: Whether to ask again.
    """

    kind: str
    message: str
    status: int | None = None
    may_get_better: bool = True


_LATE: Final = Broken("timeout", "no whole answer in time")


class Transport(Unpicklable):
    """One session with a host: pooled connections, the proxies and certificates of the environment.

    Args:
        base_url: A checked address.
        authorization: What is sent as `Authorization`.
        integrator: What is sent as `Klarna-Integrator`, if anything.
        timeout: Seconds to connect, and seconds without a byte of the answer, at most.
        connections: How many are kept.

    Raises:
        InvalidSetting: If no request can be made of these.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Secret,
        *,
        integrator: str | None,
        timeout: tuple[float, float],
        connections: int,
    ) -> None:
        self._timeout = timeout
        self._session = requests.Session()
        # A host on this machine is asked directly, whatever proxy the environment names.
        self._session.trust_env = base_url.startswith("https://")
        self.mount(WatchedAdapter(pool_maxsize=connections))
        # What the environment says is asked for once; a request is made once, and then copied.
        self._settings: dict[str, Any] = {
            **self._session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
        }
        try:
            self._request = requests.Request("GET", base_url, headers=_headers(integrator)).prepare()
        except requests.RequestException:
            raise InvalidSetting(
                "base_url is no address of a host, or integrator no header: look for a blank"
            ) from None
        self._request.headers["Authorization"] = str(authorization)  # plain vcrpy writes texts only

    def mount(self, adapter: HTTPAdapter) -> None:
        """Have all requests go another way."""
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def get(self, path: str, flight: Flight) -> requests.Response | Broken:
        """Ask for a path, once, following no redirect."""
        request = self._request.copy()
        request.url = f"{(request.url or '').rstrip('/')}{path}"
        seconds = max(0.001, flight.until - time.monotonic())
        connect, read = self._timeout
        timeout = min(connect, seconds), min(read, seconds)
        _thread.flight = flight
        try:
            answer = self._session.get_adapter(request.url).send(request, timeout=timeout, **self._settings)
            answer.content  # noqa: B018 - whole, or not at all
        except _Refused as error:
            return Broken("invalid_body", error.why, error.status, may_get_better=False)
        except (requests.Timeout, PoolTimeout):
            return _LATE
        except Exception as error:  # noqa: BLE001 - its text may hold a proxy's password, its frames the credentials
            may_get_better = not self._lacks_certificates and isinstance(error, _FORESEEN)
            return _LATE if flight.is_cut else Broken("connection", self._told(error), may_get_better=may_get_better)
        finally:
            flight.connection = None  # another may have it by now
        # Cut in its headers, or in a body of a length not told, an answer looks whole.
        return _LATE if flight.is_cut else answer

    def _told(self, error: Exception) -> str:
        """Name what broke; where it may have been the user's file of certificates, that too."""
        name, certificates = type(error).__name__, self._settings["verify"]
        if self._lacks_certificates:
            return f"there is no {certificates}, which the environment names for certificates"
        of_certificates = name in {"SSLError", "OSError"} and isinstance(certificates, str)
        return f"{name}, with the certificates in {certificates}" if of_certificates else name

    @property
    def _lacks_certificates(self) -> bool:
        certificates = self._settings["verify"]
        return isinstance(certificates, str) and not Path(certificates).exists()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


_FORESEEN: Final = (requests.RequestException, HTTPError, HTTPException, OSError)


def _headers(integrator: str | None) -> dict[str, str]:
    headers = {
        "User-Agent": f"om_toolkit/{version('om-toolkit')}",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Connection": "keep-alive",
    }
    return headers | ({"Klarna-Integrator": integrator} if integrator else {})


class _Refused(Exception):
    """A body that is not read, or not read on; the answer's status is told."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        self.why = why
        super().__init__(status, why)


_thread = threading.local()  # .flight: what the thread has on its way


class WatchedAdapter(HTTPAdapter):
    """Sends a request and reads the whole answer, as long as it is not too large, and its flight not cut."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the base's
        """Make the pools that hosts are asked through."""
        super().init_poolmanager(*args, **options)
        _watch(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the base's
        """Return the pools of a proxy."""
        manager = super().proxy_manager_for(*args, **options)
        _watch(manager)
        return manager

    def send(self, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - the base's
        """Return an answer whose `content` is there."""
        answer = super().send(*args, **options)
        try:
            answer._content = _body(answer)  # noqa: SLF001 - as `.content` would, which knows no limit
        except BaseException:
            answer.close()
            raise
        return answer


def _body(answer: requests.Response) -> bytes:
    """Read what comes as it comes: a body may be endless, or drip."""
    if not isinstance(answer.raw, HTTPResponse):  # of an open `vcr.use_cassette`
        return answer.content
    if answer.headers.get("content-encoding", "identity").lower() not in {"gzip", "identity"}:
        # Packed twice, a few bytes are many at once.
        raise _Refused(answer.status_code, "the body is packed in another way than gzip")
    flight: Flight = _thread.flight
    pieces, size = [], 0
    while piece := answer.raw.read1(_AT_ONCE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST:
            raise _Refused(answer.status_code, f"the body is larger than {_LARGEST / 1e6:.0f} MB")
        if flight.is_cut or flight.until <= time.monotonic():
            raise requests.ReadTimeout
    return b"".join(pieces)


class _Watched:
    """A pool of connections that tells the thread's flight which one it takes."""

    def _get_conn(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - urllib3's
        connection = super()._get_conn(timeout)  # type: ignore[misc]
        _thread.flight.connection = connection
        return connection


class _HTTPPool(_Watched, HTTPConnectionPool):
    """The pool of a loopback host or a proxy."""


class _HTTPSPool(_Watched, HTTPSConnectionPool):
    """The pool of a host."""


def _watch(manager: PoolManager) -> None:
    if manager.pool_classes_by_scheme is pool_classes_by_scheme:  # a SOCKS proxy has its own
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
