"""The archive: orders in, as snapshots in one file; orders, tables and the changes between snapshots out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

import polars as pl

from om_toolkit.archive.changes import changed_fields
from om_toolkit.archive.damage import salvage
from om_toolkit.archive.rows import PackedDocument, Row
from om_toolkit.archive.store import Store
from om_toolkit.errors import ArchiveError, StaleOrders
from om_toolkit.orders.ids import Ids, distinct
from om_toolkit.orders.models import Order
from om_toolkit.orders.orders import Orders
from om_toolkit.orders.parsing import read_order, to_document, to_json
from om_toolkit.orders.saved import newest_time
from om_toolkit.privacy.fields import ORDER
from om_toolkit.privacy.scrub import Scrubber
from om_toolkit.support.atomic_files import local_path
from om_toolkit.support.gc_pause import paused
from om_toolkit.support.html_tables import facts, paragraph
from om_toolkit.support.instants import from_microseconds, to_microseconds
from om_toolkit.support.text import count_of
from om_toolkit.tables.from_json import decode
from om_toolkit.tables.schema import SCHEMAS, with_seen_at
from om_toolkit.tables.tables import Tables

Refresh: TypeAlias = Literal["missing", "open", "all"]

_SNAPSHOTS_PER_CHUNK: Final = 2_000
_STALE_MICROSECONDS: Final = 24 * 3_600 * 10**6
_CHANGE_COLUMNS: Final = dict.fromkeys(("order_id", "field", "before", "after"), pl.String()) | dict.fromkeys(
    ("last_seen_before", "first_seen_after"), pl.Datetime("us", "UTC")
)


class Archive:
    """Orders in one file, append-only: a snapshot of an order is added when its document has changed.

    Everything that `add` has stored is kept, even if the process is killed. Several threads and processes may write at
    the same time, on a local disk. While an archive is open, two more files belong to it, which end in `-wal` and
    `-shm`. Copy an archive when it is closed or from another process: a process that opens and closes the file by other
    means releases all its locks on it. An archive can be pickled; it is opened again on arrival. After a fork, open it
    again in the child process.

    A document describes its order at the time of the response. One older than the newest snapshot adds nothing.

    Every snapshot has a checksum, and every read checks all of them and that none is missing: a damaged file is an
    `ArchiveError`. `salvage` copies what is intact.

    Args:
        path: The file; it is created if it does not exist.
        personal: Whether to keep personal data, in a file that only its owner can read where the system has file modes;
            otherwise placeholders such as `city-31415926535897` replace it, in `orders` too. Equal values have equal
            placeholders, made with a secret in the file: who has the file can check a guess. Fixed when the file is
            created: omit it for an existing one.

    Attributes:
        path: The file, absolute.
        is_personal: Whether it contains personal data.

    Raises:
        ArchiveError: If the file is not an archive, is corrupt, cannot be written, was separated from its `-wal`, has
            objects such as triggers that were added to it, was created with the other `personal`, or by a newer
            version; the message says what to do.
        ValueError: If the path is a URI.

    Example:
        >>> from datetime import UTC, datetime
        >>> from tempfile import TemporaryDirectory
        >>> first, second = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
        >>> with TemporaryDirectory() as folder, Archive(Path(folder, "shop.archive")) as archive:
        ...     archive.add("1", read_order('{"order_id": "1", "status": "AUTHORIZED"}'), first)
        ...     archive.add("1", read_order('{"order_id": "1", "status": "CAPTURED"}'), second)
        ...     archive
        ...     archive.changes().select("order_id", "field", "before", "after").rows()
        Archive('shop.archive', 1 order, 2 snapshots, seen 2026-10-01 to 2026-10-02)
        [('1', 'status', 'AUTHORIZED', 'CAPTURED')]
    """

    def __init__(self, path: str | Path, *, personal: bool | None = None) -> None:
        self._store = Store(local_path(path).absolute(), personal=personal)
        self.path = self._store.path
        self.is_personal = bool(self._store.settings.personal)

    def add(self, order_id: str, order: Order, at: datetime | None) -> None:
        """Store an order; when this returns, it is in the file that the path names.

        Args:
            order_id: The requested id.
            order: The order in the response.
            at: The time of the response. Without it the newest time in the order counts, and an order without any time
                counts as the oldest.

        Raises:
            ArchiveError: If the file cannot be written, or was moved, replaced or deleted; stored orders are kept.
        """
        document = self._packed(order)  # the traceback of an error from here on shows no personal data
        seen_at = to_microseconds(at or newest_time([order]))
        self._store.add(self._key(order_id), document, seen_at, is_open=can_change(order))

    def wanted(self, order_ids: Ids, refresh: Refresh) -> list[str]:
        """Return the ids of the orders to request, in the given sequence.

        Args:
            order_ids: Order ids.
            refresh: `missing` for the orders that are not in the archive; `open` for these and the orders that can
                still change; `all`.

        Raises:
            ValueError: If `refresh` is none of the three, or something is not an order id.
        """
        if refresh not in ("missing", "open", "all"):
            raise ValueError(f"invalid refresh={refresh!r}; use 'missing', 'open' or 'all'")
        states = self._store.open_states()
        settled = {key for key, is_open in states.items() if refresh != "all" and (refresh == "missing" or not is_open)}
        return [order_id for order_id in distinct(order_ids) if self._key(order_id) not in settled]

    def orders(self, order_ids: Ids | None = None, *, as_of: datetime | None = None) -> Orders:
        """Return the orders as they were last seen, by id.

        Args:
            order_ids: Only these orders, in this sequence; ids that are not in the archive are skipped.
            as_of: Ignore what was first seen after this instant. Without it everything counts, and `as_of` of the
                result is the time of the newest response.

        Warns:
            StaleOrders: If orders that can still change were last seen more than a day before that instant.
        """
        requested = None if order_ids is None else [self._key(order_id) for order_id in distinct(order_ids)]
        snapshots, moment = self._newest(requested, as_of)
        with paused():
            found = {one.order_key: read_order(self._store.unpack(one.body)) for one in snapshots}
        answered = {str(found[one.order_key].order_id): from_microseconds(one.last_seen) for one in snapshots}
        return Orders((found[key] for key in requested or found if key in found), as_of=moment, answered=answered)

    def tables(
        self, *, as_of: datetime | None = None, since: datetime | None = None, personal: bool = False
    ) -> Tables[pl.DataFrame]:
        """Return the five tables of the orders as they were last seen; several times faster than `orders().tables()`.

        Args:
            as_of: Ignore what was first seen after this instant, as in `orders`.
            since: Only the orders last seen at this instant or later, for a warehouse that has the others: delete the
                rows of these orders from each table there, then add these. Pass `as_of` of the tables that were added
                before; orders of that second are returned once more. Do not call it while a fetch runs.
            personal: Whether to include columns that can identify a person; requires an archive that contains them.

        Raises:
            ArchiveError: If personal columns are requested and the archive contains placeholders.

        Warns:
            StaleOrders: If orders in the result that can still change were last seen more than a day before then.
        """
        self._check_personal(personal=personal)
        snapshots, moment = self._newest(None, as_of, since)
        with paused():
            chunks = [
                self._frames(snapshots[start : start + _SNAPSHOTS_PER_CHUNK], personal=personal)
                for start in range(0, len(snapshots) or 1, _SNAPSHOTS_PER_CHUNK)
            ]
        frames: dict[str, Any] = {name: pl.concat([chunk[name] for chunk in chunks]) for name in SCHEMAS}
        frames["orders"] = with_seen_at(frames["orders"], (from_microseconds(one.last_seen) for one in snapshots))
        return Tables(**frames, as_of=moment, is_conformed=True)

    def changes(self, since: datetime | None = None, *, personal: bool = False) -> pl.DataFrame:
        """Return the differences between consecutive snapshots; the API itself has no history.

        The frame has a row per changed field: `order_id`; `field`, its API path, with the id of a capture or refund and
        the position of any other item, such as `captures[ID].order_lines[0].quantity`; `before` and `after`, its values
        as text, null if missing; `last_seen_before` and `first_seen_after`, the times (UTC) between which it changed.
        It is sorted by `first_seen_after`.

        Args:
            since: Only changes first seen after this instant.
            personal: Whether to include fields that can identify a person; requires an archive that contains them.

        Raises:
            ArchiveError: If personal fields are requested and the archive contains placeholders.
        """
        self._check_personal(personal=personal)
        rows: list[tuple[object, ...]] = []
        pairs = self._store.changed(None if since is None else to_microseconds(since))
        for last_seen, first_seen, before, after in pairs:
            times = from_microseconds(last_seen), from_microseconds(first_seen)
            rows += [(*field, *times) for field in changed_fields(before, after, personal=personal)]
        return pl.DataFrame(rows, schema=_CHANGE_COLUMNS, orient="row")

    def export_parquet(self, folder: str | Path, *, as_of: datetime | None = None, personal: bool = False) -> None:
        """Write the five tables as Parquet, a folder each; see `Tables.write_parquet` and `tables`."""
        self.tables(as_of=as_of, personal=personal).write_parquet(folder)

    def verify(self) -> int:
        """Check the whole file, also what no read needs; return the number of orders.

        Raises:
            ArchiveError: If it is corrupt; the message says how many orders are intact.
        """
        return self._store.verify()

    def salvage(self: Archive | str | Path, to: str | Path) -> int:
        """Copy every intact snapshot to a new archive; return how many orders it has.

        A corrupt archive often cannot be opened: call this with its path, `om.Archive.salvage(path, to)`. Close it in
        this process first. The damaged file is not changed. Snapshots that only its `-wal` has are copied if that is
        next to it. Later snapshots of an order keep their sequence if one between them is lost.

        Args:
            to: The new archive, which must not exist yet.

        Raises:
            ArchiveError: If nothing is intact, or the new archive exists or cannot be written.
            ValueError: If a path is a URI.
        """
        path = self.path if isinstance(self, Archive) else local_path(self).absolute()
        return salvage(path, local_path(to).absolute())

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        orders, *_ = self._store.counts()
        return orders

    def __bool__(self) -> bool:
        return True  # also without orders

    def __repr__(self) -> str:
        if self._store.is_closed:
            return f"Archive({self.path.name!r}, closed)"
        try:
            orders, snapshots, first, last = self._store.counts()
        except ArchiveError:
            return f"Archive({self.path.name!r}, cannot be read)"
        facts = [repr(self.path.name), count_of(orders, "order"), count_of(snapshots, "snapshot")]
        if first and last:
            facts.append(f"seen {from_microseconds(first):%Y-%m-%d} to {from_microseconds(last):%Y-%m-%d}")
        return f"Archive({', '.join(facts)})"

    def _repr_html_(self) -> str:
        if self._store.is_closed:
            return paragraph(repr(self))
        try:
            orders, snapshots, first, last = self._store.counts()
        except ArchiveError as error:
            return paragraph(f"{self!r}: {error}")
        seen = (f"{from_microseconds(at):%Y-%m-%d %H:%M} UTC" if at else "-" for at in (first, last))
        names = ("orders", "snapshots", "first seen", "last seen", "personal data")
        values = (f"{orders:,}", f"{snapshots:,}", *seen, "kept" if self.is_personal else "replaced by placeholders")
        hint = ".orders() and .tables() read it; client.orders(ids, archive=archive) adds to it"
        return paragraph(f"Archive {self.path.name}: {hint}") + facts(zip(names, values, strict=True))

    def __reduce__(self) -> tuple[partial[Archive], tuple[()]]:
        return partial(Archive, self.path, personal=self.is_personal), ()

    def _key(self, order_id: str) -> str:
        """Return the key of an order: its id without regard to case, or its placeholder if it names a person."""
        return (order_id if self.is_personal else self._scrubber().scrub_id("order_id", order_id)).casefold()

    def _scrubber(self) -> Scrubber:
        """Return a scrubber for one document: it remembers personal data."""
        return Scrubber(secret=self._store.settings.secret)

    def _packed(self, order: Order) -> PackedDocument:
        """Return the document of an order as it is stored: with placeholders, unless the archive is personal."""
        document = to_document(order)
        stored = document if self.is_personal else self._scrubber().scrub(document, ORDER)
        return self._store.pack(to_json(stored))

    def _newest(
        self, order_keys: Sequence[str] | None, as_of: datetime | None, since: datetime | None = None
    ) -> tuple[list[Row], datetime | None]:
        """Return the newest snapshots at an instant, by key, and that instant."""
        until = None if as_of is None else to_microseconds(as_of)
        snapshots = self._store.newest(order_keys, until)
        if until is None:
            until = max((one.last_seen for one in snapshots), default=0)
        if since is not None:
            earliest = to_microseconds(since)
            snapshots = [one for one in snapshots if one.last_seen >= earliest]
        _warn_of_stale(snapshots, until)
        return snapshots, from_microseconds(until)

    def _frames(self, snapshots: Iterable[Row], *, personal: bool) -> dict[str, pl.DataFrame]:
        """Return the five tables of some snapshots."""
        documents = [self._store.unpack(one.body) for one in snapshots]
        try:
            return decode(documents, personal=personal)
        except pl.exceptions.ComputeError:  # a number in an unknown field that only pydantic accepts
            return dict(Orders(map(read_order, documents)).tables(personal=personal).items())

    def _check_personal(self, *, personal: bool) -> None:
        """Refuse to return personal data that the archive does not contain."""
        if personal and not self.is_personal:
            raise ArchiveError(f"{self.path} contains placeholders for personal data; omit personal=True")


def can_change(order: Order) -> bool:
    """Return whether an order can still change: it is not CANCELLED, not EXPIRED and not refunded in full.

    Refunded in full means that nothing captured is left to refund and nothing authorised is left to capture. If an
    amount is missing, the order counts as open: one request too many is better than an order that is never seen again.
    """
    captured, refunded = order.captured_amount or 0, order.refunded_amount or 0
    is_refunded = refunded >= captured > 0 and order.remaining_authorized_amount == 0
    return order.status not in ("CANCELLED", "EXPIRED") and not is_refunded


def _warn_of_stale(snapshots: Iterable[Row], until: int) -> None:
    """Warn the caller of the archive's public method if open orders were last seen more than a day before."""
    stale = sum(one.is_open and one.last_seen < until - _STALE_MICROSECONDS for one in snapshots)
    if stale:
        text = (
            f"{count_of(stale, 'order')} that can still change {'was' if stale == 1 else 'were'} last seen more than a "
            f"day before {from_microseconds(until)}, so later changes are missing. Fetch again with refresh='open'"
        )
        warnings.warn(text, StaleOrders, stacklevel=4)
