"""Progress: a bar in a terminal or a notebook, nothing in a pipe or a log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS_WITHOUT_BAR: Final = 1


class _Silent:
    """A bar that shows nothing; tqdm's own disabled bar would still start a thread."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Ignore the number of items done."""

    def set_postfix_str(self, s: str, *, refresh: bool) -> None:
        """Ignore the text."""


def progress(total: int | None, unit: str, **options: Any) -> tqdm[NoReturn] | _Silent:  # noqa: ANN401 - tqdm's own
    """Return a bar that appears once the work has taken a second."""
    if not (_in_notebook() or _in_terminal()):
        return _Silent()
    from tqdm.auto import tqdm  # noqa: PLC0415 - in a notebook it loads ipywidgets

    class Bar(tqdm):  # type: ignore[type-arg]
        """A bar without a thread that watches it: it is refreshed often enough, and some systems have no threads."""

        monitor_interval = 0

    return Bar(total=total, unit=unit, delay=_SECONDS_WITHOUT_BAR, **options)


def _in_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # a program without a console has no stderr, or a closed one
        return False


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
