"""A progress bar where a person looks, in a terminal or a notebook; silent in a pipe and in a log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from tqdm import tqdm


_SECONDS_BEFORE: Final = 1  # work that takes less needs no bar


def progress(total: int | None, unit: str, **options: Any) -> tqdm[NoReturn]:  # noqa: ANN401 - tqdm's
    """Return a bar that appears once the work has taken a second."""
    from tqdm.auto import tqdm  # noqa: PLC0415 - in a notebook it loads ipywidgets

    is_seen = _in_notebook() or sys.stderr.isatty()
    return tqdm(total=total, unit=unit, delay=_SECONDS_BEFORE, disable=not is_seen, **options)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
