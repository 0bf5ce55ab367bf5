"""The archive: answers in, as snapshots in one file; orders, tables and what changed between two answers out."""

from __future__ import annotations

import json
import os
import sqlite3
import warnings
import zlib
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self, TypeAlias

import polars as pl

from om_toolkit import privacy
from om_toolkit.answers import newest
from om_toolkit.collector import paused
from om_toolkit.decode import decode
from om_toolkit.errors import ArchiveError, StaleOrders
from om_toolkit.files import OWN
from om_toolkit.ids import Ids, distinct
from om_toolkit.instants import in_utc
from om_toolkit.models import Order, read_order, to_document, to_json
from om_toolkit.orders import Orders
from om_toolkit.tables import SCHEMAS, Tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType

Refresh: TypeAlias = Literal["missing", "open", "all"]

_ORDERS_AT_ONCE: Final = 2_000
_BUSY_SECONDS: Final = 60.0  # how long to wait for another process that writes

# ---- The file ----

_APPLICATION: Final = 0x6F6D746B  # "omtk": tells an archive from any other SQLite file
_STATEMENTS: Final[tuple[str, ...]] = (
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
"""What makes a file of this version, one statement after the other; `user_version` counts those that a file has had."""

# One statement is one transaction, and one turn of the interpreter's lock: whoever writes at the same time, the number
# is the newest snapshot's if that has the same content, and then only its `last_seen` moves; else the next one.
_ADD: Final = """
    INSERT INTO snapshots (order_key, number, first_seen, last_seen, is_open, digest, body)
    SELECT :key, ifnull(newest.number + (newest.digest <> :digest), 0), :at, :at, :is_open, :digest, :body
    FROM (SELECT 1) LEFT JOIN (
        SELECT number, digest, last_seen FROM snapshots WHERE order_key = :key ORDER BY number DESC LIMIT 1
    ) AS newest
    WHERE newest.last_seen IS NULL OR newest.last_seen <= :at
    ON CONFLICT (order_key, number) DO UPDATE SET last_seen = excluded.last_seen
"""
_NEWEST: Final = """
    SELECT order_key, last_seen, is_open, body FROM snapshots AS one
    WHERE number = (SELECT max(number) FROM snapshots WHERE order_key = one.order_key AND first_seen <= :until)
"""
_AMONG: Final = " AND order_key IN (SELECT value FROM json_each(:keys))"
_STATES: Final = """
    SELECT order_key, is_open FROM snapshots AS one
    WHERE number = (SELECT max(number) FROM snapshots WHERE order_key = one.order_key)
"""
_CHANGED: Final = """
    SELECT before.last_seen, after.first_seen, before.body, after.body
    FROM snapshots AS after JOIN snapshots AS before
    ON before.order_key = after.order_key AND before.number = after.number - 1
    WHERE after.first_seen > :since ORDER BY after.first_seen, after.order_key
"""
_COUNTS: Final = "SELECT count(*), sum(number = 0), min(nullif(first_seen, 0)), max(last_seen) FROM snapshots"


class _Snapshot(NamedTuple):
    """What is known of an order at an instant."""

    order_key: str
    last_seen: int
    is_open: int
    body: bytes


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
        with _told(self.path):
            _refuse_a_single_byte(self.path)
            if personal:
                with suppress(OSError):  # it is there, or SQLite tells
                    self.path.touch(OWN, exist_ok=False)
            with closing(_connect(self.path, "rwc")) as connection:
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
            writer.execute(_ADD, row)

    def _row(self, order_id: str, order: Order, at: datetime | None) -> dict[str, object]:
        """Return what `_ADD` stores. By itself, so that a traceback of what fails then shows no document."""
        document = to_document(order)
        text = to_json(
            document if self.is_personal else privacy.Scrubber(one_order=True).scrub(document, privacy.ORDER)
        )
        packer = zlib.compressobj(zdict=self._dictionary)
        return {
            "key": order_id.casefold(),
            "at": _microseconds(at or newest([order])),
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
            states = reader.execute(_STATES).fetchall() if refresh != "all" else []
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
        with paused(), _told(self.path):
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
        with paused(), _told(self.path):
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
                _CHANGED, {"since": -1 if since is None else _microseconds(since)}
            ):
                before, after = (json.loads(self._unpacked(body), parse_int=str, parse_float=str) for body in bodies)
                seen = _instant(last_seen), _instant(first_seen)
                rows += [(after["order_id"], *field, *seen) for field in _differences(before, after, personal=personal)]
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
        seen = f", seen {_instant(first):%Y-%m-%d} to {_instant(last):%Y-%m-%d}" if first and last else ""
        return f"Archive({self.path.name!r}, {orders:,} orders, {snapshots:,} snapshots{seen})"

    def __reduce__(self) -> tuple[partial[Archive], tuple[()]]:
        return partial(Archive, self.path, personal=self.is_personal), ()

    def _counts(self) -> tuple[int, int, int | None, int | None]:
        """Return how many snapshots there are, of how many orders, and when they were first and last seen."""
        with self._reading() as reader:
            snapshots, orders, first, last = reader.execute(_COUNTS).fetchone()
        return snapshots, orders or 0, first, last

    def _look(self, order_ids: Sequence[str] | None, as_of: datetime | None) -> tuple[list[_Snapshot], datetime | None]:
        """Return the newest snapshots at an instant, by key, and the instant that they speak of."""
        until = _LAST if as_of is None else _microseconds(as_of)
        keys = json.dumps([order_id.casefold() for order_id in order_ids or ()])
        query = f"{_NEWEST}{'' if order_ids is None else _AMONG} ORDER BY order_key"
        with self._reading() as reader:
            snapshots = [_Snapshot(*row) for row in reader.execute(query, {"until": until, "keys": keys})]
        if as_of is None:
            until = max((one.last_seen for one in snapshots), default=0)
        _warn_of_stale(snapshots, until)
        return snapshots, _instant(until)

    def _decoded(self, snapshots: Iterable[_Snapshot], *, personal: bool) -> dict[str, pl.DataFrame]:
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
        with _told(self.path):
            yield

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that reads, so that a look half done is nobody else's."""
        with self._opened(), closing(_connect(self.path, "rw")) as reader:
            yield reader

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that nobody else has: one for all would be waited for with the interpreter's lock."""
        with self._opened():
            try:
                writer = self._idle.pop()
            except IndexError:
                writer = _connect(self.path, "rw")
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
            for statement in _STATEMENTS[version:]:
                writer.execute(statement)
            if not version:
                writer.execute(f"PRAGMA application_id = {_APPLICATION}")
                writer.execute("INSERT INTO archive VALUES (?, ?)", (bool(personal), _DICTIONARY))
            if version < len(_STATEMENTS):
                writer.execute(f"PRAGMA user_version = {len(_STATEMENTS)}")
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
        if application != _APPLICATION and (application or version or things):
            raise ArchiveError(f"{self.path} is a database of something else, and is left as it is: give another path")
        if version > len(_STATEMENTS):
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


def _warn_of_stale(snapshots: Iterable[_Snapshot], until: int) -> None:
    stale = sum(one.is_open and one.last_seen < until - _DAY for one in snapshots)
    if stale:
        text = (
            f"{stale:,} order(s) that can still change were last seen more than a day before {_instant(until)}: "
            "what happened to them since is not in the numbers. Fetch with refresh='open' to see them again"
        )
        warnings.warn(text, StaleOrders, stacklevel=4)


# ---- Instants ----

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = 2**63 - 1
_DAY: Final = 24 * 3_600 * 10**6


def _microseconds(moment: datetime | None) -> int:
    """Return the microseconds since 1970; a naive time is in UTC, and 0 stands for none."""
    if moment is None:
        return 0
    return (in_utc(moment) - _EPOCH) // timedelta(microseconds=1)


def _instant(microseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if microseconds else None


# ---- Differences ----


def _differences(before: Any, after: Any, *, personal: bool) -> Iterator[tuple[str, str | None, str | None]]:  # noqa: ANN401
    """Yield each field that differs, with both values; empty text is none, as in the tables."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path, field in new | old:
        was, now = old.get((path, field)), new.get((path, field))
        if was != now and (personal or not privacy.is_personal(field)):
            yield path, was, now


def _leaves(value: Any, path: str = "", field: str = "") -> Iterator[tuple[tuple[str, str], str | None]]:  # noqa: ANN401
    """Yield each scalar: its path with places, its API path, and what it is as text."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}".lstrip("."), f"{field}.{name}".lstrip("."))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            place = (isinstance(item, dict) and item.get(_IDS.get(field))) or position
            yield from _leaves(item, f"{path}[{place}]", field)
    else:
        yield (
            (path, field),
            json.dumps(value) if isinstance(value, bool) else None if value in (None, "") else str(value),
        )


_IDS: Final = {"captures": "capture_id", "refunds": "refund_id"}

# ---- SQLite ----


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file; each statement is a transaction of its own unless one is begun."""
    uri = f"{path.as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _refuse_a_single_byte(path: Path) -> None:
    """Refuse the one size that SQLite takes for an empty file and writes over.

    The file is not opened for that: on POSIX, closing it would end all locks that this process holds on it, those of
    another `Archive` too, and with them the promise that nothing is lost.
    """
    if path.exists() and path.stat().st_size == 1:
        raise ArchiveError(f"{path}: {_PROBLEMS[sqlite3.SQLITE_NOTADB]}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what SQLite or zlib complain of in words that tell what to do."""
    try:
        yield
    except zlib.error:
        problem = _PROBLEMS[sqlite3.SQLITE_CORRUPT]
    except sqlite3.Error as error:
        problem = _PROBLEMS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF) or f"SQLite says: {error}"
    else:
        return
    raise ArchiveError(f"{path}: {problem}") from None


_PROBLEMS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full. What was stored is kept: make room and go on",
    sqlite3.SQLITE_IOERR: "the system refused to read or write. What was stored is kept: is the disk or a quota full?",
    sqlite3.SQLITE_READONLY: "the file or its folder cannot be written: allow it, or copy the archive elsewhere",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: is its folder there, and may you write in it?",
    sqlite3.SQLITE_PERM: "the file cannot be opened: may you write it?",
    sqlite3.SQLITE_NOTADB: "this is no archive, and is left as it is: give another path",
    sqlite3.SQLITE_CORRUPT: "the archive is damaged, such as cut short, and is left as it is: take a copy of before",
    sqlite3.SQLITE_BUSY: f"another process has kept the archive locked for {_BUSY_SECONDS:.0f} s: end it and go on",
}

# ---- What documents are packed with ----

_TYPICAL: Final = """
{"order_id":"-","status":"CAPTURED","fraud_status":"ACCEPTED","order_amount":0,"original_order_amount":0,
"captured_amount":0,"refunded_amount":0,"remaining_authorized_amount":0,"purchase_currency":"EUR",
"purchase_country":"SE","locale":"sv-SE","created_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T00:00:00Z",
"klarna_reference":"","merchant_reference1":"","merchant_reference2":"","merchant_data":"",
"initial_payment_method":{"type":"INVOICE","description":"description-1","number_of_installments":3},
"customer":{"type":"person","date_of_birth":"1800-01-02",
"national_identification_number":"national_identification_number-1","vat_id":"vat_id-1",
"organization_entity_type":"LIMITED_COMPANY","organization_registration_id":"organization_registration_id-01"},
"billing_address":{"attention":"attention-1","city":"city-1","country":"SE","email":"person-01@example.com",
"family_name":"family_name-1","given_name":"given_name-1","organization_name":"organization_name-1",
"phone":"phone-1","postal_code":"postal_code-1","region":"","street_address":"street_address-1",
"street_address2":"","title":""},"shipping_address":{},"selected_shipping_option":{"id":"x","class":"standard",
"type":"x","method":"PickUpPoint","name":"","carrier":"","carrier_product":{"identifier":"","name":""},"price":0,
"tax_amount":0,"tax_rate":2500,"location":{"id":"id-1","name":"name-1","price":0,"address":{}},"timeslot":{"id":"x",
"start":"2026","end":"","cutoff":"","price":0},"selected_addons":[{"type":"sms","price":0,"external_id":"",
"user_input":"user_input-1"}],"tms_reference":"tms_reference-1"},"order_lines":[{"reference":"",
"type":"shipping_fee","name":"","quantity":1,"quantity_unit":"pcs","unit_price":0,"tax_rate":2500,"total_amount":0,
"total_discount_amount":0,"total_tax_amount":0,"image_url":"https://example.com/1",
"product_url":"https://example.com/1","merchant_data":"","product_identifiers":{"brand":"","category_path":"",
"color":"","global_trade_item_number":"","manufacturer_part_number":"","size":""}}],"shipping_info":[],
"captures":[{"capture_id":"","klarna_reference":"","captured_amount":0,"captured_at":"2026-01-01T00:00:00Z",
"refunded_amount":0,"reference":"","description":"","order_lines":[],"shipping_info":[{"shipping_company":"",
"shipping_method":"Home","tracking_number":"tracking_number-1","tracking_uri":"https://example.com/1",
"return_shipping_company":"","return_tracking_number":"","return_tracking_uri":""}]}],"refunds":[{"refund_id":"",
"refunded_amount":0,"refunded_at":"2026-01-01T00:00:00Z","reference":"","description":"","order_lines":[]}]}
"""
_DICTIONARY: Final = "".join(_TYPICAL.split()).encode()
"""What masked answers have in common, so that it need not stand in each; a file keeps the one that it was made with."""
