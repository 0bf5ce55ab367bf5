"""Checks that are made before the first request, since fetching is slow: what cannot work is a `UsageError`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from om_toolkit.errors import OMError
from om_toolkit.support.atomic_files import local_path

STDIN: Final = "-"
"""The name of a file that means standard input."""


class UsageError(Exception):
    """Arguments, files or settings that cannot work; nothing was requested."""


@contextmanager
def before_requests() -> Iterator[None]:
    """Turn the errors of the checks in the block into a `UsageError`."""
    try:
        yield
    except (OMError, OSError, ValueError, OverflowError) as error:
        raise UsageError(str(error)) from error


def check_output(output: str) -> Path:
    """Return the path of a file that can be written.

    Raises:
        OSError: If it is a folder or a device, its folder does not exist, or no file can be created there.
        ValueError: If it is a URI.
    """
    path = local_path(output)
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {output}: it is a folder; add the name of a file")
    if path.exists() and not path.is_file():
        raise OSError(f"cannot write {output}: it is a device; use the name of a file")
    if not path.parent.is_dir():
        raise NotADirectoryError(f"cannot write {output}: the folder {path.parent} does not exist; create it first")
    try:
        with NamedTemporaryFile(prefix=f".{path.name}.", suffix="-" * 9, dir=path.parent):
            pass  # the file that replaces the output is created in the same way, with a name of the same length
    except OSError as error:
        raise OSError(f"cannot write {output}: {error.strerror}; choose another folder or name") from None
    return path


def check_input(name: str, advice: str) -> Path:
    """Return the path of a file that exists.

    Raises:
        OSError: If it does not exist or is a folder.
    """
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder; pass a file")
    if not path.exists():
        raise FileNotFoundError(f"{name} does not exist; {advice}")
    return path
