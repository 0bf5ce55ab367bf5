"""A pause of the cyclic garbage collector while a batch of objects is made.

Every few hundred new objects the collector walks the youngest, and from time to time all objects. Validated orders
have no cycles and are all kept, so these walks find nothing, and for 20 000 orders they take longer than the
validation. The collector belongs to the process, so pauses are counted: collection resumes when the last one ends, in
any thread and also after an exception. A collector that was disabled before stays disabled.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MOST_FROZEN_BY_PYTHON: Final = 1_000
"""Frozen objects: Python 3.12 freezes a few hundred of its own; a program that freezes objects freezes far more."""

_MANY_NEW: Final = 50_000
"""New objects, of some thousand orders: fewer are walked in a few milliseconds."""

_lock = threading.Lock()
_pauses: set[object] = set()
_was_enabled = False


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector during a `with` block; blocks may nest and overlap."""
    global _was_enabled  # noqa: PLW0603 - the collector is global, and so is its pause
    pause = object()
    try:  # begins here, because Ctrl-C may come between any two steps
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
                    _age_new_objects()
                finally:
                    gc.enable()


def _age_new_objects() -> None:
    """Move new objects to the oldest generation, which costs no walk: to freeze and unfreeze only joins lists.

    Otherwise the collector would walk all new objects as soon as it is enabled. Few objects are not moved, because
    garbage among them would then be found late. If the program has frozen objects, nothing is moved: they stay frozen.
    """
    if gc.get_count()[0] > _MANY_NEW and gc.get_freeze_count() < _MOST_FROZEN_BY_PYTHON:
        try:
            gc.freeze()
        finally:
            gc.unfreeze()
