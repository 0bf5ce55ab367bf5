"""The client: order ids in; validated orders or captures, with the failures, out.

One order id takes this path from `client.orders(ids, archive=archive)` to the returned `Orders`:

- `Client.orders` makes the ids distinct, and the results `Orders`;
- `Client._batch` runs the ids through a pool, behind a progress bar;
- `WorkerPool.run` hands each id to a thread and yields it with its result;
- `Client._fetch` requests the order until it arrives or a retry makes no sense, and stores it in the archive;
- `Transport.get` returns the response to one request.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, Self, TypeAlias, TypeVar

from om_toolkit.api.batch_bar import BatchBar
from om_toolkit.api.credentials import Unpicklable, destination, secret
from om_toolkit.api.endpoints import CAPTURES, ORDER, Endpoint
from om_toolkit.api.http_transport import HTTPTransport
from om_toolkit.api.responses import FailedAttempt, Fetched, Result, read_response
from om_toolkit.api.results import Results, checked, is_not_found, to_captures, to_orders
from om_toolkit.api.throttle import Cancelled, RateLimit, WaitTooLong
from om_toolkit.api.transport import Request, Response, Transport, TransportError
from om_toolkit.api.waits import http_date, requested_wait
from om_toolkit.api.workers import InFlightRequests, WorkerPool
from om_toolkit.archive.archive import Archive, Refresh
from om_toolkit.errors import Interrupted, InvalidSetting
from om_toolkit.orders.ids import Ids, distinct
from om_toolkit.orders.models import Order
from om_toolkit.orders.orders import Captures, Orders
from om_toolkit.privacy.messages import shown_order_id
from om_toolkit.support.gc_pause import paused
from om_toolkit.support.html_tables import facts, paragraph
from om_toolkit.support.log import LOGGER
from om_toolkit.support.processes import PerProcess
from om_toolkit.support.progress import progress

T = TypeVar("T")

Store: TypeAlias = "Callable[[str, T, datetime | None], None]"
"""Stores what was fetched for an order id, and when it was sent."""

_FIRST_BACK_OFF: Final = 1.0  # seconds at most before the second attempt; the maximum doubles with each attempt,

_LONGEST_BACK_OFF: Final = 60.0  # up to this

_LONG_WAIT: Final = 10.0  # seconds; a shorter one, such as of a limit per second, is nothing to worry about


class Client(Unpicklable):
    """Reads orders and captures; it has no method that changes an order.

    Args:
        api_key: A key of Kustom (`kco_live_…`, `kco_test_…`) or Klarna (`klarna_live_…`, `klarna_test_…`); else the
            environment's `OM_API_KEY`. Its prefix chooses the host: live or playground, of Klarna the one of Europe.
        username: With `password`, the classic credentials; else `OM_USERNAME` and `OM_PASSWORD`. Unless the password
            has the prefix of a key, they need a `base_url`.
        password: The password of `username`.
        base_url: The host, such as `https://api-na.klarna.com`; else `OM_BASE_URL`, else what the prefix says. HTTPS,
            except for a host on this computer. No host of Kustom or Klarna gets credentials that are, by their prefix,
            the other's or of the other environment.
        integrator: Sent as the documented header `Klarna-Integrator`.
        timeout: Seconds to connect, and seconds for the response; one number for both. A host with several addresses
            may take the time to connect at each of them, regardless of the deadline.
        max_retries: How often a request is repeated if that can help.
        deadline: Seconds for one order, with its retries and the back-off between them; waiting for the rate limit,
            also when the server asks for it, does not count.
        requests_per_second: The rate limit of all threads together; None for none. The server's limits always apply:
            the client waits for up to an hour if asked to. If the server asks for more, orders fail as `rate_limited`
            until that hour, without a request.
        workers: Threads of a batch.
        transport: Sends the requests instead of HTTP; it needs no credentials. See `Transport`.

    Proxies and `REQUESTS_CA_BUNDLE` are read from the environment when the client is made. A host on this computer is
    never reached through a proxy. After a fork, the child opens its own connections. The logger `om_toolkit` gets
    retries, waits and failures with order ids; never headers, bodies or credentials.

    Raises:
        CredentialsMissing: If there are no credentials in the arguments or the environment.
        InvalidSetting: If an option cannot work, or the credentials do not belong to the host.
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
        transport: Transport | None = None,
    ) -> None:
        # From here on no traceback that prints variables shows them; a key may have been given as any of them.
        api_key, username, password, base_url = map(secret, (api_key, username, password, base_url))
        connect, read = (timeout, timeout) if isinstance(timeout, int | float) else timeout
        positive = (workers, deadline, connect, read, 1 if requests_per_second is None else requests_per_second)
        if not all(number > 0 for number in positive) or max_retries < 0:
            raise InvalidSetting(
                "workers, timeout, deadline and requests_per_second must be above 0, max_retries must not be negative"
            )
        if transport is None:
            authorization, address = destination(api_key, username, password, base_url)
            transport = HTTPTransport(
                address, authorization, integrator=integrator, timeout=(connect, read), connections=workers
            )
        elif api_key or username or password or base_url or integrator:
            raise InvalidSetting("a transport has its own host and credentials; leave out those of the client")
        self._transport = transport
        self.base_url = transport.base_url
        self._seconds_per_request = connect + read
        self._max_retries = max_retries
        self._deadline = deadline
        self._workers = workers
        self._rate_limit = PerProcess(partial(RateLimit, requests_per_second if transport.waits else None))

    def order(self, order_id: str) -> Order:
        """Fetch one order.

        Raises:
            FetchError: The subclass that names what went wrong, such as `NotFound` or `InvalidOrder`.
        """
        results = self._batch(distinct(order_id), ORDER)
        orders = to_orders(results)
        if results.is_interrupted:
            raise Interrupted(orders)
        for failure in orders.failures:
            raise failure.error()
        return orders[0]

    def orders(self, order_ids: Ids, *, archive: Archive | None = None, refresh: Refresh = "missing") -> Orders:
        """Fetch many orders; each id ends up either among the orders or in their `failures`.

        Args:
            order_ids: Order ids, or failures to retry. Each is requested once; their order is kept.
            archive: Where each order is stored as soon as it arrives, so that the same call continues after any kind of
                interruption. The returned orders are then those of the archive: as last seen, and with placeholders for
                personal data unless the archive keeps it. An order that could not be refreshed is in `failures`, too.
            refresh: Which orders of the archive are requested: `missing`, those it does not have; `open`, these and
                all that can still change; `all`.

        Raises:
            ArchiveError: If an order cannot be stored.
            Interrupted: On Ctrl-C, with what was fetched in its `orders`.
            ValueError: If an item cannot be an order id, or `refresh` is none of the three.

        Warns:
            NothingFound: If the API knows none of them.
            StaleOrders: If orders of the archive that can still change were last seen long before the others.
        """
        ids = distinct(order_ids)
        if archive is None:
            results = self._batch(ids, ORDER)
            orders = to_orders(results)
        else:
            results = self._batch(archive.wanted(ids, refresh), ORDER, archive.add)
            archived = archive.orders(ids)
            answered = archived.answered
            orders = Orders(archived, failures=results.failures, as_of=archived.as_of, answered=answered)
        return checked(orders, results, [self.base_url])

    def captures(self, order_ids: Ids) -> Captures:
        """Fetch the captures of many orders through their own endpoint, which does not give the currency.

        Args:
            order_ids: Order ids, or failures to retry. Each is requested once; their order is kept.

        Raises:
            Interrupted: On Ctrl-C, with what was fetched in its `orders`.
            ValueError: If an item cannot be an order id.

        Warns:
            NothingFound: If the API knows none of them.
        """
        results = self._batch(distinct(order_ids), CAPTURES)
        return checked(to_captures(results), results, [self.base_url])

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def _repr_html_(self) -> str:
        hint = ".orders(ids) and .captures(ids) fetch many, .order(id) fetches one"
        values = {"host": self.base_url, "workers": self._workers, "retries of a request": self._max_retries}
        return paragraph(f"{self!r}: {hint}") + facts(values.items())

    def _batch(self, order_ids: Sequence[str], endpoint: Endpoint[T], store: Store[T] | None = None) -> Results[T]:
        """Fetch distinct ids in threads; after Ctrl-C return the results so far."""
        workers = min(self._workers, self._transport.max_workers or self._workers)
        pool = WorkerPool(partial(self._fetch, endpoint=endpoint, store=store), workers)
        is_interrupted = False
        # Without waiting, half of the time of a large batch would be the garbage collector's.
        pause = nullcontext() if self._transport.waits else paused()
        try:
            with pause, progress(len(order_ids), "order") as bar, pool:
                shown = BatchBar(bar, self._rate_limit.get())
                pool.on_check = shown.refresh
                for _, result in pool.run(order_ids):
                    shown.count(result)
        except KeyboardInterrupt:
            is_interrupted = True
        return Results(order_ids, pool.results, is_interrupted=is_interrupted)

    def _fetch(
        self, order_id: str, in_flight: InFlightRequests, endpoint: Endpoint[T], store: Store[T] | None
    ) -> Result[T]:
        """Request an object until it arrives, a retry makes no sense, or the deadline has passed; None if it is stored.

        Raises:
            Cancelled: If the batch is cancelled first.
        """
        started = time.monotonic()
        deadline = started + self._deadline
        attempt = 0
        while True:
            try:
                deadline += self._rate_limit.get().wait(in_flight.cancelled)
                attempt += 1
                request = Request(endpoint.path(order_id), min(deadline, time.monotonic() + self._seconds_per_request))
                with in_flight.tracking(request):
                    response = self._transport.get(request)
                self._wait_as_asked(requested_wait(response), order_id)
                result = read_response(response, order_id, endpoint, self._time_of(response))
            except WaitTooLong as error:
                result = FailedAttempt.not_sent(error, order_id)
            except TransportError as error:
                self._wait_as_asked(error.retry_after, order_id)
                result = FailedAttempt.without_response(error, order_id)
            if isinstance(result, Fetched):
                break
            if result.may_retry and self._back_off(result, attempt, deadline, in_flight):
                shown, kind = shown_order_id(order_id), result.failure.kind
                LOGGER.info("order %s: retrying after %s, attempt %d", shown, kind, attempt)
                continue
            if result.may_retry and in_flight.cancelled.is_set():
                raise Cancelled  # the host did not fail
            return replace(result.failure, attempts=attempt, elapsed=time.monotonic() - started)
        if store is None:
            return result
        store(order_id, result.value, result.at)
        return None

    def _wait_as_asked(self, seconds: float, order_id: str) -> None:
        """Let all threads wait if the server asks for it."""
        if seconds > 0 and self._transport.waits:
            self._rate_limit.get().back_off(seconds)
            level = logging.WARNING if seconds >= _LONG_WAIT else logging.INFO
            LOGGER.log(level, "order %s: the server asks to wait %.3g s", shown_order_id(order_id), seconds)

    def _back_off(self, failed: FailedAttempt, attempt: int, deadline: float, in_flight: InFlightRequests) -> bool:
        """Wait before the next attempt, exponentially longer with full jitter; return whether there is to be one."""
        if attempt > self._max_retries:
            return False
        seconds = random.uniform(0, min(_LONGEST_BACK_OFF, _FIRST_BACK_OFF * 2 ** (attempt - 1)))  # noqa: S311
        if failed.retry_after or not self._transport.waits:
            seconds = 0  # the rate limit waits already, or nothing does
        elif failed.failure.kind == "rate_limited":
            self._rate_limit.get().back_off(seconds)
            seconds = 0
        return time.monotonic() + seconds < deadline and not in_flight.cancelled.wait(seconds)

    def _time_of(self, response: Response) -> datetime | None:
        """Return when a response was sent; only a host on this computer, such as a sandbox, may be in the future."""
        date, now = http_date(response.headers.get("date")), self._transport.now()
        if date and now and self.base_url.startswith("https://"):
            return min(date, now)
        return date or now


def fetch_all(clients: Iterable[Client], order_ids: Ids) -> Orders:
    """Fetch orders of several merchants: each client fetches what those before it do not know.

    A key gives access to the orders of one merchant; the API reports those of another as not found, like any unknown
    order. Only these are requested from the next client: an order that fails for another reason may well belong to
    the first.

    Args:
        clients: A client for each merchant, the likeliest first.
        order_ids: Order ids, or failures to retry. Their order is kept.

    Raises:
        Interrupted: On Ctrl-C, with what was fetched in its `orders`.
        ValueError: If an item cannot be an order id, or there is no client.

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
        raise ValueError("clients is empty; give a client for each merchant")
    found: dict[str, Result[Order]] = {}
    for client in clients:
        results = client._batch([one for one in ids if one not in found], ORDER)  # noqa: SLF001 - a batch over clients
        is_last = client is clients[-1]  # an order that another client does not know may be the next one's
        found |= {one: result for one, result in results.items() if is_last or not is_not_found(result)}
        if results.is_interrupted:
            break
    results = Results(ids, found, is_interrupted=results.is_interrupted)
    return checked(to_orders(results), results, [client.base_url for client in clients])
