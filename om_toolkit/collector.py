"""The cyclic garbage collector, paused while a batch of objects is made.

Every few hundred new objects the collector walks the young ones, and now and then all there are. Validated orders
make no cycles and are all kept, so these walks find nothing, and on 20 000 orders they take longer than the validation
itself. The pause is for the whole process, hence counted: it ends with the last batch, whatever thread that is in and
however it ends, and leaves the collector as it was found.
"""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FROZEN_BY_SOMEBODY: Final = 1_000  # objects: Python 3.12 freezes a few hundred of its own, a program all it has

_lock = threading.Lock()
_pauses = 0
_was_enabled = False


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector for the length of a `with` block; blocks may nest and overlap."""
    global _pauses, _was_enabled  # noqa: PLW0603 - the collector is the process's, so is its pause
    with _lock:
        if _pauses == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if _pauses == 0 and _was_enabled:
                _spare_the_young()
                gc.enable()


def _spare_the_young() -> None:
    """Move all new objects to the oldest generation, unseen: enabled with so many young ones, the collector would walk.

    Frozen and thawed again, objects land there at the cost of joining two lists. Where somebody has frozen objects of
    their own, these stay frozen, and the walk is paid.
    """
    if gc.get_freeze_count() < _FROZEN_BY_SOMEBODY:
        gc.freeze()
        gc.unfreeze()
