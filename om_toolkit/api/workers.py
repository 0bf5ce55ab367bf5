"""The worker pool: order ids in; each of them with its result out, as soon as there is one."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Final, Generic, Self, TypeVar

from om_toolkit.api.throttle import Cancelled
from om_toolkit.api.transport import Request
from om_toolkit.errors import ArchiveError, Failure
from om_toolkit.privacy.messages import shown_order_id
from om_toolkit.support.log import LOGGER
from om_toolkit.support.text import count_of

T = TypeVar("T")

_CHECK_SECONDS: Final = 0.1  # between two checks for requests past their deadline

_LONGEST_JOIN: Final = 1.0  # seconds; a thread that still connects to a host is left alone after that


class InFlightRequests:
    """The requests of a batch that have been sent and not been responded to.

    Attributes:
        cancelled: Set once the batch is cancelled: no further request is sent.
    """

    def __init__(self) -> None:
        self.cancelled = threading.Event()
        self._requests: set[Request] = set()

    @contextmanager
    def tracking(self, request: Request) -> Iterator[None]:
        """Include a request for the length of a `with` block."""
        self._requests.add(request)
        try:
            yield
        finally:
            self._requests.discard(request)

    def cancel_overdue(self) -> None:
        """Cancel the requests past their deadline; all of them once the batch is cancelled."""
        now = time.monotonic()
        for request in tuple(self._requests):
            if self.cancelled.is_set() or request.deadline <= now:
                request.cancel()


class WorkerPool(Generic[T]):
    """Threads that fetch; leaving its `with` block cancels what is in flight.

    The threads are daemons: a process that ends does not wait for a response. Where no thread can be started, the
    caller's thread fetches one id after another.

    Args:
        fetch: Returns the result for an order id; called in several threads.
        workers: How many threads.

    Attributes:
        results: The result of each id so far. The threads fill it, so that an interrupt loses none.
        on_check: Called ten times a second by the thread that waits for results.
    """

    def __init__(self, fetch: Callable[[str, InFlightRequests], T | Failure], workers: int) -> None:
        self.results: dict[str, T | Failure] = {}
        self.on_check: Callable[[], None] | None = None
        self._fetch = fetch
        self._workers = workers
        self._in_flight = InFlightRequests()
        self._threads: list[threading.Thread] = []
        self._finished: SimpleQueue[tuple[str, T | Failure] | BaseException] = SimpleQueue()
        self._refusal: Failure | None = None
        self._next_check = 0.0

    def run(self, order_ids: Sequence[str]) -> Iterator[tuple[str, T | Failure]]:
        """Fetch each id, if possible in a worker thread; yield it with its result as soon as there is one.

        Raises:
            ArchiveError: If a result cannot be stored: then the next cannot be stored either.
        """
        todo = deque(order_ids)

        def fetch_next() -> None:
            order_id = todo.popleft()
            try:
                result = self._fetch(order_id, self._in_flight)
            except (Cancelled, Exception) as error:  # noqa: BLE001 - one bad response must not cost the others
                result = self._failure_of(order_id, error)
            self._finish(order_id, result)

        self._start_threads(fetch_next, min(self._workers, len(order_ids)))
        for _ in order_ids:
            if not self._threads:
                fetch_next()
            yield self._next_finished()

    def _start_threads(self, fetch_next: Callable[[], None], workers: int) -> None:
        """Start as many threads as the system allows: none where Python runs in a browser."""
        for number in range(workers):
            self._threads.append(
                threading.Thread(target=self._work, args=(fetch_next,), name=f"om_toolkit_{number}", daemon=True)
            )
            try:
                self._threads[-1].start()
            except RuntimeError:
                self._threads.pop()
                LOGGER.info("%s could be started; fetching goes on without more", count_of(number, "thread"))
                return

    def _work(self, fetch_next: Callable[[], None]) -> None:
        """Fetch one id after another until none is left or the batch is cancelled."""
        try:
            while True:
                fetch_next()
        except (IndexError, Cancelled):  # there is nothing left to do
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits for results
            self._finished.put(error)

    def _finish(self, order_id: str, result: T | Failure) -> None:
        """Keep a result; refused credentials are not sent again."""
        self.results[order_id] = result
        if isinstance(result, Failure):
            self._note(result)
        self._finished.put((order_id, result))

    def _note(self, failure: Failure) -> None:
        """Log a failure, and end the batch if the credentials were refused."""
        is_for_all = failure.kind in {"unauthorized", "rate_limited"} and not failure.attempts
        level = logging.INFO if is_for_all else logging.WARNING
        status = f"HTTP status {failure.status}" if failure.status else "no response"
        order_id, requests = shown_order_id(failure.order_id), count_of(failure.attempts, "request")
        LOGGER.log(level, "order %s failed: %s, %s, %s", order_id, failure.kind, status, requests)
        if failure.kind == "unauthorized":
            self._refusal = failure
            self._in_flight.cancelled.set()

    def _failure_of(self, order_id: str, error: BaseException) -> Failure:
        """Return the failure of an id whose fetch raised an error; raise the error again if it ends the batch."""
        if isinstance(error, Cancelled) and self._refusal is not None:
            return replace(self._refusal, order_id=order_id, attempts=0, elapsed=0.0)
        if isinstance(error, Cancelled | ArchiveError):
            raise error
        return Failure(order_id, "invalid_body", messages=(type(error).__name__,))

    def _next_finished(self) -> tuple[str, T | Failure]:
        """Wait for the next result; now and then cancel the requests past their deadline."""
        while True:
            if time.monotonic() > self._next_check:
                self._in_flight.cancel_overdue()
                self._next_check = time.monotonic() + _CHECK_SECONDS
                if self.on_check:
                    self.on_check()
            with suppress(Empty):
                finished = self._finished.get(timeout=_CHECK_SECONDS)
                if isinstance(finished, BaseException):
                    raise finished
                return finished

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._in_flight.cancelled.set()
        give_up = time.monotonic() + _LONGEST_JOIN
        for thread in self._threads:
            while thread.is_alive() and time.monotonic() < give_up:
                self._in_flight.cancel_overdue()
                thread.join(_CHECK_SECONDS / 10)
