"""The rate limit: threads wait here before each request, and longer when the server asks them to."""

import threading
import time


class Cancelled(BaseException):
    """The batch was cancelled: no further request is sent."""


class RateLimit:
    """Spreads the requests of all threads evenly: one every `1 / requests_per_second` seconds; None sets no limit."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def wait(self, cancelled: threading.Event) -> float:
        """Wait until the next request may be sent; return the seconds this took.

        Raises:
            Cancelled: If the event is set by then.
        """
        started = time.monotonic()
        with self._turn:  # one thread waits for the moment, the others for their turn
            while (seconds := self._next - time.monotonic()) > 0 and not cancelled.wait(seconds):
                pass
            if cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            with self._lock:
                # A thread that wakes a little late does not slow the others down. Unused moments are not saved up,
                # not even while the computer sleeps.
                is_in_time = now - self._next < self._interval / 2
                self._next = (self._next if is_in_time else now) + self._interval
        return now - started

    def back_off(self, seconds: float) -> None:
        """Let no thread send a request for some seconds."""
        if seconds <= 0:
            return
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
