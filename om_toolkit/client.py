"""The client: order ids in, validated orders and captures out, with whatever failed beside them."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Self, TypeAlias, TypeVar
from urllib.parse import quote, urlsplit
from warnings import warn

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connectionpool import HTTPConnectionPool

from om_toolkit.errors import (
    CredentialsMissing,
    Failure,
    FetchError,
    Interrupted,
    InvalidSetting,
    NothingFound,
)
from om_toolkit.models import ApiError, Capture, Order, read_captures, read_order
from om_toolkit.orders import Captures, Orders
from om_toolkit.progress import progress

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")
Ids: TypeAlias = str | Iterable[str | Failure]

LIVE: Final = "https://api.kustom.co"
PLAYGROUND: Final = "https://api.playground.kustom.co"

LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
_KINDS: Final = {
    400: "invalid_id",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    422: "invalid_id",
    429: "rate_limited",
}
_MAY_GET_BETTER: Final = {None, 200, 408, 429, 500, 502, 503, 504}  # statuses; None if there was no answer
_LONGEST_WAIT: Final = 60.0  # seconds between two attempts, unless the server asks for more,
_LONGEST_ASKED: Final = 3600.0  # and as long as it may ask for


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """What an answer held, and when it was given."""

    value: T
    at: datetime | None


class Client:
    """Reads orders and captures; it has no method that changes an order.

    Args:
        api_key: A Kustom key, `kco_live_…` or `kco_test_…`; else the environment's `OM_API_KEY`. Its prefix chooses
            the host.
        username: With `password`, the classic credentials; else `OM_USERNAME` and `OM_PASSWORD`.
        password: The password of `username`.
        base_url: The host, such as `https://api-na.klarna.com`; else `OM_BASE_URL`, else what the key says, else
            Kustom's live host. HTTPS, except to this machine itself.
        integrator: Sent as the documented header `Klarna-Integrator`.
        timeout: Seconds to connect, and seconds without a byte of the answer.
        max_retries: How often a request is repeated that may get better.
        requests_per_second: The pace of all threads together; None for none.
        workers: Threads of a batch.

    A host on this machine itself is asked directly, whatever proxy the environment names.

    Raises:
        CredentialsMissing: If neither the arguments nor the environment hold credentials.
        InvalidSetting: If an option cannot work.
    """

    def __init__(  # noqa: PLR0913 - options of one thing, all with a default
        self,
        api_key: str | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        base_url: str | None = None,
        integrator: str | None = None,
        timeout: tuple[float, float] = (5, 30),
        max_retries: int = 5,
        requests_per_second: float | None = 20,
        workers: int = 8,
    ) -> None:
        if min(workers, *timeout, requests_per_second or 1) <= 0 or requests_per_second == 0 or max_retries < 0:
            raise InvalidSetting("workers, timeout and requests_per_second must be above 0, max_retries not below it")
        if integrator and not (integrator.isascii() and integrator.isprintable()):
            raise InvalidSetting("integrator is sent as a header: give plain letters, without accents")
        auth = _credentials(api_key, username, password)
        self.base_url = _checked_address(base_url or os.environ.get("OM_BASE_URL") or auth.host)
        self._timeout = timeout
        self._max_retries = max_retries
        self._workers = workers
        self._pace = _Pace(requests_per_second)
        self._session = _session(auth, integrator, workers)
        self._session.trust_env = self.base_url.startswith("https://")

    def order(self, order_id: str) -> Order:
        """Fetch one order.

        Raises:
            FetchError: The subclass that names what went wrong, such as `NotFound` or `InvalidOrder`.
        """
        return _value(self._fetch_order(*_distinct(order_id)))

    def orders(self, order_ids: Ids) -> Orders:
        """Fetch many orders; each id ends either among the orders or in their `failures`.

        Args:
            order_ids: Order ids, or failures to try again. Each is asked for once; their order is kept.

        Raises:
            Interrupted: On Ctrl-C, with what had been fetched in its `orders`.
            ValueError: If something in the list cannot be an order id.

        Warns:
            NothingFound: If the API knows none of them.
        """
        return self._batch(order_ids, self._fetch_order, _as_orders)

    def captures(self, order_ids: Ids) -> Captures:
        """Fetch the captures of many orders through their own endpoint, which does not tell the currency.

        Args:
            order_ids: Order ids, or failures to try again. Each is asked for once; their order is kept.

        Raises:
            Interrupted: On Ctrl-C, with what had been fetched in its `orders`.
            ValueError: If something in the list cannot be an order id.

        Warns:
            NothingFound: If the API knows none of them.
        """
        return self._batch(order_ids, self._fetch_captures, _as_captures)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def __getstate__(self) -> NoReturn:
        msg = "a client holds credentials and cannot be pickled: make one where it is needed"
        raise TypeError(msg)

    def _fetch_order(self, order_id: str) -> Fetched[Order] | Failure:
        return self._fetch(order_id, "", read_order)

    def _fetch_captures(self, order_id: str) -> Fetched[tuple[Capture, ...]] | Failure:
        return self._fetch(order_id, "/captures", read_captures)

    def _fetch(self, order_id: str, below: str, read: Callable[[bytes, str], T]) -> Fetched[T] | Failure:
        """Ask until there is an answer, or a failure that will not get better."""
        url = f"{self.base_url}/ordermanagement/v1/orders/{quote(order_id, safe='')}{below}"
        started = time.monotonic()
        for attempt in range(1, self._max_retries + 2):
            self._pace.wait()
            answer = self._ask(url, order_id, read)
            if isinstance(answer, Fetched):
                return answer
            failure, wait = answer
            if not _may_get_better(failure) or attempt > self._max_retries:
                break
            self._wait(failure, wait, attempt)
        return replace(failure, attempts=attempt, elapsed=time.monotonic() - started)

    def _ask(
        self, url: str, order_id: str, read: Callable[[bytes, str], T]
    ) -> Fetched[T] | tuple[Failure, float | None]:
        """Ask once. With a failure comes how long the server wants us to wait, if it says."""
        try:
            answer = self._session.get(url, timeout=self._timeout, allow_redirects=False)
        except requests.Timeout:
            return Failure(order_id, "timeout"), None
        except requests.RequestException as error:
            # Its text may quote a proxy's password, so only its name is told.
            return Failure(order_id, "connection", messages=(type(error).__name__,)), None
        if answer.status_code != requests.codes.ok:
            return _failure(answer, order_id), _asked_wait(answer)
        try:
            return Fetched(read(answer.content, order_id), _date(answer.headers.get("date")) or self._now())
        except FetchError as error:
            correlation_id = answer.headers.get("klarna-correlation-id")
            return replace(error.failure, status=answer.status_code, correlation_id=correlation_id), None

    def _now(self) -> datetime | None:
        """Return when an answer was given that does not say it."""
        return datetime.now(UTC)

    def _wait(self, failure: Failure, asked: float | None, attempt: int) -> None:
        """Wait before the next attempt: as long as the server says, else exponentially longer with full jitter."""
        seconds = random.uniform(0, min(_LONGEST_WAIT, 0.5 * 2**attempt)) if asked is None else asked  # noqa: S311
        if failure.kind == "rate_limited":
            self._pace.hold(seconds)
        else:
            time.sleep(seconds)

    def _batch(
        self,
        order_ids: Ids,
        fetch: Callable[[str], Fetched[T] | Failure],
        collect: Callable[[list[Fetched[T]], list[Failure]], BatchT],
    ) -> BatchT:
        ids = _distinct(order_ids)
        done: dict[str, Fetched[T] | Failure] = {}
        refused: list[Failure] = []

        def fetch_one(order_id: str) -> None:
            if refused:
                answer: Fetched[T] | Failure = replace(refused[0], order_id=order_id, attempts=0, elapsed=0.0)
            else:
                answer = fetch(order_id)
            if isinstance(answer, Failure) and answer.kind == "unauthorized":
                refused.append(answer)
            done[order_id] = answer

        def collected() -> BatchT:
            answers = [done[order_id] for order_id in ids if order_id in done]
            failures = [answer for answer in answers if isinstance(answer, Failure)]
            return collect([answer for answer in answers if isinstance(answer, Fetched)], failures)

        pool = ThreadPoolExecutor(1 if _vcr_is_active() else self._workers, thread_name_prefix="om_toolkit")
        try:
            with progress(len(ids), "order") as bar:
                for _ in pool.map(fetch_one, ids):
                    bar.update()
        except KeyboardInterrupt:
            raise Interrupted(collected()) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        batch = collected()
        if not len(batch) and batch.failures and all(failure.kind == "not_found" for failure in batch.failures):
            warn(_nothing_found(self.base_url), NothingFound, stacklevel=3)
        return batch


BatchT = TypeVar("BatchT", Orders, Captures)


def _nothing_found(host: str) -> str:
    return (
        f"{host} knows none of these orders. Most likely host, environment (live or playground) or merchant is "
        "another one than the orders': a key sees the orders of one merchant."
    )


def _as_orders(answers: list[Fetched[Order]], failures: list[Failure]) -> Orders:
    return Orders.at(_newest(answers), [answer.value for answer in answers], failures)


def _as_captures(answers: list[Fetched[tuple[Capture, ...]]], failures: list[Failure]) -> Captures:
    captures = (capture for answer in answers for capture in answer.value)
    return Captures(captures, failures=failures, as_of=_newest(answers))


def _newest(answers: Iterable[Fetched[Any]]) -> datetime | None:
    return max(filter(None, (answer.at for answer in answers)), default=None)


def _value(answer: Fetched[T] | Failure) -> T:
    if isinstance(answer, Failure):
        raise answer.error()
    return answer.value


def _distinct(order_ids: Ids) -> list[str]:
    """Return the ids to ask for: a single text is one id, a failure stands for its id, blanks around are cut.

    Ids that differ only in case are one: hosts that ignore case would give the same order twice.

    Raises:
        ValueError: If one of them cannot be an order id.
    """
    items: Iterable[object] = [order_ids] if isinstance(order_ids, str) else order_ids
    ids: dict[str, str] = {}
    for position, item in enumerate(items):
        order_id = item.order_id if isinstance(item, Failure) else item
        if not isinstance(order_id, str) or not re.search(r"\w", order_id):
            what = "no letter or digit" if isinstance(order_id, str) else f"a {type(order_id).__name__}"
            raise ValueError(f"item {position} of the order ids is {what}, and no order id: take it out of the list")
        ids.setdefault(order_id.strip().casefold(), order_id.strip())
    return list(ids.values())


class _Credentials(AuthBase):
    """Puts the credentials on a request, where `~/.netrc` cannot override them; shows them nowhere."""

    def __init__(self, authorization: str, host: str) -> None:
        self._authorization = authorization
        self.host = host

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._authorization
        return request


def _credentials(api_key: str | None, username: str | None, password: str | None) -> _Credentials:
    """Resolve the credentials: the arguments first, then the environment."""
    environment = {} if api_key or username else os.environ
    key = (api_key or environment.get("OM_API_KEY", "")).strip()
    user = (username or environment.get("OM_USERNAME", "")).strip()
    secret = (password or os.environ.get("OM_PASSWORD", "")).strip()
    if user.startswith(("kco_live_", "kco_test_")):
        msg = "that username is an API key: give it as api_key, or in OM_API_KEY"
        raise InvalidSetting(msg)
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InvalidSetting("the API key holds a blank, a line break or a letter that no key has: copy it anew")
    if key:
        # Kustom takes the key as it is, without base64.
        return _Credentials(f"Basic {key}", PLAYGROUND if key.startswith("kco_test_") else LIVE)
    if user and secret:
        return _Credentials(f"Basic {b64encode(f'{user}:{secret}'.encode()).decode()}", LIVE)
    msg = (
        "no credentials: give api_key, or username and password, or set OM_API_KEY, or OM_USERNAME and OM_PASSWORD; "
        "om.replay('quickstart') and om.sandbox() need none"
    )
    raise CredentialsMissing(msg)


def _checked_address(base_url: str) -> str:
    """Return the host's address without a slash at its end.

    Raises:
        InvalidSetting: If credentials must not be sent there.
    """
    try:
        parts = urlsplit(base_url.strip())
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise InvalidSetting(f"base_url is no address: give one such as {LIVE}") from None
    if host == "kustom.com" or host.endswith(".kustom.com"):
        msg = f"{host} is not Kustom's: the API's domain ends in .co, as in {LIVE}"
        raise InvalidSetting(msg)
    if (
        not host
        or "@" in parts.netloc
        or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
    ):
        msg = f"base_url must be the address of a host, with https and without credentials, such as {LIVE}"
        raise InvalidSetting(msg)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _session(auth: _Credentials, integrator: str | None, workers: int) -> requests.Session:
    session = requests.Session()
    session.auth = auth
    session.headers["User-Agent"] = f"om_toolkit/{version('om-toolkit')}"
    session.headers["Accept"] = "application/json"
    if integrator:
        session.headers["Klarna-Integrator"] = integrator
    adapter = HTTPAdapter(pool_maxsize=workers)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _may_get_better(failure: Failure) -> bool:
    return failure.kind not in {"invalid_order", "not_recorded"} and failure.status in _MAY_GET_BETTER


def _failure(answer: requests.Response, order_id: str) -> Failure:
    """Say why an answer other than 200 is no order."""
    told = _api_error(answer.content)
    kind = _KINDS.get(answer.status_code, "server_error")
    messages = told.error_messages
    if told.error_code in {"NOT_FOUND", "NO_SUCH_ORDER"}:
        kind = "not_found"
    if answer.is_redirect:
        kind, messages = "forbidden", ("the host answered with a redirect, which is not followed",)
    return Failure(
        order_id,
        kind,
        status=answer.status_code,
        error_code=told.error_code,
        messages=messages,
        correlation_id=told.correlation_id or answer.headers.get("klarna-correlation-id"),
    )


def _api_error(body: bytes) -> ApiError:
    """Read the body of an error, as far as it is one; some gateways send a single `error_message`."""
    try:
        document = json.loads(body)
        known = {
            name: document[name] for name in ("error_code", "correlation_id") if isinstance(document.get(name), str)
        }
        messages = document.get("error_messages") or [document.get("error_message")]
        return ApiError(error_messages=tuple(text for text in messages if isinstance(text, str)), **known)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ApiError()


def _asked_wait(answer: requests.Response) -> float | None:
    """Return the seconds that the server wants us to wait, by `Retry-After` or the rate limit's reset."""
    asked = answer.headers.get("retry-after")
    if asked is None and answer.status_code == requests.codes.too_many_requests:
        asked = answer.headers.get("x-ratelimit-reset")
    until, now = _date(asked), _date(answer.headers.get("date")) or datetime.now(UTC)
    try:
        seconds = (until - now).total_seconds() if until else float(asked or "")
    except ValueError:
        return None
    return max(0.0, seconds) if seconds <= _LONGEST_ASKED else None


def _date(text: str | None) -> datetime | None:
    """Read a date of HTTP, which is in UTC whatever it says; None if it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class _Pace:
    """Spreads the requests of all threads evenly: one every `1 / requests_per_second` seconds."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for the next free place."""
        with self._lock:
            now = time.monotonic()
            place = max(self._next, now)
            self._next = place + self._interval
        time.sleep(place - now)

    def hold(self, seconds: float) -> None:
        """Give out no place for a while: a rate limit is for the whole client."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


def _vcr_is_active() -> bool:
    """Whether a `vcr.use_cassette` is open: it patches sockets for the whole process and bears no threads."""
    stubs = sys.modules.get("vcr.stubs")
    return stubs is not None and issubclass(HTTPConnectionPool.ConnectionCls, stubs.VCRConnection)
