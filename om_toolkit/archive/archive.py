"""The archive: answers in, as snapshots in one file; orders, tables and what changed between two answers out."""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
import zlib
from contextlib import closing, contextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

import polars as pl

from om_toolkit.archive.changes import differences
from om_toolkit.archive.store import (
    ADD_SNAPSHOT,
    AMONG_KEYS,
    APPLICATION_ID,
    DICTIONARY,
    MIGRATIONS,
    SELECT_CHANGED,
    SELECT_COUNTS,
    SELECT_NEWEST,
    SELECT_STATES,
    Snapshot,
    connect,
    refuse_single_byte,
    translated_errors,
)
from om_toolkit.errors import ArchiveError, StaleOrders
from om_toolkit.orders.ids import Ids, distinct
from om_toolkit.orders.orders import Orders
from om_toolkit.orders.parsing import read_order, to_document, to_json
from om_toolkit.orders.saved import newest
from om_toolkit.privacy.fields import ORDER
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.atomic_files import OWN
from om_toolkit.support.gc_pause import paused
from om_toolkit.support.instants import from_microseconds, to_microseconds
from om_toolkit.tables.from_json import decode
from om_toolkit.tables.schema import SCHEMAS
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from types import TracebackType

    from om_toolkit.orders.models import Order


Refresh: TypeAlias = Literal["missing", "open", "all"]


_ORDERS_AT_ONCE: Final = 2_000


class Archive:
    """Answers kept in one file: a snapshot of an order is added whenever its answer has changed, and none is removed.

    What `add` has stored stays, whenever the process is killed; several threads and several processes may write at
    once, on a disk of this machine. While an archive is open, files ending in `-wal` and `-shm` stand beside it and
    belong to it; copy it when it is closed, or from another process, for a process that opens and closes the file by
    itself ends all its locks on it. Pickled, an archive is opened anew where it arrives; after a fork it must be opened
    anew by hand.

    An answer says what was so when it was given. One that is older than the newest of its order adds nothing.

    Args:
        path: The file; it is made if it is not there.
        personal: Whether personal data is kept, in a file for its owner only where the system knows modes; else
            stand-ins are, such as `city-1`, so that `orders` has them as well. Settled when the file is made: of one
            that is there already, it may be left out.

    Raises:
        ArchiveError: If the file is no archive, is damaged, cannot be written, was made with the other `personal`, or
            by a newer version; its message says what to do.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> first, second = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
        >>> with TemporaryDirectory() as folder, Archive(Path(folder, "shop.archive")) as archive:
        ...     archive.add("1", read_order('{"order_id": "1", "status": "AUTHORIZED"}'), first)
        ...     archive.add("1", read_order('{"order_id": "1", "status": "CAPTURED"}'), second)
        ...     archive
        ...     archive.changes().select("order_id", "field", "before", "after").rows()
        Archive('shop.archive', 1 orders, 2 snapshots, seen 2026-10-01 to 2026-10-02)
        [('1', 'status', 'AUTHORIZED', 'CAPTURED')]
    """

    def __init__(self, path: str | Path, *, personal: bool | None = None) -> None:
        self.path = Path(path).absolute()
        self._process = os.getpid()
        self._is_closed = False
        self._idle: list[sqlite3.Connection] = []  # connections for writing that no thread has in hand
        with translated_errors(self.path):
            refuse_single_byte(self.path)
            if personal:
                with suppress(OSError):  # it is there, or SQLite tells
                    self.path.touch(OWN, exist_ok=False)
            with closing(connect(self.path, "rwc")) as connection:
                self.is_personal, self._dictionary = self._prepare(connection, personal)

    def add(self, order_id: str, order: Order, at: datetime | None) -> None:
        """Store an answer; once this returns, it is kept.

        Args:
            order_id: The id that was asked for.
            order: What was answered.
            at: When; without it the newest time in the order is taken, and an answer without any counts as the oldest.

        Raises:
            ArchiveError: If it cannot be written; what was stored before is kept.
        """
        row = self._row(order_id, order, at)
        with self._writing() as writer:
            writer.execute(ADD_SNAPSHOT, row)

    def _row(self, order_id: str, order: Order, at: datetime | None) -> dict[str, object]:
        """Return what `ADD_SNAPSHOT` stores. By itself, so that a traceback of what fails then shows no document."""
        document = to_document(order)
        text = to_json(document if self.is_personal else Scrubber(one_order=True).scrub(document, ORDER))
        packer = zlib.compressobj(zdict=self._dictionary)
        return {
            "key": order_id.casefold(),
            "at": to_microseconds(at or newest([order])),
            "is_open": can_change(order),
            "digest": blake2b(text, digest_size=8).digest(),
            "body": packer.compress(text) + packer.flush(),
        }

    def wanted(self, order_ids: Ids, refresh: Refresh) -> list[str]:
        """Return which of these orders are to be asked for.

        Args:
            order_ids: Order ids; their order is kept.
            refresh: `missing`: those that are not here; `open`: these and the ones that can still change; `all`.

        Raises:
            ValueError: If `refresh` is none of the three, or something cannot be an order id.
        """
        if refresh not in ("missing", "open", "all"):
            raise ValueError(f"refresh is {refresh!r}: give 'missing', 'open' or 'all'")
        with self._reading() as reader:
            states = reader.execute(SELECT_STATES).fetchall() if refresh != "all" else []
        settled = {key for key, is_open in states if refresh == "missing" or not is_open}
        return [order_id for order_id in distinct(order_ids) if order_id.casefold() not in settled]

    def orders(self, order_ids: Ids | None = None, *, as_of: datetime | None = None) -> Orders:
        """Return the orders as they were last seen, by id.

        Args:
            order_ids: Which ones, in this order; those that are not here are left out.
            as_of: The instant to look at: what was first seen later does not count. Without it all counts, and the
                orders speak of the moment of the newest answer.

        Warns:
            StaleOrders: If orders that can still change were last seen more than a day before that instant.
        """
        ids = None if order_ids is None else distinct(order_ids)
        snapshots, moment = self._look(ids, as_of)
        with paused(), translated_errors(self.path):
            found = {one.order_key: read_order(self._unpacked(one.body)) for one in snapshots}
        keys = found if ids is None else dict.fromkeys(order_id.casefold() for order_id in ids)
        return Orders((found[key] for key in keys if key in found), as_of=moment)

    def tables(self, *, as_of: datetime | None = None, personal: bool = False) -> Tables[pl.DataFrame]:
        """Return the five tables of the orders as they were last seen; several times faster than through objects.

        Args:
            as_of: The instant to look at, as in `orders`.
            personal: Whether the columns that can name a person are there as well; for an archive that keeps them.

        Raises:
            ArchiveError: If personal columns are asked of an archive that holds stand-ins.

        Warns:
            StaleOrders: If orders that can still change were last seen more than a day before that instant.
        """
        self._check(personal=personal)
        snapshots, moment = self._look(None, as_of)
        with paused(), translated_errors(self.path):
            parts = [
                self._decoded(snapshots[start : start + _ORDERS_AT_ONCE], personal=personal)
                for start in range(0, len(snapshots) or 1, _ORDERS_AT_ONCE)
            ]
        frames: dict[str, Any] = {name: pl.concat([part[name] for part in parts]) for name in SCHEMAS}
        return Tables(**frames, as_of=moment)

    def changes(self, since: datetime | None = None, *, personal: bool = False) -> pl.DataFrame:
        """Return what differs between each snapshot of an order and the one before; the API itself has no history.

        A frame with a row for each field: `order_id`; `field`, its API path, with the id of a capture or refund and the
        position of anything else, such as `captures[ID].order_lines[0].quantity`; `before` and `after`, its values as
        text, null where there is none; `last_seen_before` and `first_seen_after`, the times (UTC) between which it
        changed. Sorted by the latter.

        Args:
            since: Only what was first seen after this instant.
            personal: Whether fields that can name a person are there as well; for an archive that keeps them.

        Raises:
            ArchiveError: If personal fields are asked of an archive that holds stand-ins.
        """
        self._check(personal=personal)
        rows: list[tuple[object, ...]] = []
        with self._reading() as reader:
            for last_seen, first_seen, *bodies in reader.execute(
                SELECT_CHANGED, {"since": -1 if since is None else to_microseconds(since)}
            ):
                before, after = (json.loads(self._unpacked(body), parse_int=str, parse_float=str) for body in bodies)
                seen = from_microseconds(last_seen), from_microseconds(first_seen)
                rows += [(after["order_id"], *field, *seen) for field in differences(before, after, personal=personal)]
        moment = pl.Datetime("us", "UTC")
        schema = dict.fromkeys(("order_id", "field", "before", "after"), pl.String()) | dict.fromkeys(
            ("last_seen_before", "first_seen_after"), moment
        )
        return pl.DataFrame(rows, schema=schema, orient="row")

    def export_parquet(self, folder: str | Path, *, as_of: datetime | None = None, personal: bool = False) -> None:
        """Write the five tables as Parquet, a folder each; see `Tables.write_parquet` and `tables`."""
        self.tables(as_of=as_of, personal=personal).write_parquet(folder)

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        with suppress(IndexError):  # a thread may take the last one
            while self._process == os.getpid():
                self._idle.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._counts()[1]

    def __bool__(self) -> bool:
        return True  # an archive without orders is still one

    def __repr__(self) -> str:
        if self._is_closed:
            return f"Archive({self.path.name!r}, closed)"
        try:
            snapshots, orders, first, last = self._counts()
        except ArchiveError:
            return f"Archive({self.path.name!r}, cannot be read)"
        seen = (
            f", seen {from_microseconds(first):%Y-%m-%d} to {from_microseconds(last):%Y-%m-%d}"
            if first and last
            else ""
        )
        return f"Archive({self.path.name!r}, {orders:,} orders, {snapshots:,} snapshots{seen})"

    def __reduce__(self) -> tuple[partial[Archive], tuple[()]]:
        return partial(Archive, self.path, personal=self.is_personal), ()

    def _counts(self) -> tuple[int, int, int | None, int | None]:
        """Return how many snapshots there are, of how many orders, and when they were first and last seen."""
        with self._reading() as reader:
            snapshots, orders, first, last = reader.execute(SELECT_COUNTS).fetchone()
        return snapshots, orders or 0, first, last

    def _look(self, order_ids: Sequence[str] | None, as_of: datetime | None) -> tuple[list[Snapshot], datetime | None]:
        """Return the newest snapshots at an instant, by key, and the instant that they speak of."""
        until = _LAST if as_of is None else to_microseconds(as_of)
        keys = json.dumps([order_id.casefold() for order_id in order_ids or ()])
        query = f"{SELECT_NEWEST}{'' if order_ids is None else AMONG_KEYS} ORDER BY order_key"
        with self._reading() as reader:
            snapshots = [Snapshot(*row) for row in reader.execute(query, {"until": until, "keys": keys})]
        if as_of is None:
            until = max((one.last_seen for one in snapshots), default=0)
        _warn_of_stale(snapshots, until)
        return snapshots, from_microseconds(until)

    def _decoded(self, snapshots: Iterable[Snapshot], *, personal: bool) -> dict[str, pl.DataFrame]:
        documents = [self._unpacked(one.body) for one in snapshots]
        try:
            return decode(documents, personal=personal)
        except pl.exceptions.ComputeError:  # an unknown number that only pydantic takes
            return dict(Orders(map(read_order, documents)).tables(personal=personal).items())

    def _unpacked(self, body: bytes) -> bytes:
        unpacker = zlib.decompressobj(zdict=self._dictionary)
        text = unpacker.decompress(body)
        if not unpacker.eof:
            raise zlib.error
        return text

    def _check(self, *, personal: bool) -> None:
        if personal and not self.is_personal:
            raise ArchiveError(f"{self.path} holds stand-ins for personal data: leave personal=True out")

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Hold that the archive can be used here, and say in our words what goes wrong."""
        if self._process != os.getpid():
            raise ArchiveError(f"{self.path} was opened before this process was forked: open it anew in here")
        if self._is_closed:
            raise ArchiveError(f"{self.path} was closed: open it anew with om.Archive")
        with translated_errors(self.path):
            yield

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that reads, so that a look half done is nobody else's."""
        with self._opened(), closing(connect(self.path, "rw")) as reader:
            yield reader

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that nobody else has: one for all would be waited for with the interpreter's lock."""
        with self._opened():
            try:
                writer = self._idle.pop()
            except IndexError:
                writer = connect(self.path, "rw")
            try:
                yield writer
            finally:
                self._idle.append(writer)
                if self._is_closed:
                    self.close()

    def _prepare(self, writer: sqlite3.Connection, personal: bool | None) -> tuple[bool, bytes]:  # noqa: FBT001
        """Make the file what this version needs; return whether it is personal, and what documents are packed with."""
        with writer:
            writer.execute("BEGIN IMMEDIATE")
            version = self._checked_version(writer)
            for statement in MIGRATIONS[version:]:
                writer.execute(statement)
            if not version:
                writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                writer.execute("INSERT INTO archive VALUES (?, ?)", (bool(personal), DICTIONARY))
            if version < len(MIGRATIONS):
                writer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
            is_personal, dictionary = writer.execute("SELECT personal, dictionary FROM archive").fetchone()
            if personal not in (None, bool(is_personal)):
                kept = "personal data" if is_personal else "stand-ins for personal data"
                raise ArchiveError(f"{self.path} was made to hold {kept}: open it with personal={bool(is_personal)}")
        # The one statement that SQLite does not wait for: where another process is at it, that one sees it through.
        with suppress(sqlite3.OperationalError):
            writer.execute("PRAGMA journal_mode = WAL")
        return bool(is_personal), bytes(dictionary)

    def _checked_version(self, writer: sqlite3.Connection) -> int:
        """Return how many of our statements made the file, if it is ours or empty."""
        (application,), (version,), (things,) = (
            writer.execute(query).fetchone()
            for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
        )
        if application != APPLICATION_ID and (application or version or things):
            raise ArchiveError(f"{self.path} is a database of something else, and is left as it is: give another path")
        if version > len(MIGRATIONS):
            raise ArchiveError(
                f"{self.path} was written by a newer version of om_toolkit: update om_toolkit to read it"
            )
        return int(version)


def can_change(order: Order) -> bool:
    """Tell whether an order can still change: it is neither CANCELLED nor EXPIRED nor refunded in full.

    Refunded in full means that nothing captured is left to refund and nothing authorised is left to capture. Where an
    amount is not told, the order counts as open: it is asked for once too often rather than never again.
    """
    captured, refunded = order.captured_amount or 0, order.refunded_amount or 0
    is_refunded = refunded >= captured > 0 and order.remaining_authorized_amount == 0
    return order.status not in ("CANCELLED", "EXPIRED") and not is_refunded


def _warn_of_stale(snapshots: Iterable[Snapshot], until: int) -> None:
    stale = sum(one.is_open and one.last_seen < until - _DAY for one in snapshots)
    if stale:
        text = (
            f"{stale:,} order(s) that can still change were last seen more than a day before {from_microseconds(until)}: "
            "what happened to them since is not in the numbers. Fetch with refresh='open' to see them again"
        )
        warnings.warn(text, StaleOrders, stacklevel=4)


_LAST: Final = 2**63 - 1


_DAY: Final = 24 * 3_600 * 10**6
