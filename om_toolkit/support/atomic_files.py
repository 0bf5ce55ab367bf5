"""Atomic writes: a file is replaced as a whole or not at all, even by several writers at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final

OWN: Final = 0o600
"""The mode of a file that only its owner may read, on systems with modes."""

USUAL: Final = 0o666
"""The mode of any other file, before the user's umask."""


@contextmanager
def replacing(path: Path, mode: int = USUAL) -> Iterator[Path]:
    """Yield a new file in the folder of a path; it replaces the path if the block succeeds, else it is removed."""
    unfinished = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        unfinished.touch(mode, exist_ok=False)
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
