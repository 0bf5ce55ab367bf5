"""The SQLite file of an archive: documents in, as compressed snapshots; snapshots out. All SQL is here."""

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from om_toolkit.errors import ArchiveError
from om_toolkit.support.application_id import APPLICATION_ID
from om_toolkit.support.atomic_files import OWN

MIGRATIONS: Final[tuple[str, ...]] = (
    "CREATE TABLE archive (personal INTEGER NOT NULL, dictionary BLOB NOT NULL)",
    """
    CREATE TABLE snapshots (
        order_key TEXT NOT NULL,      -- the id that was asked for, without regard to case
        number INTEGER NOT NULL,      -- of this order's snapshots, from 0
        first_seen INTEGER NOT NULL,  -- microseconds since 1970, UTC; 0 is an unknown time
        last_seen INTEGER NOT NULL,
        is_open INTEGER NOT NULL,     -- whether it can still change
        digest BLOB NOT NULL,         -- of the document before it was packed
        body BLOB NOT NULL,           -- the document in JSON, packed by zlib with the archive's dictionary
        PRIMARY KEY (order_key, number)
    )
    """,
)
"""The statements that make a file of this version; `user_version` counts those that a file has had."""

# One statement is one transaction and one turn of the interpreter lock, so concurrent writers cannot interleave. The
# number is the newest snapshot's if that has the same content, and then only its `last_seen` moves; else the next one.
ADD_SNAPSHOT: Final = """
    INSERT INTO snapshots (order_key, number, first_seen, last_seen, is_open, digest, body)
    SELECT :key, ifnull(newest.number + (newest.digest <> :digest), 0), :at, :at, :is_open, :digest, :body
    FROM (SELECT 1) LEFT JOIN (
        SELECT number, digest, last_seen FROM snapshots WHERE order_key = :key ORDER BY number DESC LIMIT 1
    ) AS newest
    WHERE newest.last_seen IS NULL OR newest.last_seen <= :at
    ON CONFLICT (order_key, number) DO UPDATE SET last_seen = excluded.last_seen
"""

SELECT_NEWEST: Final = """
    SELECT order_key, last_seen, is_open, body FROM snapshots AS one
    WHERE number = (SELECT max(number) FROM snapshots WHERE order_key = one.order_key AND first_seen <= :until)
"""

# With max(), SQLite takes the other columns from the row that has it.
SELECT_STATES: Final = "SELECT order_key, is_open, max(number) FROM snapshots GROUP BY order_key"

SELECT_CHANGED: Final = """
    SELECT before.last_seen, after.first_seen, before.body, after.body
    FROM snapshots AS after JOIN snapshots AS before
    ON before.order_key = after.order_key AND before.number = after.number - 1
    WHERE after.first_seen > :since ORDER BY after.first_seen, after.order_key
"""

SELECT_COUNTS: Final = """
    SELECT ifnull(sum(number = 0), 0), count(*), min(nullif(first_seen, 0)), max(last_seen) FROM snapshots
"""

_FOREVER: Final = 2**63 - 1

_BUSY_SECONDS: Final = 60.0  # how long to wait for another process that writes


class PackedDocument(NamedTuple):
    """A document as it is stored."""

    digest: bytes
    body: bytes


class Snapshot(NamedTuple):
    """An order as it was last seen before an instant; times are microseconds since 1970, 0 if unknown."""

    order_key: str
    last_seen: int
    is_open: int
    body: bytes


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
        self._idle_writers: list[sqlite3.Connection] = []
        with translated_errors(path):
            refuse_single_byte(path)
            if personal:
                with suppress(OSError):  # the file exists, or SQLite reports the problem
                    path.touch(OWN, exist_ok=False)
            with closing(connect(path, "rwc")) as connection:
                self.is_personal, self._dictionary = _create_or_migrate(connection, path, personal=personal)

    def pack(self, document: bytes) -> PackedDocument:
        """Return a document as `add` stores it."""
        packer = zlib.compressobj(zdict=self._dictionary)
        body = packer.compress(document) + packer.flush()
        return PackedDocument(blake2b(document, digest_size=8).digest(), body)

    def unpack(self, body: bytes) -> bytes:
        """Return the document of a snapshot.

        Raises:
            ArchiveError: If it is corrupt.
        """
        unpacker = zlib.decompressobj(zdict=self._dictionary)
        with translated_errors(self.path):
            document = unpacker.decompress(body)
            if not unpacker.eof:
                raise zlib.error("incomplete")
        return document

    def add(self, order_key: str, document: PackedDocument, at: int, *, is_open: bool) -> None:
        """Add a snapshot, or move the `last_seen` of the newest one if its document is the same."""
        values = {"key": order_key, "at": at, "is_open": is_open, **document._asdict()}
        with self.writing() as writer:
            writer.execute(ADD_SNAPSHOT, values)

    def newest(self, order_keys: Iterable[str] | None, until: int | None) -> list[Snapshot]:
        """Return the newest snapshot of each order, or of these orders, first seen up to an instant; by key."""
        among = "" if order_keys is None else "AND order_key IN (SELECT value FROM json_each(:keys))"
        values = {"until": _FOREVER if until is None else until, "keys": json.dumps(list(order_keys or ()))}
        with self.reading() as reader:
            rows = reader.execute(f"{SELECT_NEWEST} {among} ORDER BY order_key", values)
            return [Snapshot(*row) for row in rows]

    def open_states(self) -> dict[str, bool]:
        """Return whether each order can still change, by key."""
        with self.reading() as reader:
            return {key: bool(is_open) for key, is_open, _ in reader.execute(SELECT_STATES)}

    def changed(self, since: int | None) -> Iterator[tuple[int, int, bytes, bytes]]:
        """Yield each pair of consecutive snapshots of an order whose second was first seen after an instant; by time.

        A pair is when the first was last seen, when the second was first seen, and their documents.
        """
        with self.reading() as reader:
            for *times, before, after in reader.execute(SELECT_CHANGED, {"since": -1 if since is None else since}):
                yield *times, self.unpack(before), self.unpack(after)

    def counts(self) -> tuple[int, int, int | None, int | None]:
        """Return how many orders and snapshots there are, and when they were first and last seen."""
        with self.reading() as reader:
            orders, snapshots, first_seen, last_seen = reader.execute(SELECT_COUNTS).fetchone()
        return orders, snapshots, first_seen, last_seen

    def close(self) -> None:
        """Close the connections for writing; those in use close when they are returned to the pool."""
        self.is_closed = True
        with suppress(IndexError):  # another thread may take the last one
            while self._process == os.getpid():
                self._idle_writers.pop().close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open a connection for one reader; an abandoned result set then affects no other."""
        with self._usable(), closing(connect(self.path, "rw")) as reader:
            yield reader

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Take a connection from the pool, and return it at the end."""
        with self._usable():
            try:
                writer = self._idle_writers.pop()
            except IndexError:
                writer = connect(self.path, "rw")
            try:
                yield writer
            finally:
                self._idle_writers.append(writer)
                if self.is_closed:
                    self.close()

    @contextmanager
    def _usable(self) -> Iterator[None]:
        """Check that the store can be used in this process, and translate the errors of SQLite."""
        if self._process != os.getpid():
            raise ArchiveError(f"{self.path} was opened before this process was forked; open it again in this process")
        if self.is_closed:
            raise ArchiveError(f"{self.path} was closed; open it again with om.Archive")
        with translated_errors(self.path):
            yield


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file; each statement is a transaction of its own unless one is begun."""
    uri = f"{path.as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def preset_dictionary() -> bytes:
    """Return what masked documents have in common, to compress those of a new archive; the file keeps a copy."""
    return "".join(Path(__file__).with_name("typical_order.json").read_text("utf-8").split()).encode()


def refuse_single_byte(path: Path) -> None:
    """Refuse the one size that SQLite mistakes for an empty file and overwrites.

    The check does not open the file: on POSIX, closing it would release all locks that this process has on it, those of
    another `Archive` included, and concurrent writers could then overwrite each other.
    """
    if path.exists() and path.stat().st_size == 1:
        raise ArchiveError(f"{path}: {_PROBLEMS[sqlite3.SQLITE_NOTADB]}")


@contextmanager
def translated_errors(path: Path) -> Iterator[None]:
    """Raise errors of SQLite and zlib as `ArchiveError`, with the file and what to do."""
    try:
        yield
    except (sqlite3.Error, zlib.error) as error:
        code = sqlite3.SQLITE_CORRUPT if isinstance(error, zlib.error) else getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise ArchiveError(f"{path}: {_PROBLEMS.get(code, f'SQLite reports: {error}')}") from None


_PROBLEMS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; stored orders are kept. Free some space and try again",
    sqlite3.SQLITE_IOERR: "the system refused to read or write; stored orders are kept. Check the disk and its quota",
    sqlite3.SQLITE_READONLY: "the file or its folder is not writable; change that, or copy the archive elsewhere",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that its folder exists and is writable",
    sqlite3.SQLITE_NOTADB: "the file is not an archive and was not changed; use another path",
    sqlite3.SQLITE_CORRUPT: "the archive is corrupt (perhaps truncated) and was not changed; restore a backup",
    sqlite3.SQLITE_BUSY: f"another process kept the archive locked for {_BUSY_SECONDS:.0f} s; end it and try again",
}


def _create_or_migrate(connection: sqlite3.Connection, path: Path, *, personal: bool | None) -> tuple[bool, bytes]:
    """Create or migrate the file; return whether it contains personal data, and its dictionary."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _checked_version(connection, path)
        for statement in MIGRATIONS[version:]:
            connection.execute(statement)
        if not version:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO archive VALUES (?, ?)", (bool(personal), preset_dictionary()))
        if version < len(MIGRATIONS):
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        is_personal, dictionary = connection.execute("SELECT personal, dictionary FROM archive").fetchone()
        if personal not in (None, bool(is_personal)):
            content = "personal data" if is_personal else "placeholders for personal data"
            raise ArchiveError(f"{path} was created with {content}; open it with personal={bool(is_personal)}")
    # SQLite does not wait before this one statement; if another process has the lock, that process executes it too.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    return bool(is_personal), bytes(dictionary)


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return how many of the statements of `MIGRATIONS` the file has had.

    Raises:
        ArchiveError: If it is another application's database, or a newer version made it.
    """
    (application,), (version,), (objects,) = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if application != APPLICATION_ID and (application or version or objects):
        raise ArchiveError(f"{path} is a database but not an archive, and was not changed; use another path")
    if version > len(MIGRATIONS):
        raise ArchiveError(f"{path} was written by a newer version of om_toolkit; update om_toolkit to read it")
    return int(version)
