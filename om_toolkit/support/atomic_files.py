"""Atomic writes: a file is replaced as a whole or not at all, even by several writers at the same time."""

import glob
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from secrets import token_hex
from typing import Final

if sys.platform != "win32":
    import fcntl

OWN: Final = 0o600
"""The mode of a file that only its owner may read, on systems with modes."""

USUAL: Final = 0o666
"""The mode of any other file, before the user's umask."""

_HEX_DIGITS: Final = 16  # in the name of an unfinished file

_URI: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):(?:/|$)")
"""The scheme of a URI; a drive of Windows has one letter, and pathlib makes one slash of two."""


def uri_scheme(path: str | PathLike[str]) -> str | None:
    """Return the scheme of a URI such as `s3://bucket/orders`, in lower case; None for a path.

    Example:
        >>> uri_scheme("S3://bucket/orders"), uri_scheme("orders"), uri_scheme("C:/orders")
        ('s3', None, None)
    """
    match = _URI.match(os.fspath(path))
    return match[1].lower() if match else None


def local_path(path: str | PathLike[str]) -> Path:
    """Return the path of a local file to write.

    Raises:
        ValueError: If it is a URI: a folder named `s3:` is not what was meant.
    """
    if uri_scheme(path):
        raise ValueError(f"{os.fspath(path)!r} is a URI, not a path of a local file; save a local file and upload it")
    return Path(path)


@contextmanager
def replacing(path: Path, mode: int = USUAL) -> Iterator[Path]:
    """Yield a new file in the folder of a path; it replaces the path if the block succeeds, else it is removed.

    Files that killed writers of the same path have left are removed as well.
    """
    with _new_file(path, mode) as unfinished:
        try:
            _sweep(path)
            yield unfinished
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def _new_file(path: Path, mode: int) -> Iterator[Path]:
    """Create a file beside a path; as long as it is locked, no other writer removes it."""
    while True:
        unfinished = path.with_name(f".{path.name}.{token_hex(_HEX_DIGITS // 2)}")
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode)
        try:
            if sys.platform == "win32":
                os.close(descriptor)  # an open file cannot be replaced there
            else:
                _flock(descriptor, fcntl.LOCK_EX)  # waits for a writer that is just removing it
            if unfinished.exists():  # no other writer has removed it before it was locked
                yield unfinished
                return
        finally:
            if sys.platform != "win32":
                os.close(descriptor)


def _flock(descriptor: int, operation: int) -> bool:
    """Lock an open file and return whether it is locked; some file systems have no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        return False
    return True


def _sweep(path: Path) -> None:
    """Remove the unfinished files of a path that no writer has locked."""
    if sys.platform == "win32":
        return
    for unfinished in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * _HEX_DIGITS}"):
        with suppress(OSError), unfinished.open("rb") as file:
            if _flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB):
                unfinished.unlink()
