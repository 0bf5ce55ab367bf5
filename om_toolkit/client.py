"""The client: order ids in, validated orders and captures out, with whatever failed beside them."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Self, TypeAlias, TypeVar
from urllib.parse import quote
from warnings import warn

import requests
from urllib3.connectionpool import HTTPConnectionPool

from om_toolkit import privacy
from om_toolkit.errors import (
    ArchiveError,
    Failure,
    FetchError,
    Interrupted,
    InvalidSetting,
    NothingFound,
    UnscrubbedRecording,
)
from om_toolkit.ids import Ids, distinct
from om_toolkit.models import ApiError, Capture, Order, read_captures, read_order
from om_toolkit.orders import Captures, Orders
from om_toolkit.progress import progress
from om_toolkit.transport import (
    Broken,
    Flight,
    Flights,
    Over,
    Pace,
    Secret,
    Transport,
    Unpicklable,
    checked_address,
    credentials,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from om_toolkit.archive import Archive, Refresh

T = TypeVar("T")

_KINDS: Final = {
    400: "invalid_id",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    410: "not_found",
    414: "invalid_id",
    422: "invalid_id",
    429: "rate_limited",
    431: "invalid_id",
}
_MAY_GET_BETTER: Final = {408, 429, 500, 502, 503, 504}
_FIRST_PAUSE: Final = 1.0  # seconds before the second attempt, at most; each further one may take twice as long,
_LONGEST_PAUSE: Final = 60.0  # up to this, unless the server asks for more,
_LONGEST_ASKED: Final = 3600.0  # and as long as it may ask for
_TICK: Final = 0.1  # seconds between two looks at what takes too long


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """What an answer held, and when it was given."""

    value: T
    at: datetime | None


class Missed(NamedTuple):
    """An attempt without an answer that could be read.

    Attributes:
        failure: Why.
        may_get_better: Whether another attempt makes sense.
        is_held: Whether the server has told how long to wait, and the whole client waits for it.
    """

    failure: Failure
    may_get_better: bool = False
    is_held: bool = False


class Client(Unpicklable):
    """Reads orders and captures; it has no method that changes an order.

    Args:
        api_key: A Kustom key, `kco_live_…` or `kco_test_…`; else the environment's `OM_API_KEY`. Its prefix chooses
            the host.
        username: With `password`, the classic credentials; else `OM_USERNAME` and `OM_PASSWORD`.
        password: The password of `username`.
        base_url: The host, such as `https://api-na.klarna.com`; else `OM_BASE_URL`, else what the key says, else
            Kustom's live host. HTTPS, except to this machine itself.
        integrator: Sent as the documented header `Klarna-Integrator`.
        timeout: Seconds to connect, and seconds for the answer; one number for both. A host with several addresses may
            take the time to connect at each of them, whatever the deadline.
        max_retries: How often a request is repeated that may get better.
        deadline: Seconds that an order may take, with its retries and the pauses between them; waiting for the pace,
            or because the server asks all to wait, does not count.
        requests_per_second: The pace of all threads together; None for none. What the server asks for comes first.
        workers: Threads of a batch.

    Proxies and `REQUESTS_CA_BUNDLE` are taken from the environment when the client is made. A host on this machine
    itself is asked directly, whatever proxy the environment names.

    Raises:
        CredentialsMissing: If neither the arguments nor the environment hold credentials.
        InvalidSetting: If an option cannot work.
    """

    base_url = ""

    def __init__(  # noqa: PLR0913 - options of one thing, all with a default
        self,
        api_key: str | None = None,
        *,
        username: str | None = None,
        password: str | None = None,
        base_url: str | None = None,
        integrator: str | None = None,
        timeout: float | tuple[float, float] = (5, 30),
        max_retries: int = 5,
        deadline: float = 120,
        requests_per_second: float | None = 20,
        workers: int = 8,
    ) -> None:
        # From here on no traceback shows them, whatever it prints; a key may have been given as anything.
        api_key, username, password, base_url = map(
            Secret, (api_key or "", username or "", password or "", base_url or "")
        )
        connect, read = (timeout, timeout) if isinstance(timeout, int | float) else timeout
        above_0 = (workers, deadline, connect, read, 1 if requests_per_second is None else requests_per_second)
        if not all(number > 0 for number in above_0) or max_retries < 0:
            raise InvalidSetting(
                "workers, timeout, deadline and requests_per_second must be above 0, max_retries not below it"
            )
        if integrator and not (integrator.isascii() and integrator.isprintable()):
            raise InvalidSetting("integrator is sent as a header: give plain letters, without accents")
        authorization, host = credentials(api_key, username, password)
        self.base_url = checked_address(Secret(base_url or os.environ.get("OM_BASE_URL") or host))
        self._seconds_to_answer = connect + read
        self._max_retries = max_retries
        self._deadline = deadline
        self._workers = workers
        self._pace = Pace(requests_per_second)
        self._transport = Transport(
            self.base_url, authorization, integrator=integrator, timeout=(connect, read), connections=workers
        )

    def order(self, order_id: str) -> Order:
        """Fetch one order.

        Raises:
            FetchError: The subclass that names what went wrong, such as `NotFound` or `InvalidOrder`.
        """
        answers: Answers[Order] = {}
        self._gather(distinct(order_id), self._fetch_order, answers)
        (answer,) = answers.values()
        if isinstance(answer, Failure):
            raise answer.error()
        return answer.value

    def orders(self, order_ids: Ids, *, archive: Archive | None = None, refresh: Refresh = "missing") -> Orders:
        """Fetch many orders; each id ends either among the orders or in their `failures`.

        Args:
            order_ids: Order ids, or failures to try again. Each is asked for once; their order is kept.
            archive: Where each answer is stored as it comes, so that whatever ends the fetch, the same call goes on
                where it was. The orders returned are then the archive's: as last seen, and with stand-ins for personal
                data unless it keeps that. One that could not be seen again stands in the `failures` as well.
            refresh: Which orders of the archive are asked for: `missing`, those that are not there; `open`, these and
                all that can still change; `all`.

        Raises:
            ArchiveError: If an answer cannot be stored.
            Interrupted: On Ctrl-C, with what had been fetched in its `orders`.
            ValueError: If something in the list cannot be an order id, or `refresh` is none of the three.

        Warns:
            NothingFound: If the API knows none of them.
            StaleOrders: If orders of the archive that can still change were last seen long before the others.
        """
        if archive is None:
            return self._batch(order_ids, self._fetch_order, _as_orders)
        ids = distinct(order_ids)

        def fetch(order_id: str, flights: Flights) -> Fetched[None] | Failure:
            answer = self._fetch_order(order_id, flights)
            if isinstance(answer, Failure):
                return answer
            archive.add(order_id, answer.value, answer.at)
            return Fetched(None, answer.at)

        def collect(_: dict[str, Fetched[None]], failures: list[Failure]) -> Orders:
            kept = archive.orders(ids)
            return Orders(kept, failures=failures, as_of=kept.as_of)

        return self._batch(archive.wanted(ids, refresh), fetch, collect)

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
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def _fetch_order(self, order_id: str, flights: Flights) -> Fetched[Order] | Failure:
        return self._fetch(order_id, "", read_order, flights)

    def _fetch_captures(self, order_id: str, flights: Flights) -> Fetched[tuple[Capture, ...]] | Failure:
        return self._fetch(order_id, "/captures", read_captures, flights)

    def _fetch(
        self, order_id: str, below: str, read: Callable[[bytes, str], T], flights: Flights
    ) -> Fetched[T] | Failure:
        """Ask until there is an answer, or a failure that will not get better, or no time left."""
        path = f"/ordermanagement/v1/orders/{quote(order_id, safe='')}{below}"
        started = time.monotonic()
        until = started + self._deadline
        attempt = 0
        while True:
            attempt += 1
            until += self._pace.wait(flights.over)
            with flights.until(min(until, time.monotonic() + self._seconds_to_answer)) as flight:
                answer = self._ask(path, order_id, read, flight)
            if isinstance(answer, Fetched):
                return answer
            may_retry = answer.may_get_better and attempt <= self._max_retries
            if may_retry and self._pause(answer, attempt, until, flights.over):
                continue
            if answer.may_get_better and flights.over.is_set():
                raise Over  # it was not the host that failed
            return replace(answer.failure, attempts=attempt, elapsed=time.monotonic() - started)

    def _ask(self, path: str, order_id: str, read: Callable[[bytes, str], T], flight: Flight) -> Fetched[T] | Missed:
        """Ask once."""
        answer = self._transport.get(path, flight)
        if isinstance(answer, Broken):
            failure = Failure(order_id, answer.kind, status=answer.status, messages=(answer.message,))
            return Missed(failure, answer.may_get_better)
        is_held = self._heed(answer)
        if answer.status_code != requests.codes.ok:
            return Missed(_failure(answer, order_id), answer.status_code in _MAY_GET_BETTER, is_held)
        try:
            return Fetched(read(answer.content, order_id), self._given(answer))
        except FetchError as error:
            correlation_id = answer.headers.get("klarna-correlation-id")
            failure = replace(error.failure, status=answer.status_code, correlation_id=correlation_id)
            # No JSON may be an answer that something on the way cut short.
            return Missed(failure, may_get_better=failure.kind == "invalid_body")

    def _heed(self, answer: requests.Response) -> bool:
        """Hold the whole client for as long as the server asks, whatever the answer; return whether it does."""
        seconds = _asked_wait(answer)
        if not seconds:
            return False
        self._pace.hold(seconds)
        return True

    def _given(self, answer: requests.Response) -> datetime | None:
        """Return when an answer was given; only a host on this machine, such as a sandbox, may live in the future."""
        date, now = _date(answer.headers.get("date")), self._now()
        if date and now and self.base_url.startswith("https://"):
            return min(date, now)
        return date or now

    def _now(self) -> datetime | None:
        """Return when an answer was given that does not say it."""
        return datetime.now(UTC)

    def _pause(self, missed: Missed, attempt: int, until: float, over: threading.Event) -> bool:
        """Wait before the next attempt, exponentially longer with full jitter; return whether there is time for it."""
        seconds = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1)))  # noqa: S311
        if missed.is_held:
            seconds = 0
        elif missed.failure.kind == "rate_limited":
            self._pace.hold(seconds)
            seconds = 0
        return time.monotonic() + seconds < until and not over.wait(seconds)

    def _batch(
        self,
        order_ids: Ids,
        fetch: Fetch[T],
        collect: Callable[[dict[str, Fetched[T]], list[Failure]], BatchT],
    ) -> BatchT:
        ids = distinct(order_ids)
        answers: Answers[T] = {}
        try:
            self._gather(ids, fetch, answers)
        except KeyboardInterrupt:
            raise Interrupted(_collected(ids, answers, collect)) from None
        batch = _collected(ids, answers, collect)
        _warn_if_nothing_found(batch, [self], stacklevel=4)
        return batch

    def _gather(self, ids: Sequence[str], fetch: Fetch[T], answers: Answers[T]) -> None:
        """Fetch with threads, which put each answer where it is asked for as it comes."""
        crew = _Crew(ids, fetch, answers)
        failed = 0
        try:
            with progress(len(ids), "order") as bar:
                for answer in crew.work(1 if _vcr_is_active() else self._workers):
                    if isinstance(answer, Failure):
                        failed += 1
                        bar.set_postfix_str(f"{failed:,} failed", refresh=False)
                    bar.update()
        finally:
            crew.dismiss()


class _Crew(Generic[T]):
    """The threads of a batch. They are daemons: the end of the process does not wait for an answer."""

    def __init__(self, ids: Sequence[str], fetch: Fetch[T], answers: Answers[T]) -> None:
        self._size = len(ids)
        self._fetch = fetch
        self._answers = answers
        self._flights = Flights()
        self._threads: list[threading.Thread] = []
        self._refused: Failure | None = None
        self._todo: SimpleQueue[str] = SimpleQueue()
        self._done: SimpleQueue[Fetched[T] | Failure | BaseException] = SimpleQueue()
        for order_id in ids:
            self._todo.put(order_id)

    def work(self, workers: int) -> Iterator[Fetched[T] | Failure]:
        """Yield each answer as it comes."""
        for number in range(min(workers, self._size)):
            thread = threading.Thread(target=self._run, name=f"om_toolkit_{number}", daemon=True)
            self._threads.append(thread)
            thread.start()
        came, looked = 0, time.monotonic()
        while came < self._size:
            try:
                answer = self._done.get(timeout=_TICK)
            except Empty:
                pass
            else:
                if isinstance(answer, BaseException):
                    raise answer
                came += 1
                yield answer
            if time.monotonic() > looked + _TICK:
                self._flights.cut()
                looked = time.monotonic()

    def dismiss(self) -> None:
        """Have no thread linger; whoever is connecting to a host is left alone after a second."""
        self._flights.over.set()
        patience = time.monotonic() + 1
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < patience:
                self._flights.cut()
                thread.join(_TICK / 10)

    def _run(self) -> None:
        try:
            while True:
                order_id = self._todo.get_nowait()
                answer = self._answers[order_id] = self._answer(order_id)  # from here on no interrupt loses it
                self._done.put(answer)
        except (Empty, Over):
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is waited for
            self._done.put(error)

    def _answer(self, order_id: str) -> Fetched[T] | Failure:
        """Fetch one; once the credentials were refused, ask for nothing more.

        Raises:
            Over: If the batch has been ended.
            ArchiveError: If the answer cannot be stored: then the next cannot either.
        """
        try:
            answer = self._fetch(order_id, self._flights)
        except Over:
            if self._refused is None:
                raise
            return replace(self._refused, order_id=order_id, attempts=0, elapsed=0.0)
        except ArchiveError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one answer breaks, it costs no other
            return Failure(order_id, "invalid_body", messages=(type(error).__name__,))
        if isinstance(answer, Failure) and answer.kind == "unauthorized":
            self._refused = answer
            self._flights.over.set()
        return answer


def fetch_all(clients: Iterable[Client], order_ids: Ids) -> Orders:
    """Fetch orders of several merchants: each client is asked for what those before it do not know.

    A key sees the orders of one merchant; of another's the API says, as of any unknown one, that it is not found. Only
    that has the next client asked: whatever else fails may well be the first one's order.

    Args:
        clients: A client for each merchant, the likeliest first.
        order_ids: Order ids, or failures to try again. Their order is kept.

    Raises:
        Interrupted: On Ctrl-C, with what had been fetched in its `orders`.
        ValueError: If something in the list cannot be an order id, or there is no client.

    Warns:
        NothingFound: If none of the clients knows any of them.

    Example:
        >>> import om_toolkit as om
        >>> with om.sandbox(3, seed=1) as one, om.sandbox(2, seed=2) as other:
        ...     om.fetch_all([one, other], [*other.order_ids, *one.order_ids])
        Orders(5 orders, as of 2026-10-31 12:00 UTC)
    """
    ids, clients = distinct(order_ids), tuple(clients)
    if not clients:
        raise ValueError("there is no client to ask: give one for each merchant")
    answers: Answers[Order] = {}
    try:
        for client in clients:
            unknown = [order_id for order_id in ids if order_id not in answers]
            came: Answers[Order] = {}
            try:
                client._gather(unknown, client._fetch_order, came)  # noqa: SLF001 - this is a batch over clients
            finally:
                is_last = client is clients[-1]  # what another does not know, the next may
                answers |= {one: answer for one, answer in came.copy().items() if is_last or not _is_unknown(answer)}
    except KeyboardInterrupt:
        raise Interrupted(_collected(ids, answers, _as_orders)) from None
    orders = _collected(ids, answers, _as_orders)
    _warn_if_nothing_found(orders, clients, stacklevel=3)
    return orders


BatchT = TypeVar("BatchT", Orders, Captures)
Fetch: TypeAlias = Callable[[str, Flights], Fetched[T] | Failure]
Answers: TypeAlias = dict[str, Fetched[T] | Failure]


def _collected(
    ids: Iterable[str], answers: Answers[T], collect: Callable[[dict[str, Fetched[T]], list[Failure]], BatchT]
) -> BatchT:
    """Put the answers there are in the order of the ids."""
    came = {order_id: answers[order_id] for order_id in ids if order_id in answers}
    failures = [answer for answer in came.values() if isinstance(answer, Failure)]
    return collect({one: answer for one, answer in came.items() if isinstance(answer, Fetched)}, failures)


def _is_unknown(answer: object) -> bool:
    return isinstance(answer, Failure) and answer.kind == "not_found"


def _warn_if_nothing_found(batch: Orders | Captures, clients: Sequence[Client], stacklevel: int) -> None:
    if len(batch) or not batch.failures or not all(map(_is_unknown, batch.failures)):
        return
    hosts = " and ".join(client.base_url for client in clients)
    text = (
        f"{hosts} know{'s' if len(clients) == 1 else ''} none of these orders. Most likely host, environment (live or "
        "playground) or merchant is another one than the orders': a key sees the orders of one merchant."
    )
    warn(text, NothingFound, stacklevel=stacklevel)


def _as_orders(answers: dict[str, Fetched[Order]], failures: list[Failure]) -> Orders:
    return Orders.at(_newest(answers), [answer.value for answer in answers.values()], failures)


def _as_captures(answers: dict[str, Fetched[tuple[Capture, ...]]], failures: list[Failure]) -> Captures:
    captures = (capture for answer in answers.values() for capture in answer.value)
    answered = {order_id: answer.at for order_id, answer in answers.items()}
    return Captures(captures, failures=failures, as_of=_newest(answers), answered=answered)


def _newest(answers: Mapping[str, Fetched[Any]]) -> datetime | None:
    return max(filter(None, (answer.at for answer in answers.values())), default=None)


_WITHHELD = "(a message that names a person is not shown)"


def _failure(answer: requests.Response, order_id: str) -> Failure:
    """Say why an answer other than 200 is no order."""
    told = _api_error(answer.content)
    kind = _KINDS.get(answer.status_code, "server_error")
    messages = tuple(_WITHHELD if privacy.names_somebody(text) else text for text in told.error_messages)
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
    """Return the seconds that the server wants us to wait: by `Retry-After`, or as the rate limit is used up."""
    asked, left = answer.headers.get("retry-after"), answer.headers.get("x-ratelimit-remaining")
    if asked is None and (answer.status_code == requests.codes.too_many_requests or left == "0"):
        asked = answer.headers.get("x-ratelimit-reset")
    if asked is None:
        return None
    until, now = _date(asked), _date(answer.headers.get("date")) or datetime.now(UTC)
    try:
        seconds = (until - now).total_seconds() if until else float(asked)
    except ValueError:
        return None
    return max(0.0, seconds) if seconds <= _LONGEST_ASKED else None


def _date(text: str | None) -> datetime | None:
    """Read a date of HTTP, which is in UTC whatever it says; None if it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _vcr_is_active() -> bool:
    """Whether a `vcr.use_cassette` is open: it patches sockets for the whole process and bears no threads."""
    stubs = sys.modules.get("vcr.stubs")
    if stubs is None or not issubclass(HTTPConnectionPool.ConnectionCls, stubs.VCRConnection):
        return False
    cassette: Any = HTTPConnectionPool.ConnectionCls.cassette  # type: ignore[attr-defined]  # vcrpy's
    if not (cassette.write_protected or getattr(cassette._persister, "is_scrubbing", False)):  # noqa: SLF001 - see above
        warn(_UNSCRUBBED, UnscrubbedRecording, stacklevel=5)
    return True


_UNSCRUBBED = (
    "an open vcr.use_cassette records these requests as they are, with the API key and personal data: use "
    "om.vcr.use_cassette, or om.record, and take the key out of use if the cassette has been shared"
)
