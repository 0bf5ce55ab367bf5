"""The bar of a batch: results in; a progress bar with the number of failures, and what is waited for, out."""

from typing import Final, Protocol

from om_toolkit.api.throttle import RateLimit
from om_toolkit.errors import Failure

_SHORTEST_SHOWN: Final = 1.5  # seconds of a wait


class Bar(Protocol):
    """What is used of a tqdm bar."""

    def update(self) -> object:
        """Count one more."""

    def set_postfix_str(self, s: str, *, refresh: bool) -> None:
        """Set the text behind the bar."""


class BatchBar:
    """A progress bar with a text behind it: how many orders failed, and how long the server asks to wait."""

    def __init__(self, bar: Bar, rate_limit: RateLimit) -> None:
        self._bar = bar
        self._rate_limit = rate_limit
        self._failed = 0
        self._shown = ""

    def count(self, result: object) -> None:
        """Count the result of an order."""
        if isinstance(result, Failure):
            self._failed += 1
            self._show(refresh=False)
        self._bar.update()

    def refresh(self) -> None:
        """Show the seconds of a wait that remain, also while no order arrives."""
        self._show(refresh=True)

    def _show(self, *, refresh: bool) -> None:
        texts = [f"{self._failed:,} failed"] if self._failed else []
        if (seconds := self._rate_limit.back_off_remaining) > _SHORTEST_SHOWN:
            texts.append(f"waiting {seconds:,.0f} s for the server")
        if (text := ", ".join(texts)) != self._shown:
            self._bar.set_postfix_str(text, refresh=refresh)
            self._shown = text
