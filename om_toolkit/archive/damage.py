"""Damage to an archive: errors of SQLite in, an `ArchiveError` that says what is intact, and a salvaged copy, out."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from om_toolkit.archive.database import BUSY_SECONDS, connect
from om_toolkit.archive.recover import Recovered, recover
from om_toolkit.archive.rows import Damage, Row, Sealer
from om_toolkit.archive.schema import create
from om_toolkit.errors import ArchiveError
from om_toolkit.support.atomic_files import OWN, USUAL, replacing
from om_toolkit.support.text import count_of


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Raise what damage and SQLite can raise as `ArchiveError`, with the file and what to do."""
    try:
        yield
    except (Damage, sqlite3.Error, zlib.error, UnicodeError, OverflowError, MemoryError) as error:
        # An error of the module itself, such as text that is not UTF-8, has no code.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_TOOBIG):
            raise ArchiveError(f"{path}: {_extent(path)}") from None
        raise ArchiveError(f"{path}: {_PROBLEMS.get(code, f'SQLite reports: {error}')}") from None


_PROBLEMS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; stored orders are kept. Free some space and try again",
    sqlite3.SQLITE_IOERR: "the system refused to read or write; stored orders are kept. Check the disk and its quota",
    sqlite3.SQLITE_READONLY: "the file or its folder is not writable; change that, or copy the archive elsewhere",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that its folder exists and is writable",
    sqlite3.SQLITE_NOTADB: "the file is not an archive and was not changed; use another path",
    sqlite3.SQLITE_BUSY: f"another process kept the archive locked for {BUSY_SECONDS:.0f} s; end it and try again",
}


def _extent(path: Path) -> str:
    """Say how much of a corrupt archive is intact, and what to do."""
    with suppress(ArchiveError):
        if (found := _try_to_recover(path)) is not None:
            intact, total = found.intact_orders(), found.total
            orders = count_of(intact, "order")
            if total is not None:
                orders = f"{intact:,} of {count_of(max(intact, total), 'order')}"
            return (
                f"the archive is corrupt (perhaps truncated) and was not changed: {orders} "
                f"{'is' if intact == 1 else 'are'} intact; restore a backup or run "
                f"om.Archive.salvage({str(path)!r}, to)"
            )
    return "the archive is corrupt (perhaps truncated) and was not changed: no order can be read; restore a backup"


def _try_to_recover(path: Path) -> Recovered | None:
    try:
        return recover(path)
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from None


def refuse_single_byte(path: Path) -> None:
    """Refuse the one size that SQLite mistakes for an empty file and overwrites.

    The check does not open the file: on POSIX, closing it would release all locks that this process has on it, those of
    another `Archive` included, and concurrent writers could then overwrite each other.
    """
    if path.exists() and path.stat().st_size == 1:
        raise ArchiveError(f"{path}: {_PROBLEMS[sqlite3.SQLITE_NOTADB]}")


def salvage(path: Path, to: Path) -> int:
    """Copy the intact snapshots of a damaged archive to a new one; return the number of its orders.

    Raises:
        ArchiveError: If there are none, or the new file exists or cannot be written.
    """
    if to.exists():
        raise ArchiveError(f"{to} exists; salvage to a new path")
    found = _try_to_recover(path)
    if found is None:
        raise ArchiveError(f"{path}: nothing in the file is an intact archive; restore a backup")
    mode = OWN if found.settings.personal else USUAL
    with translated_errors(to), replacing(to, mode) as unfinished, closing(connect(unfinished, "rwc")) as connection:
        connection.execute("PRAGMA page_size = 4096")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            create(connection, found.settings, _renumbered(found))
    return len({row.order_key for row in found.rows})


def _renumbered(found: Recovered) -> Iterator[Row]:
    """Yield snapshots that are numbered without gaps."""
    sealer = Sealer(found.settings.archive_id)
    key, number = "", 0
    for row in found.rows:
        key, number = row.order_key, number + 1 if row.order_key == key else 0
        yield sealer.sealed(row._replace(number=number))
