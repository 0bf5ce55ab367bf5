"""Connections to the SQLite file of an archive: a path in, connections and the identity of its files out."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from om_toolkit.archive.rows import Damage
from om_toolkit.support.application_id import APPLICATION_ID

BUSY_SECONDS: Final = 60.0
"""How long to wait for another process that writes."""

VERSION: Final = 3
"""The `user_version` of the files that this version writes."""

_TRIES: Final = 5

Files: TypeAlias = tuple[tuple[int, int] | None, tuple[int, int] | None]


class Connection(sqlite3.Connection):
    """A connection that knows the identity of the files it has open."""

    files: Files = (None, None)


class Totals(NamedTuple):
    """What the archive keeps to notice rows that are missing.

    Attributes:
        archive: The id of the archive.
        orders: The number of orders.
        snapshots: The number of snapshots.
        checksum: The sum of their checksums.
        writes: The number of transactions; it only grows.
        behind: In the main file, whether snapshots may have been added that are only in its log: not 0 if so.
    """

    archive: bytes
    orders: int
    snapshots: int
    checksum: int
    writes: int
    behind: int


SELECT_TOTALS: Final = "SELECT archive, orders, snapshots, checksum, writes, behind FROM totals"


def log_of(path: Path) -> Path:
    """Return the path of the write-ahead log, which has the rows that are not yet in the main file."""
    return path.with_name(f"{path.name}-wal")


def connect(path: Path, mode: str) -> Connection:
    """Open a file; each statement is a transaction of its own unless one is begun.

    SQLite copies the log to the main file only when this package asks for it (see `mark`), and when the last
    connection is closed.
    """
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=Connection,
    )
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> Files:
    """Return device and inode of a main file and of its log; None for a file that does not exist."""
    return _identity(path), _identity(log_of(path))


def size_of(path: Path) -> int:
    """Return the size of a file; 0 if it does not exist."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - as in `_identity`
    except OSError:
        return 0


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as fast, and called for each order
    except OSError:
        return None
    return status.st_dev, status.st_ino


def totals_of(connection: sqlite3.Connection) -> Totals:
    """Return the totals of an archive.

    Raises:
        Damage: If there are none.
    """
    rows = connection.execute(SELECT_TOTALS).fetchall()
    if len(rows) != 1:
        raise Damage("the totals are missing")
    return Totals(*rows[0])


def totals_in(path: Path, mode: str) -> Totals | None:
    """Return the totals of an archive that is opened for this only; None of another file or an older version.

    Args:
        path: The main file.
        mode: `ro` to see the log as well, `ro&immutable=1` for the main file alone. SQLite changes no file in these.
    """
    with closing(connect(path, mode)) as connection:
        (application,), (version,), (journal,) = (
            connection.execute(f"PRAGMA {name}").fetchone()
            for name in ("application_id", "user_version", "journal_mode")
        )
        if (application, version) != (APPLICATION_ID, VERSION):
            return None
        if mode == "ro" and journal != "wal":
            raise Damage("the header does not name the log")
        return totals_of(connection)


def mark(path: Path, writer: sqlite3.Connection) -> None:
    """Copy the log to the main file, and make the main file alone say that it is behind its log from now on.

    A main file that was separated from its log is recognised by this mark: `behind` is not 0. In the log, a later
    transaction sets it to 0 again. Copying the whole log, as when the last connection is closed, therefore removes the
    mark, and the main file is complete then.

    If other connections prevent it, the main file is without a mark until the next call. If the process is killed
    within the fraction of a millisecond in which the log has the mark too, and another program than this one copies the
    log, the mark remains, and the archive must be salvaged although it is complete.
    """
    writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
    with closing(connect(path, "rw")) as reader:
        for _ in range(_TRIES):
            _mark_once(writer, reader)
            with suppress(sqlite3.DatabaseError):  # the log was copied in part
                main = totals_in(path, "ro&immutable=1")
                if main is None or main.behind:
                    break


def _mark_once(writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
    """Copy a transaction that sets the mark, and add one that removes it.

    Without waiting for the disk, since a process that is killed in between leaves the mark in the log. That is safe
    because SQLite does not overwrite the log while the reader uses it, nor before the second transaction is copied.
    """
    reader.execute(SELECT_TOTALS).fetchall()
    try:
        writer.execute("UPDATE totals SET writes = writes + 1, behind = 1")
        reader.execute("BEGIN")
        reader.execute(SELECT_TOTALS).fetchall()
        writer.execute("PRAGMA synchronous = OFF")
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        writer.execute("UPDATE totals SET writes = writes + 1, behind = 0")
        writer.execute("PRAGMA synchronous = NORMAL")
        reader.rollback()


def restrict(path: Path) -> None:
    """Make the files of a personal archive readable by their owner only, if they are one's own."""
    for file in (path, log_of(path), path.with_name(f"{path.name}-shm")):
        with suppress(OSError):
            mode = file.stat().st_mode
            if mode & 0o077:
                file.chmod(mode & 0o700)
