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


_MANY: Final = 50_000  # new objects, some thousand orders: fewer are walked in a few milliseconds


_lock = threading.Lock()


_pauses: set[object] = set()


_was_enabled = False


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector for the length of a `with` block; blocks may nest and overlap."""
    global _was_enabled  # noqa: PLW0603 - the collector is the process's, so is its pause
    pause = object()
    try:  # first of all: Ctrl-C may come between any two steps
        with _lock:
            if not _pauses:
                _was_enabled = gc.isenabled()
            _pauses.add(pause)
            gc.disable()
        yield
    finally:
        with _lock:
            _pauses.discard(pause)
            if not _pauses and _was_enabled:
                try:
                    _spare_the_young()
                finally:
                    gc.enable()


def _spare_the_young() -> None:
    """Move all new objects to the oldest generation, unseen: enabled with so many young ones, the collector would walk.

    Frozen and thawed again, objects land there at the cost of joining two lists. Only where they are many: garbage of
    others among them is not looked for either, and the count towards the next walk begins anew. Where somebody has
    frozen objects of their own, these stay frozen, and the walk is paid.
    """
    if gc.get_count()[0] > _MANY and gc.get_freeze_count() < _FROZEN_BY_SOMEBODY:
        try:
            gc.freeze()
        finally:
            gc.unfreeze()
