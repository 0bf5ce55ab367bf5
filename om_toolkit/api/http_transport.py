"""HTTP: a request in, its whole response out, in time and not too large; another thread can interrupt the wait.

vcrpy's `vcr.stubs.VCRConnection` and the `_persister` of its cassette show that a cassette is open
(`HTTPTransport.max_workers`). These are private, so `pyproject.toml` sets an upper bound for vcrpy.
"""

import sys
import time
from functools import partial
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from warnings import warn

import requests
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as PoolTimeout

from om_toolkit.api.connections import Exchange, InterruptibleAdapter
from om_toolkit.api.credentials import Secret, Unpicklable
from om_toolkit.api.transport import Request, Response, Transport, TransportError
from om_toolkit.api.waits import requested_wait
from om_toolkit.errors import InvalidSetting, UnscrubbedRecording
from om_toolkit.support.processes import PerProcess

_UNSCRUBBED: Final = (
    "an open vcr.use_cassette records these requests as they are, with the API key and personal data: use "
    "om.vcr.use_cassette, or om.record, and revoke the key if the cassette has been shared"
)

_EXPECTED_ERRORS: Final = (requests.RequestException, HTTPError, HTTPException, OSError)


class HTTPTransport(Transport, Unpicklable):
    """A session with one host: pooled connections, with the proxies and certificates that the environment names.

    Args:
        base_url: A checked address.
        authorization: Sent as `Authorization`.
        integrator: Sent as `Klarna-Integrator`, if given.
        timeout: Seconds to connect, and seconds without a byte of the response.
        connections: How many connections each process keeps open.

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
        self._adapter = PerProcess(partial(InterruptibleAdapter, pool_maxsize=connections))
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
        persister = cassette._persister  # noqa: SLF001 - vcrpy's
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
        exchange = Exchange(request)
        try:
            with exchange:
                response = self._adapter.get().send(prepared, timeout=timeout, **self._settings)
            received = Response(response.status_code, dict(response.headers.lower_items()), response.content)
        except TransportError as error:
            return error.with_traceback(None)
        except (requests.Timeout, PoolTimeout):
            return _late()
        except Exception as error:  # noqa: BLE001 - its text may contain a proxy's password, its frames the credentials
            return _late() if request.is_cancelled else self._connection_error(error)
        if request.is_cancelled:  # a response without a length looks whole when it is interrupted
            return _late()
        return _unmatched(received) if exchange.is_ambiguous else received

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
        self._adapter.get().close()


def _late() -> TransportError:
    return TransportError("no whole response in time", kind="timeout")


def _unmatched(response: Response) -> TransportError:
    message = "more than one response arrived on a connection, which is closed"
    return TransportError(message, retry_after=requested_wait(response))


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
