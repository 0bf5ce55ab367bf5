"""The schema of an archive: a connection in; a file that is created, upgraded and checked, and its settings, out."""

import json
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from om_toolkit.archive.database import VERSION, totals_of
from om_toolkit.archive.rows import Damage, Row, Sealer, Settings, in_sequence, pack, unpacked
from om_toolkit.errors import ArchiveError
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.application_id import APPLICATION_ID

SCHEMA: Final = (
    """
    CREATE TABLE archive (            -- two copies of one row
        copy INTEGER PRIMARY KEY,
        personal INTEGER NOT NULL,
        dictionary BLOB NOT NULL,
        secret BLOB NOT NULL,         -- the key of placeholders
        checksum INTEGER NOT NULL     -- over all other columns
    )
    """,
    """
    CREATE TABLE snapshots (
        order_key TEXT NOT NULL,      -- the id that was asked for, without regard to case; a placeholder if personal
        number INTEGER NOT NULL,      -- of this order's snapshots, from 0
        first_seen INTEGER NOT NULL,  -- microseconds since 1970, UTC; 0 is an unknown time
        last_seen INTEGER NOT NULL,
        is_open INTEGER NOT NULL,     -- whether it can still change
        checksum INTEGER NOT NULL,    -- over all other columns and the archive's id
        digest BLOB NOT NULL,         -- of the document before it was packed
        body BLOB NOT NULL,           -- the document in JSON, packed by zlib with the archive's dictionary
        PRIMARY KEY (order_key, number)
    )
    """,
    """
    CREATE TABLE totals (             -- one row
        archive BLOB NOT NULL,        -- the archive's id, made of its secret
        orders INTEGER NOT NULL,
        snapshots INTEGER NOT NULL,
        checksum INTEGER NOT NULL,    -- the sum of the snapshots' checksums
        writes INTEGER NOT NULL,      -- the number of transactions; it only grows
        behind INTEGER NOT NULL       -- in the main file without its log: whether snapshots may be missing
    )
    """,
    """
    CREATE TRIGGER snapshot_added AFTER INSERT ON snapshots BEGIN
        UPDATE totals SET writes = writes + 1, orders = orders + (new.number = 0), snapshots = snapshots + 1,
            checksum = (checksum + new.checksum) & 4611686018427387903;
    END
    """,
    """
    CREATE TRIGGER snapshot_seen_again AFTER UPDATE ON snapshots BEGIN
        UPDATE totals SET writes = writes + 1,
            checksum = (checksum + new.checksum - old.checksum) & 4611686018427387903;
    END
    """,
)

FIRST_VERSION: Final = 2
"""The `user_version` of the files that came before these: they have no checksums, totals and secret."""

FIRST_SCHEMA: Final = (
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

INSERT_ROW: Final = "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

_SELECT_FIRST_ROWS: Final = (
    "SELECT order_key, number, first_seen, last_seen, is_open, 0, digest, body FROM snapshots_1 ORDER BY rowid"
)
_SELECT_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema"


def prepare(connection: sqlite3.Connection, path: Path, *, personal: bool | None) -> Settings:
    """Create, upgrade or check the file; return its settings.

    Raises:
        ArchiveError: If it is no archive, a newer one, or one with the other `personal` or with foreign objects.
        Damage: If it is corrupt.
    """
    connection.execute("PRAGMA page_size = 4096")
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        version = _version_of(connection, path)
        if not version:
            create(connection, Settings(int(bool(personal)), preset_dictionary(), secrets.token_bytes(32)), ())
        elif version == FIRST_VERSION:
            _check_schema(connection, path, FIRST_SCHEMA)
            _upgrade(connection)
        _check_schema(connection, path, SCHEMA)
        settings = settings_of(connection)
        if totals_of(connection).behind:  # a writer was killed while it marked the main file
            connection.execute("UPDATE totals SET behind = 0")
        if personal not in (None, bool(settings.personal)):
            content = "personal data" if settings.personal else "placeholders for personal data"
            raise ArchiveError(f"{path} was created with {content}; open it with personal={bool(settings.personal)}")
    if version == FIRST_VERSION:
        with suppress(sqlite3.OperationalError):  # another process uses it; what was deleted is blank anyway
            connection.execute("VACUUM")
    # SQLite does not wait before this one statement; if another process has the lock, that process executes it too.
    with suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")
    return settings


def create(connection: sqlite3.Connection, settings: Settings, rows: Iterable[Row]) -> None:
    """Create an archive of some snapshots in an empty file, within a transaction."""
    for statement in SCHEMA:
        connection.execute(statement)
    for copy in (1, 2):
        values = (copy, settings.personal, settings.dictionary, settings.secret, settings.checksum())
        connection.execute("INSERT INTO archive VALUES (?, ?, ?, ?, ?)", values)
    connection.execute("INSERT INTO totals VALUES (?, 0, 0, 0, 0, 0)", (settings.archive_id,))
    connection.executemany(INSERT_ROW, rows)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def settings_of(connection: sqlite3.Connection) -> Settings:
    """Return the settings of an archive.

    Raises:
        Damage: If they are not what was written.
    """
    rows = connection.execute("SELECT copy, personal, dictionary, secret, checksum FROM archive").fetchall()
    with suppress(TypeError, ValueError):
        (_, *values, checksum), (_, *others, _) = rows
        settings = Settings(*values)
        if (
            values == others
            and settings.checksum() == checksum
            and settings.archive_id == totals_of(connection).archive
        ):
            return settings
    raise Damage("the settings are not what was written")


def preset_dictionary() -> bytes:
    """Return what masked documents have in common, to compress those of a new archive; the file keeps a copy."""
    return "".join(Path(__file__).with_name("typical_order.json").read_text("utf-8").split()).encode()


class Upgrade:
    """Makes the snapshots of a file of the first version those of a new archive.

    Args:
        first: Its settings, without a secret.
    """

    def __init__(self, first: Settings) -> None:
        self.settings = first._replace(secret=secrets.token_bytes(32))
        self._sealer = Sealer(self.settings.archive_id)
        self._scrubber = Scrubber(secret=self.settings.secret)

    def row(self, row: Row, document: bytes) -> Row:
        """Return a snapshot with its checksum; an id that names a person is replaced, as it is in new snapshots.

        Raises:
            Damage: If a value has another type than those of snapshots.
        """
        if [*map(type, row[:5])] != [str, int, int, int, int]:
            raise Damage("a snapshot is not what was written")
        key = row.order_key if self.settings.personal else self._scrubber.scrub_id("order_id", row.order_key).casefold()
        if key != row.order_key:
            before = json.dumps(json.loads(document)["order_id"], ensure_ascii=False)
            replaced = document.replace(f'"order_id":{before}'.encode(), f'"order_id":"{key}"'.encode())
            row = row._replace(order_key=key, **pack(replaced, self.settings.dictionary)._asdict())
        return self._sealer.sealed(row)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Upgrade a file of the first version, within a transaction.

    Raises:
        Damage: If it is corrupt.
    """
    if connection.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
        raise Damage("its pages contradict each other")
    connection.execute("PRAGMA secure_delete = ON")  # ids that are replaced do not remain in free pages
    settings = connection.execute("SELECT personal, dictionary FROM archive").fetchall()
    if len(settings) != 1 or [*map(type, settings[0])] != [int, bytes]:
        raise Damage("the settings are not what was written")
    personal, dictionary = settings[0]
    upgrade = Upgrade(Settings(personal, dictionary, b""))
    for table in ("archive", "snapshots"):
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_1")
    rows = in_sequence(Row(*values) for values in connection.execute(_SELECT_FIRST_ROWS).fetchall())
    create(connection, upgrade.settings, (upgrade.row(row, unpacked(row, dictionary)) for row in rows))
    for table in ("archive", "snapshots"):
        connection.execute(f"DROP TABLE {table}_1")


def _version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of a file; 0 if it is empty.

    Raises:
        ArchiveError: If it is another application's database, or a newer version made it.
    """
    (application,), (version,), (objects,) = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if not (application or version or objects):
        return 0
    if application != APPLICATION_ID:
        raise ArchiveError(f"{path} is a database but not an archive, and was not changed; use another path")
    if version > VERSION:
        raise ArchiveError(f"{path} was written by a newer version of om_toolkit; update om_toolkit to read it")
    if version not in (FIRST_VERSION, VERSION):
        raise Damage("its header is not what was written")
    return int(version)


def _check_schema(connection: sqlite3.Connection, path: Path, statements: Iterable[str]) -> None:
    """Check that a file has the objects that these statements create, and no others.

    Raises:
        ArchiveError: If others were added, such as triggers, which could change what is read and written.
        Damage: If one is missing or different.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        for statement in statements:
            memory.execute(statement)
        expected = set(memory.execute(_SELECT_OBJECTS))
    found = set(connection.execute(_SELECT_OBJECTS))
    if expected <= found and found != expected:
        kind, name, *_ = min(found - expected, key=str)
        raise ArchiveError(
            f"{path} has a {kind} {name!r} that om_toolkit did not create; drop it, or copy the orders with "
            f"om.Archive.salvage({str(path)!r}, to)"
        )
    if found != expected:
        raise Damage("its schema is not what was written")
