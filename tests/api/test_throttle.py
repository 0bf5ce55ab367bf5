"""The rate limit: when the next request may be sent."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from om_toolkit.api import throttle
from om_toolkit.api.throttle import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Replaces the time and the event that cancels a batch: waiting moves the time on, perhaps a little too far."""

    def __init__(self) -> None:
        self.now = 100.0
        self.late = 0.0
        self.while_waiting: list[Callable[[], None]] = []

    def monotonic(self) -> float:
        return self.now

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        self.now += seconds + self.late
        if self.while_waiting:
            self.while_waiting.pop()()
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


def moments(limit: RateLimit, clock: Any, number: int) -> list[float]:
    found = []
    for _ in range(number):
        limit.wait(clock)
        found.append(round(clock.now, 6))
    return found


def test_requests_are_an_interval_apart(clock: Clock) -> None:
    assert moments(RateLimit(4), clock, 5) == [100, 100.25, 100.5, 100.75, 101]


def test_threads_that_wake_a_little_late_do_not_slow_the_others_down(clock: Clock) -> None:
    clock.late = 0.01
    assert moments(RateLimit(4), clock, 4) == [100, 100.26, 100.51, 100.76]


@pytest.mark.parametrize("away", [0.5, 3600])
def test_unused_moments_are_not_saved_up_while_idle_or_asleep(clock: Clock, away: float) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.now = 100 + away
    assert moments(limit, clock, 3) == [100 + away, 100.25 + away, 100.5 + away]


def test_after_a_thread_that_slept_too_long_the_rate_limit_applies(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.late = 3600
    limit.wait(clock)  # type: ignore[arg-type]
    clock.late = 0
    assert moments(limit, clock, 2) == [3700.5, 3700.75]


def test_after_a_back_off_the_rate_limit_applies(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.back_off(2)
    limit.back_off(1)  # which ends before the other
    assert moments(limit, clock, 3) == [102, 102.25, 102.5]


def test_a_back_off_applies_to_threads_that_wait_already(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    clock.while_waiting.append(lambda: limit.back_off(2))
    assert moments(limit, clock, 2) == [102.25, 102.5]


def test_without_a_rate_limit_only_back_off_waits(clock: Clock) -> None:
    limit = RateLimit(None)
    assert moments(limit, clock, 3) == [100, 100, 100]
    limit.back_off(2)
    assert moments(limit, clock, 2) == [102, 102]


def test_a_cancelled_batch_does_not_wait_and_uses_up_no_moment(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.wait(clock)  # type: ignore[arg-type]
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(throttle.Cancelled):
        limit.wait(cancelled)
    assert moments(limit, clock, 1) == [100.25]


def test_a_wait_of_an_hour_is_the_longest(clock: Clock) -> None:
    limit = RateLimit(4)
    limit.back_off(throttle.LONGEST_WAIT)
    assert moments(limit, clock, 1) == [3700]
    limit.back_off(throttle.LONGEST_WAIT + 1)
    with pytest.raises(throttle.WaitTooLong, match=r"wait 3,601 s"):
        limit.wait(clock)  # type: ignore[arg-type]
    clock.now += 1
    assert moments(limit, clock, 1) == [7301]


def test_a_slow_rate_limit_of_its_own_is_no_wait_that_the_server_asks_for(clock: Clock) -> None:
    clock.now = 10_000
    assert moments(RateLimit(1 / 7200), clock, 2) == [10_000, 17_200]
