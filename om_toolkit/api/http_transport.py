"""HTTP: a request in, its whole response out, in time and not too large; another thread can interrupt the wait.

Four touches of private parts make this possible. They are why `pyproject.toml` sets upper bounds for the libraries:

1. requests: `Response._content` is filled from a body that is read with a limit (`InterruptibleAdapter.send`).
2. urllib3: `HTTPConnectionPool._get_conn` is wrapped to learn which connection a request uses
   (`InterruptibleAdapter.get_connection_with_tls_context`).
3. urllib3: the `sock` of a connection is shut down while another thread reads from it (`_interrupt`).
4. vcrpy: `vcr.stubs.VCRConnection` and the `_persister` of its cassette show that a cassette is open
   (`HTTPTransport.max_workers`).
"""

import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from warnings import warn

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeout

from om_toolkit.api.credentials import Secret, Unpicklable
from om_toolkit.api.transport import Request, Response, Transport, TransportError
from om_toolkit.errors import InvalidSetting, UnscrubbedRecording

_LARGEST_BODY: Final = 10_000_000  # bytes, decompressed

_CHUNK_SIZE: Final = 16_384  # bytes read in one step: few enough that they stay few when decompressed

_UNSCRUBBED: Final = (
    "an open vcr.use_cassette records these requests as they are, with the API key and personal data: use "
    "om.vcr.use_cassette, or om.record, and revoke the key if the cassette has been shared"
)

_EXPECTED_ERRORS: Final = (requests.RequestException, HTTPError, HTTPException, OSError)

_thread = threading.local()  # .request: what the thread is sending; urllib3 has no parameter for it


class HTTPTransport(Transport, Unpicklable):
    """A session with one host: pooled connections, with the proxies and certificates that the environment names.

    Args:
        base_url: A checked address.
        authorization: Sent as `Authorization`.
        integrator: Sent as `Klarna-Integrator`, if given.
        timeout: Seconds to connect, and seconds without a byte of the response.
        connections: How many connections are kept open.

    Raises:
        InvalidSetting: If no request can be made of these.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Secret,
        *,
        integrator: str | None = None,
        timeout: tuple[float, float] = (5, 30),
        connections: int = 8,
    ) -> None:
        self.base_url = base_url
        self._timeout = timeout
        self._adapter = InterruptibleAdapter(pool_maxsize=connections)
        # The environment is read once, and not for a host on this computer. A request is prepared once, then copied.
        session = requests.Session()
        session.trust_env = base_url.startswith("https://")
        environment = session.merge_environment_settings(base_url, {}, stream=True, verify=None, cert=None)
        self._settings: dict[str, Any] = {**environment}
        self._prepared = _prepare(base_url, authorization, integrator)

    @property
    def max_workers(self) -> int | None:
        """Return 1 while a `vcr.use_cassette` is open: it patches the whole process and cannot deal with threads."""
        stubs = sys.modules.get("vcr.stubs")
        if stubs is None or not issubclass(HTTPConnectionPool.ConnectionCls, stubs.VCRConnection):
            return None
        cassette: Any = HTTPConnectionPool.ConnectionCls.cassette  # type: ignore[attr-defined]  # vcrpy's
        persister = cassette._persister  # noqa: SLF001 - touch 4
        if not (cassette.write_protected or getattr(persister, "is_scrubbing", False)):
            warn(_UNSCRUBBED, UnscrubbedRecording, stacklevel=5)  # the caller of a public method of the client
        return 1

    def get(self, request: Request) -> Response:
        """Send a request once, following no redirect.

        Raises:
            TransportError: If no whole response arrives in time, or it is too large.
        """
        outcome = self._outcome(request)
        if isinstance(outcome, TransportError):
            raise outcome  # here, where it has no context: the original error may contain credentials
        return outcome

    def _outcome(self, request: Request) -> Response | TransportError:
        prepared = self._prepared.copy()
        prepared.url = f"{(prepared.url or '').rstrip('/')}{request.path}"
        seconds = max(0.001, request.deadline - time.monotonic())
        connect, read = self._timeout
        timeout = min(connect, seconds), min(read, seconds)
        _thread.request = request
        try:
            response = self._adapter.send(prepared, timeout=timeout, **self._settings)
            received = Response(response.status_code, dict(response.headers.lower_items()), response.content)
        except TransportError as error:
            return error.with_traceback(None)
        except (requests.Timeout, PoolTimeout):
            return _late()
        except Exception as error:  # noqa: BLE001 - its text may contain a proxy's password, its frames the credentials
            return _late() if request.is_cancelled else self._connection_error(error)
        finally:
            request.on_cancel = None  # the connection is free for another request
        # A response without a length looks whole when it is interrupted.
        return _late() if request.is_cancelled else received

    def _connection_error(self, error: Exception) -> TransportError:
        """Name what broke, and the CA bundle if it may be the reason."""
        name, bundle = type(error).__name__, self._settings["verify"]
        if isinstance(bundle, str) and not Path(bundle).exists():
            message = f"the CA bundle {bundle} does not exist; correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
            return TransportError(message, may_retry=False)
        if isinstance(bundle, str) and name in {"SSLError", "OSError"}:
            name += f", with the CA bundle {bundle}"
        return TransportError(name, may_retry=isinstance(error, _EXPECTED_ERRORS))

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()


def _late() -> TransportError:
    return TransportError("no whole response in time", kind="timeout")


def _prepare(base_url: str, authorization: Secret, integrator: str | None) -> requests.PreparedRequest:
    """Return the request that each request is a copy of.

    Raises:
        InvalidSetting: If the address or a header cannot be sent.
    """
    if integrator and not (integrator.isascii() and integrator.isprintable()):
        raise InvalidSetting("integrator is sent as a header; use printable ASCII characters only")
    headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Connection": "keep-alive"}
    headers["User-Agent"] = f"om_toolkit/{version('om-toolkit')}"
    if integrator:
        headers["Klarna-Integrator"] = integrator
    try:
        prepared = requests.Request("GET", base_url, headers=headers).prepare()
    except requests.RequestException:
        raise InvalidSetting("base_url is not the address of a host, or integrator not a header; check them") from None
    prepared.headers["Authorization"] = str(authorization)  # plain vcrpy can only write a plain str
    return prepared


class InterruptibleAdapter(HTTPAdapter):
    """Sends a request and reads the whole response, unless it is too large or the request is cancelled."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - the base's
        """Return the pool of connections to a host; the request of the thread can interrupt the one it uses."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)

        def get_connection(timeout: float | None = None) -> Any:  # noqa: ANN401 - urllib3's
            connection = type(pool)._get_conn(pool, timeout)  # noqa: SLF001 - touch 2
            _thread.request.on_cancel = partial(_interrupt, connection)
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
    if not isinstance(response.raw, HTTPResponse):  # of an open `vcr.use_cassette`
        return response.content
    if response.headers.get("content-encoding", "identity").lower() not in {"gzip", "identity"}:
        # Compressed twice, a few bytes can become very many in one step.
        raise _refused(response, "the body is compressed with something other than gzip")
    request: Request = _thread.request
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
    """Break a connection: a thread that reads from it sees its end."""
    sock = getattr(connection, "sock", None)  # touch 3; there is none until it is connected
    if sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # the method of a TLS socket would first talk to the host
