"""A progress bar where a person looks, in a terminal or a notebook; silent in a pipe and in a log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

if TYPE_CHECKING:
    from tqdm import tqdm


_SECONDS_BEFORE: Final = 1  # work that takes less needs no bar


class _Silent:
    """Stands in for a bar that nobody sees; tqdm's own would start a thread all the same."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Pass over what was done."""

    def set_postfix_str(self, s: str, *, refresh: bool) -> None:
        """Pass over what is told."""


def progress(total: int | None, unit: str, **options: Any) -> tqdm[NoReturn] | _Silent:  # noqa: ANN401 - tqdm's
    """Return a bar that appears once the work has taken a second."""
    if not (_in_notebook() or _in_terminal()):
        return _Silent()
    from tqdm.auto import tqdm  # noqa: PLC0415 - in a notebook it loads ipywidgets

    return tqdm(total=total, unit=unit, delay=_SECONDS_BEFORE, **options)


def _in_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):  # a program without a console has none, or a closed one
        return False


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
