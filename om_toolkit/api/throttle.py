"""The rate limit: threads wait here before each request, and longer when the server asks them to."""

import threading
import time
from typing import Final

LONGEST_WAIT: Final = 3600.0
"""Seconds that a server may ask to wait; if it asks for more, nothing is requested until then."""


class Cancelled(BaseException):
    """The batch was cancelled: no further request is sent."""


class WaitTooLong(Exception):
    """The server asked for a longer wait than a client makes; the text says for how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the server asks to wait {seconds:,.0f} s, but a client waits {LONGEST_WAIT:,.0f} s at most; "
            "fetch again after that time"
        )


class RateLimit:
    """Spreads the requests of all threads evenly: one every `1 / requests_per_second` seconds; None sets no limit."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._end_of_back_off = 0.0
        self._turn = threading.Lock()
        self._lock = threading.Lock()

    def wait(self, cancelled: threading.Event) -> float:
        """Wait until the next request may be sent; return the seconds this took.

        Raises:
            Cancelled: If the event is set by then.
            WaitTooLong: If the server asked for more than `LONGEST_WAIT`.
        """
        started = time.monotonic()
        with self._turn:  # one thread waits for the moment, the others for their turn
            while (seconds := self._next - time.monotonic()) > 0 and not cancelled.is_set():
                if (asked := self.back_off_remaining) > LONGEST_WAIT:
                    raise WaitTooLong(asked)
                cancelled.wait(seconds)
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
            self._end_of_back_off = max(self._end_of_back_off, time.monotonic() + seconds)
            self._next = max(self._next, self._end_of_back_off)

    @property
    def back_off_remaining(self) -> float:
        """Return the seconds until the end of a back-off; 0 if there is none."""
        return max(0.0, self._end_of_back_off - time.monotonic())
