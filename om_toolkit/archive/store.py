"""The SQLite file of an archive: documents in, as compressed snapshots; snapshots out.

Every read goes through all rows, checks each and their totals, and uses no index: an index may lead to other rows
when it is damaged, and to none where some are missing.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from om_toolkit.archive.damage import refuse_single_byte, translated_errors
from om_toolkit.archive.database import Connection, Files, connect, identity, mark, restrict, size_of, totals_of
from om_toolkit.archive.log import check_files
from om_toolkit.archive.rows import MASK, Damage, PackedDocument, Row, Sealer, in_sequence, pack, unpack, unpacked
from om_toolkit.archive.schema import INSERT_ROW, prepare
from om_toolkit.errors import ArchiveError
from om_toolkit.support.atomic_files import OWN

SELECT_ROWS: Final = """
    SELECT order_key, number, first_seen, last_seen, is_open, checksum, digest, body FROM snapshots NOT INDEXED
    ORDER BY rowid
"""

SELECT_NEWEST: Final = """
    SELECT order_key, number, first_seen, last_seen, is_open, checksum, digest, body FROM snapshots
    WHERE order_key = ? ORDER BY number DESC LIMIT 1
"""

# One statement is one transaction and one turn of the interpreter lock, so concurrent writers cannot interleave. Each
# of these changes nothing if another writer was faster.
INSERT_FIRST: Final = f"{INSERT_ROW} ON CONFLICT DO NOTHING"

INSERT_NEXT: Final = """
    INSERT INTO snapshots SELECT ?, ?, ?, ?, ?, ?, ?, ?
    WHERE EXISTS (SELECT 1 FROM snapshots WHERE order_key = ? AND number = ? AND checksum = ?)
    ON CONFLICT DO NOTHING
"""

SEE_AGAIN: Final = """
    UPDATE snapshots SET last_seen = ?, checksum = ? WHERE order_key = ? AND number = ? AND checksum = ?
    AND NOT EXISTS (SELECT 1 FROM snapshots AS newer WHERE order_key = ? AND number = ?)
"""

# SQLite takes the last transaction in the log for an unfinished one if it is damaged, and ignores it. This one changes
# nothing, so each snapshot is followed by another transaction and its loss is noticed.
SEAL: Final = "UPDATE totals SET writes = writes + 1"

_FOREVER: Final = 2**63 - 1
_ADDS_PER_MARK: Final = 200  # about as many as SQLite would have before it copies the log to the main file
_MOST_RACES: Final = 1_000


class Counts(NamedTuple):
    """How many orders and snapshots there are, and when they were first and last seen; None without a known time."""

    orders: int
    snapshots: int
    first_seen: int | None
    last_seen: int | None


class Store:
    """The snapshots in one file.

    Each reader opens a connection of its own. Writers take one from a pool: a shared connection would make a thread
    wait for the others while it has the interpreter lock.

    Args:
        path: The file, absolute; it is created if it does not exist.
        personal: Whether it contains personal data; None accepts both, and creates a file without.
    """

    def __init__(self, path: Path, *, personal: bool | None) -> None:
        self.path = path
        self.is_closed = False
        self._process = os.getpid()
        self._idle_writers: list[Connection] = []
        self._marking = threading.Lock()
        self._adds_until_mark = 0
        self._is_checked = False
        with translated_errors(path):
            refuse_single_byte(path)
            check_files(path)
            if personal:
                with suppress(OSError):  # the file exists, or SQLite reports the problem
                    path.touch(OWN, exist_ok=False)
            with closing(connect(path, "rwc")) as connection:
                self.settings = prepare(connection, path, personal=personal)
                if self.settings.personal:
                    restrict(path)
                self._main_file, _ = identity(path)
                self._main_size = size_of(path)
        self._sealer = Sealer(self.settings.archive_id)

    def pack(self, document: bytes) -> PackedDocument:
        """Return a document as `add` stores it."""
        return pack(document, self.settings.dictionary)

    def unpack(self, body: bytes) -> bytes:
        """Return the document of a snapshot.

        Raises:
            ArchiveError: If it is corrupt.
        """
        with translated_errors(self.path):
            return unpack(body, self.settings.dictionary)

    def add(self, order_key: str, document: PackedDocument, at: int, *, is_open: bool) -> None:
        """Add a snapshot, or move the `last_seen` of the newest one if its document is the same."""
        first = self._sealer.sealed(Row(order_key, 0, at, at, int(is_open), 0, *document))
        with self.writing() as writer:
            self._keep_marked(writer)
            is_added = any(self._try_to_add(writer, first) for _ in range(_MOST_RACES))
            if not is_added:
                raise Damage("an index contradicts its table")
            writer.execute(SEAL)
            self._check_files(writer)

    def newest(self, order_keys: Iterable[str] | None, until: int | None) -> list[Row]:
        """Return the newest snapshot of each order, or of these orders, first seen up to an instant; by key."""
        limit = _FOREVER if until is None else until
        wanted = None if order_keys is None else {*order_keys}
        with self.reading() as reader:
            found = {
                row.order_key: row
                for row in self._rows(reader)
                if row.first_seen <= limit and (wanted is None or row.order_key in wanted)
            }
        return [found[key] for key in sorted(found)]

    def open_states(self) -> dict[str, bool]:
        """Return whether each order can still change, by key."""
        with self.reading() as reader:
            return {row.order_key: bool(row.is_open) for row in self._rows(reader)}

    def changed(self, since: int | None) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Yield each pair of consecutive snapshots of an order whose second was first seen after an instant; by time.

        A pair is when the first was last seen, when the second was first seen, and their documents.
        """
        earlier: dict[str, Row] = {}
        pairs = []
        with self.reading() as reader:
            for row in self._rows(reader):
                if row.number and row.first_seen > (-1 if since is None else since):
                    pairs.append((earlier[row.order_key], row))
                earlier[row.order_key] = row
        for before, after in sorted(pairs, key=lambda pair: (pair[1].first_seen, pair[1].order_key, pair[1].number)):
            yield before.last_seen, after.first_seen, self.unpack(before.body), self.unpack(after.body)

    def counts(self) -> Counts:
        """Return how many orders and snapshots there are, and when they were first and last seen."""
        with self.reading() as reader:
            rows = list(self._rows(reader))
        first_seen = min((row.first_seen for row in rows if row.first_seen), default=None)
        orders = sum(row.number == 0 for row in rows)
        return Counts(orders, len(rows), first_seen, max((row.last_seen for row in rows), default=None))

    def verify(self) -> int:
        """Check everything and return the number of orders."""
        with self.reading() as reader:
            _check_pages(reader)
            orders = 0
            for row in self._rows(reader):
                unpacked(row, self.settings.dictionary)
                orders += row.number == 0
        return orders

    def close(self) -> None:
        """Close the connections for writing; those in use close when they are returned to the pool."""
        self.is_closed = True
        with suppress(IndexError):  # another thread may take the last one
            while self._process == os.getpid():
                self._idle_writers.pop().close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection for one reader, which sees the file as it is at its first statement."""
        with self._usable(), closing(self._connect()) as reader:
            reader.execute("BEGIN")
            yield reader

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Take a connection from the pool, and return it at the end."""
        with self._usable():
            try:
                writer = self._idle_writers.pop()
            except IndexError:
                writer = self._connect()
            try:
                yield writer
            finally:
                self._idle_writers.append(writer)
                if self.is_closed:
                    self.close()

    def _connect(self) -> Connection:
        """Open the file that was opened first, and its log."""
        self._check_main_file(identity(self.path))
        connection = connect(self.path, "rw")
        try:
            totals_of(connection)  # SQLite opens the log with the first statement
            connection.files = identity(self.path)
            self._check_main_file(connection.files)
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_main_file(self, files: Files) -> None:
        """Check that the path still names the file that was opened first.

        Raises:
            ArchiveError: If it was moved, replaced or deleted.
        """
        if files[0] != self._main_file:
            raise ArchiveError(
                f"{self.path} was moved, replaced or deleted while it was in use, and the order is not stored; "
                f"move it back, with {self.path.name}-wal if that exists, and open it again with om.Archive"
            )

    def _check_files(self, writer: Connection) -> None:
        """Check that the path still names the files that were written to, and that the main file has not shrunk.

        Raises:
            ArchiveError: If it does not, or has.
        """
        known, size = self._main_size, size_of(self.path)
        if identity(self.path) != writer.files:
            with suppress(sqlite3.Error):  # so that the main file, wherever it is, has everything by itself
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._check_main_file((None, None))
        if size < known:  # no row is ever deleted, so SQLite does not do that
            raise ArchiveError(
                f"{self.path} was truncated by another program while it was in use, and the order is not stored; "
                "restore a backup or run Archive.salvage()"
            )
        self._main_size = size

    def _rows(self, reader: Connection) -> Iterator[Row]:
        """Yield all snapshots in the order in which they were added; at the end, check that none is missing.

        Raises:
            Damage: If anything is not what was written.
        """
        totals = totals_of(reader)
        orders = snapshots = checksum = 0
        for row in in_sequence(self._sealer.checked(reader.execute(SELECT_ROWS))):
            orders += row.number == 0
            snapshots += 1
            checksum += row.checksum
            yield row
        if (self.settings.archive_id, orders, snapshots, checksum & MASK) != totals[:4]:
            raise Damage("the snapshots do not add up")

    def _keep_marked(self, writer: Connection) -> None:
        """Copy the log to the main file now and then; see `mark`. Before the first time, check the file."""
        with self._marking:
            if not self._adds_until_mark:
                if not self._is_checked:
                    _check_pages(writer)
                    self._is_checked = True
                mark(self.path, writer)
                self._adds_until_mark = _ADDS_PER_MARK
            self._adds_until_mark -= 1

    def _try_to_add(self, writer: Connection, first: Row) -> bool:
        """Add a snapshot unless another writer changes the order at the same time; return whether it is done."""
        if writer.execute(INSERT_FIRST, first).rowcount:
            return True
        found = writer.execute(SELECT_NEWEST, (first.order_key,)).fetchall()
        if not found:
            raise Damage("an index contradicts its table")
        (newest,) = self._sealer.checked(found)
        if newest.last_seen > first.last_seen:
            return True
        place = (newest.order_key, newest.number, newest.checksum)
        if newest.digest == first.digest:
            seen = self._sealer.sealed(newest._replace(last_seen=first.last_seen))
            change = (seen.last_seen, seen.checksum, *place, seen.order_key, seen.number + 1)
            return writer.execute(SEE_AGAIN, change).rowcount > 0
        following = self._sealer.sealed(first._replace(number=newest.number + 1))
        return writer.execute(INSERT_NEXT, (*following, *place)).rowcount > 0

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Check that the store can be used in this process, and translate errors."""
        if self._process != os.getpid():
            raise ArchiveError(f"{self.path} was opened before this process was forked; open it again in this process")
        if self.is_closed:
            raise ArchiveError(f"{self.path} was closed; open it again with om.Archive")
        with translated_errors(self.path):
            yield


def _check_pages(connection: Connection) -> None:
    """Check that all pages are used once, and that the index has all rows.

    Raises:
        Damage: If not.
    """
    if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise Damage("its pages contradict each other")
