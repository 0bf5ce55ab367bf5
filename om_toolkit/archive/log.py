"""The write-ahead log of an archive: its bytes in; its pages, and whether a part of it was lost, out.

The format is that of https://sqlite.org/fileformat2.html#the_write_ahead_log. SQLite ignores a log from the first
frame on that is not valid, because a writer may have been killed in the middle of it. That frame is the last one of
its series then; if others follow, it was damaged later.
"""

import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from om_toolkit.archive.database import Totals, log_of, totals_in
from om_toolkit.archive.rows import Damage
from om_toolkit.errors import ArchiveError

PAGE: Final = 4_096
"""The size of a page of an archive."""

_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_MAGIC: Final = 0x377F0682  # the last bit says that the words that are summed up are big-endian
_LOG_WAITS: Final = (0.005, 0.02, 0.1)  # seconds: another process may write while the files are compared


class Frame(NamedTuple):
    """A page in the log.

    Attributes:
        page: Its number in the main file, from 1.
        image: Its content.
        is_current: Whether it belongs to the series that the log's header begins; an older one may follow.
        is_valid: Whether it and all before it are as they were written.
    """

    page: int
    image: bytes
    is_current: bool
    is_valid: bool


def frames(log: bytes) -> Iterator[Frame]:
    """Yield the frames of a log.

    Raises:
        Damage: If its header is not valid.
    """
    if len(log) < _HEADER:
        raise Damage("the header of the log is incomplete")
    (magic,) = struct.unpack(">I", log[:4])
    words = "<II" if magic == _MAGIC else ">II"
    state = _summed(words, log[: _HEADER - 8], (0, 0))
    if magic & ~1 != _MAGIC or state != struct.unpack(">II", log[_HEADER - 8 : _HEADER]):
        raise Damage("the header of the log is not valid")
    salts, is_valid = log[16:24], True
    for start in range(_HEADER, len(log) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE):
        header = log[start : start + _FRAME_HEADER]
        image = log[start + _FRAME_HEADER : start + _FRAME_HEADER + PAGE]
        is_current = header[8:16] == salts
        if is_valid and is_current:
            state = _summed(words, header[:8] + image, state)
            is_valid = state == struct.unpack(">II", header[16:])
        yield Frame(int.from_bytes(header[:4], "big"), image, is_current, is_valid and is_current)


def _summed(words: str, data: bytes, state: tuple[int, int]) -> tuple[int, int]:
    """Return the checksum of a log after some more data."""
    one, other = state
    for first, second in struct.iter_unpack(words, data):
        one = (one + first + other) & 0xFFFFFFFF
        other = (other + second + one) & 0xFFFFFFFF
    return one, other


def check_log(log: bytes) -> None:
    """Check that SQLite reads the whole log.

    Raises:
        Damage: If not: it was damaged, or truncated elsewhere than at the end of a frame.
    """
    lost = False
    for frame in frames(log):
        if lost and frame.is_current:
            raise Damage("the log is damaged")
        lost = lost or not frame.is_valid
    rest = (len(log) - _HEADER) % (_FRAME_HEADER + PAGE)
    # A writer that is killed leaves a whole frame, its header, or what the system writes in one go.
    if rest not in (0, _FRAME_HEADER) and len(log) % PAGE:
        raise Damage("the log is truncated")


def check_files(path: Path) -> None:
    """Check that a main file and its log belong together, before SQLite opens them and brings the one into the other.

    Raises:
        ArchiveError: If one of them is missing or belongs to another archive.
        Damage: If the log is damaged.
        sqlite3.Error: If the main file cannot be read.
    """
    for wait in _LOG_WAITS:
        try:
            return _check_files(path)
        except Exception:  # noqa: BLE001 - it is raised below if it is still there
            time.sleep(wait)
    return _check_files(path)


def _check_files(path: Path) -> None:
    log_path = log_of(path)
    log = log_path.read_bytes() if log_path.is_file() else b""
    if log:
        check_log(log)
    if not path.is_file() or not path.stat().st_size:
        if log:
            raise ArchiveError(f"{log_path} is without {path.name}; move that back, or move the log to its new place")
        return
    try:
        main = totals_in(path, "ro&immutable=1")
    except sqlite3.DatabaseError:
        if log:
            return  # the main file cannot be read alone if a part of the log was copied to it
        raise
    if main is not None:
        _compare(path, main, is_logged=bool(log))


def _compare(path: Path, main: Totals, *, is_logged: bool) -> None:
    """Check that the log of a main file with these totals is there if it is needed, and goes on from them.

    Raises:
        ArchiveError: If it does not.
    """
    log_path = log_of(path)
    if not is_logged and main.behind:
        raise ArchiveError(
            f"{log_path} is missing, with orders that {path.name} lacks; move it back, or copy the others with "
            f"om.Archive.salvage({str(path)!r}, to)"
        )
    if is_logged:
        both = None
        with suppress(sqlite3.DatabaseError, Damage):
            both = totals_in(path, "ro")
        if both is None or both.archive != main.archive or both.writes < main.writes:
            raise ArchiveError(f"{log_path} does not belong to {path.name}; move it away, or the one that does back")
