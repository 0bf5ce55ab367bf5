"""Files: whole or not at all, whoever writes the same one at the same time."""

from __future__ import annotations

from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


OWN: Final = 0o600
"""The mode of a file that only its owner may read, where the system knows modes."""


USUAL: Final = 0o666
"""The mode of any other file, less what the user's umask takes."""


@contextmanager
def replacing(path: Path, mode: int = USUAL) -> Iterator[Path]:
    """Give a new file beside a path, which takes its place when the block ends well, and else is removed."""
    unfinished = path.with_name(f".{path.name}.{token_hex(8)}")
    try:
        unfinished.touch(mode, exist_ok=False)
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
