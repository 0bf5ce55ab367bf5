"""The client: order ids in, validated orders and captures out, with whatever failed beside them."""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote
from warnings import warn

import requests
from urllib3.connectionpool import HTTPConnectionPool

from om_toolkit.api.credentials import Secret, Unpicklable, checked_address, credentials
from om_toolkit.api.responses import RETRYABLE, failure_of, http_date, requested_wait
from om_toolkit.api.throttle import Over, Pace
from om_toolkit.api.transport import Broken, Flight, Flights, Transport
from om_toolkit.api.workers import (
    Answers,
    BatchT,
    Fetch,
    Fetched,
    Missed,
    T,
    WorkerPool,
    as_captures,
    as_orders,
    collected,
    is_unknown,
    warn_if_nothing_found,
)
from om_toolkit.errors import Failure, FetchError, Interrupted, InvalidSetting, UnscrubbedRecording
from om_toolkit.orders.ids import Ids, distinct
from om_toolkit.orders.orders import Captures, Orders
from om_toolkit.orders.parsing import read_captures, read_order
from om_toolkit.support.progress import progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from om_toolkit.archive.archive import Archive, Refresh
    from om_toolkit.orders.models import Capture, Order


_FIRST_PAUSE: Final = 1.0  # seconds before the second attempt, at most; each further one may take twice as long,


_LONGEST_PAUSE: Final = 60.0  # up to this, unless the server asks for more,


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
            return self._batch(order_ids, self._fetch_order, as_orders)
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
        return self._batch(order_ids, self._fetch_captures, as_captures)

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
            return Missed(failure_of(answer, order_id), answer.status_code in RETRYABLE, is_held)
        try:
            return Fetched(read(answer.content, order_id), self._given(answer))
        except FetchError as error:
            correlation_id = answer.headers.get("klarna-correlation-id")
            failure = replace(error.failure, status=answer.status_code, correlation_id=correlation_id)
            # No JSON may be an answer that something on the way cut short.
            return Missed(failure, may_get_better=failure.kind == "invalid_body")

    def _heed(self, answer: requests.Response) -> bool:
        """Hold the whole client for as long as the server asks, whatever the answer; return whether it does."""
        seconds = requested_wait(answer)
        if not seconds:
            return False
        self._pace.hold(seconds)
        return True

    def _given(self, answer: requests.Response) -> datetime | None:
        """Return when an answer was given; only a host on this machine, such as a sandbox, may live in the future."""
        date, now = http_date(answer.headers.get("date")), self._now()
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
            raise Interrupted(collected(ids, answers, collect)) from None
        batch = collected(ids, answers, collect)
        warn_if_nothing_found(batch, [self], stacklevel=4)
        return batch

    def _gather(self, ids: Sequence[str], fetch: Fetch[T], answers: Answers[T]) -> None:
        """Fetch with threads, which put each answer where it is asked for as it comes."""
        crew = WorkerPool(ids, fetch, answers)
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
                answers |= {one: answer for one, answer in came.copy().items() if is_last or not is_unknown(answer)}
    except KeyboardInterrupt:
        raise Interrupted(collected(ids, answers, as_orders)) from None
    orders = collected(ids, answers, as_orders)
    warn_if_nothing_found(orders, clients, stacklevel=3)
    return orders


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
