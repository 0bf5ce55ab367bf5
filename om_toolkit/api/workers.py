"""TODO."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar
from warnings import warn

from om_toolkit.api.throttle import Over
from om_toolkit.api.transport import Flights
from om_toolkit.errors import ArchiveError, Failure, NothingFound
from om_toolkit.orders.orders import Captures, Orders

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from om_toolkit.api.client import Client
    from om_toolkit.orders.models import Capture, Order


T = TypeVar("T")


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


class WorkerPool(Generic[T]):
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


BatchT = TypeVar("BatchT", Orders, Captures)


Fetch: TypeAlias = Callable[[str, Flights], Fetched[T] | Failure]


Answers: TypeAlias = dict[str, Fetched[T] | Failure]


def collected(
    ids: Iterable[str], answers: Answers[T], collect: Callable[[dict[str, Fetched[T]], list[Failure]], BatchT]
) -> BatchT:
    """Put the answers there are in the order of the ids."""
    came = {order_id: answers[order_id] for order_id in ids if order_id in answers}
    failures = [answer for answer in came.values() if isinstance(answer, Failure)]
    return collect({one: answer for one, answer in came.items() if isinstance(answer, Fetched)}, failures)


def is_unknown(answer: object) -> bool:
    return isinstance(answer, Failure) and answer.kind == "not_found"


def warn_if_nothing_found(batch: Orders | Captures, clients: Sequence[Client], stacklevel: int) -> None:
    if len(batch) or not batch.failures or not all(map(is_unknown, batch.failures)):
        return
    hosts = " and ".join(client.base_url for client in clients)
    text = (
        f"{hosts} know{'s' if len(clients) == 1 else ''} none of these orders. Most likely host, environment (live or "
        "playground) or merchant is another one than the orders': a key sees the orders of one merchant."
    )
    warn(text, NothingFound, stacklevel=stacklevel)


def as_orders(answers: dict[str, Fetched[Order]], failures: list[Failure]) -> Orders:
    return Orders.at(_newest(answers), [answer.value for answer in answers.values()], failures)


def as_captures(answers: dict[str, Fetched[tuple[Capture, ...]]], failures: list[Failure]) -> Captures:
    captures = (capture for answer in answers.values() for capture in answer.value)
    answered = {order_id: answer.at for order_id, answer in answers.items()}
    return Captures(captures, failures=failures, as_of=_newest(answers), answered=answered)


def _newest(answers: Mapping[str, Fetched[Any]]) -> datetime | None:
    return max(filter(None, (answer.at for answer in answers.values())), default=None)
