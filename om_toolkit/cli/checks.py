"""Checks that are made before the first request, since fetching is slow: what cannot work is a `UsageError`."""

from argparse import Namespace
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
    _check_writable(path.parent, path.name, output)
    return path


def check_outputs(options: Namespace, *outputs: str) -> None:
    """Check that files can be written, and that none of them is read as well.

    Raises:
        OSError: If one cannot be written.
        ValueError: If one is a URI or an input of the command.
    """
    inputs = [options.archive, options.orders, *(options.answers or ())]
    read = {Path(name).resolve() for name in inputs if name and name != STDIN}
    for output in filter(None, outputs):
        if check_output(output).resolve() in read:
            raise ValueError(f"{output} is an input of this command; choose another file to write")


def check_folder(output: Path) -> None:
    """Check that a local folder can be written, or created.

    Raises:
        OSError: If it or a folder above it is a file, or cannot be written.
    """
    existing = next(path for path in (output, *output.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise NotADirectoryError(f"cannot write {output}: {existing} is a file; use the name of a folder")
    _check_writable(existing, output.name, str(output))


def _check_writable(folder: Path, name: str, output: str) -> None:
    try:
        with NamedTemporaryFile(prefix=f".{name}.", suffix="-" * 9, dir=folder):
            pass  # the file that replaces the output is created in the same way, with a name of the same length
    except OSError as error:
        raise OSError(f"cannot write {output}: {error.strerror}; choose another folder or name") from None


def check_input(name: str, advice: str = "check the path") -> Path:
    """Return the path of a file that exists.

    Raises:
        OSError: If it does not exist or is a folder.
    """
    path = check_exists(name, advice)
    if path.is_dir():
        raise IsADirectoryError(f"{name} is a folder; pass a file")
    return path


def check_exists(name: str, advice: str = "check the path") -> Path:
    """Return the path of a file or folder that exists, or of a link.

    Raises:
        FileNotFoundError: If it does not exist.
    """
    path = Path(name)
    if not (path.exists() or path.is_symlink()):
        raise FileNotFoundError(f"{name} does not exist; {advice}")
    return path
