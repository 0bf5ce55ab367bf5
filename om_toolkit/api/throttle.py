"""TODO."""

from __future__ import annotations

import threading
import time


class Over(Exception):
    """The batch has been ended: nothing more is asked for."""


class Pace:
    """Spreads the requests of all threads evenly: one every `1 / requests_per_second` seconds."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def wait(self, over: threading.Event) -> float:
        """Wait for the next free place; return the seconds that it took.

        Raises:
            Over: If there is nothing more to wait for.
        """
        asked = time.monotonic()
        with self._turn:  # one thread waits for the place, the others for their turn
            while (seconds := self._next - time.monotonic()) > 0 and not over.wait(seconds):
                pass
            if over.is_set():
                raise Over
            now = time.monotonic()
            with self._lock:
                # Who wakes a little late does not slow the pace; but no place is saved up, under a closed lid neither.
                is_in_time = now - self._next < self._interval / 2
                self._next = (self._next if is_in_time else now) + self._interval
        return now - asked

    def hold(self, seconds: float) -> None:
        """Give out no place for a while: what the server asks for is for the whole client."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
