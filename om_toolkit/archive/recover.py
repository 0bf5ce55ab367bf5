"""A damaged archive: its path in, what is intact out, read page by page without SQLite.

SQLite refuses a file whose header, schema or inner pages are damaged. The rows are in leaf pages of tables, whose
format is that of https://sqlite.org/fileformat2.html; checksums show which of them are intact.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from om_toolkit.archive.database import log_of
from om_toolkit.archive.log import PAGE, frames
from om_toolkit.archive.rows import Damage, Row, Sealer, Settings, unpacked
from om_toolkit.archive.schema import Upgrade

Value: TypeAlias = int | str | bytes | None

_TABLE_LEAF: Final = 13
_FILE_HEADER: Final = 100
_PAGE_HEADER: Final = 8
_INTEGER_SIZES: Final = (0, 1, 2, 3, 4, 6, 8)
_ZERO: Final = 8  # the kinds of values without bytes, and the first of those with a length
_ONE: Final = 9
_BLOB: Final = 12
_FEWEST_IN_PAGE: Final = (PAGE - 12) * 32 // 255 - 23  # bytes of a record that continues on other pages
_MOST_IN_PAGE: Final = PAGE - 35


class Recovered(NamedTuple):
    """What is intact in a damaged archive.

    Attributes:
        settings: Its settings.
        rows: Its snapshots by order and number.
        total: The number of orders that it had; None if that is unknown.
    """

    settings: Settings
    rows: list[Row]
    total: int | None

    def intact_orders(self) -> int:
        """Return the number of orders all of whose snapshots are there, as far as that is known."""
        newest = {row.order_key: row.number for row in self.rows}
        counts = dict.fromkeys(newest, 0)
        for row in self.rows:
            counts[row.order_key] += 1
        return sum(counts[key] == number + 1 for key, number in newest.items())


def recover(path: Path) -> Recovered | None:
    """Return what is intact; None if not even the settings are, without which no document can be read.

    Raises:
        OSError: If the file cannot be read.
    """
    records = list(_records(path))
    modern = (_settings(record) for record in records if len(record) == len(Settings._fields) + 2)
    for settings in filter(None, modern):
        return _recovered(records, settings)
    for record in records:
        match record:
            case (int() as personal, bytes() as dictionary):
                upgrade = Upgrade(Settings(personal, dictionary, b""))
                rows = {row[:2]: row for record in records for row in _upgraded(record, upgrade)}
                if rows:
                    return Recovered(upgrade.settings, sorted(rows.values()), None)
    return None


def _settings(record: Sequence[Value]) -> Settings | None:
    match record:
        case (None, int() as personal, bytes() as dictionary, bytes() as secret, int() as checksum):
            settings = Settings(personal, dictionary, secret)
            return settings if settings.checksum() == checksum else None
    return None


def _recovered(records: Sequence[Sequence[Value]], settings: Settings) -> Recovered:
    """Return the snapshots of an archive; of one that is there several times, the one that was seen last."""
    sealer = Sealer(settings.archive_id)
    rows: dict[object, Row] = {}
    totals: list[tuple[int, int]] = []
    for record in records:
        match record:
            case (str(), int(), int(), int(), int(), int(), bytes(), bytes()):
                row = Row(*record)  # type: ignore[arg-type]
                if sealer.checksum(row) == row.checksum:
                    rows[row[:2]] = max(row, rows.get(row[:2], row))
            case (settings.archive_id, int() as orders, int(), int(), int() as writes, int()):
                totals.append((writes, orders))
    return Recovered(settings, sorted(rows.values()), max(totals)[1] if totals else None)


def _upgraded(record: Sequence[Value], upgrade: Upgrade) -> Iterator[Row]:
    """Yield the snapshot of a file of the first version, if the record is one and intact."""
    match record:
        case (str() as key, int() as number, int() as first, int() as last, int() as is_open, bytes(), bytes()):
            row = Row(key, number, first, last, is_open, 0, *record[5:])  # type: ignore[arg-type]
            try:
                yield upgrade.row(row, unpacked(row, upgrade.settings.dictionary))
            except Damage:
                return


def _records(path: Path) -> Iterator[list[Value]]:
    """Yield the records of all tables, also such as were replaced by newer ones."""
    main = path.read_bytes()
    pages = [main[start : start + PAGE] for start in range(0, len(main), PAGE)]
    newest = dict(enumerate(pages, start=1))
    log = log_of(path)
    try:
        logged = [(frame.page, frame.image) for frame in frames(log.read_bytes())] if log.is_file() else []
    except Damage:
        logged = []
    for image in (*pages, *(image for _, image in logged)):
        start = _FILE_HEADER if image.startswith(b"SQLite format 3\0") else 0
        for at in _cells(image, start):
            try:
                yield _record(_payload(image, at, newest | dict(logged) if logged else newest))
            except (IndexError, ValueError):  # no record, or a damaged one
                continue


def _cells(page: bytes, start: int) -> Iterator[int]:
    """Yield the place of each cell of a leaf page of a table."""
    if page[start : start + 1] != bytes([_TABLE_LEAF]):
        return
    count = int.from_bytes(page[start + 3 : start + 5], "big")
    first = start + _PAGE_HEADER
    for place in range(first, min(first + 2 * count, len(page)), 2):
        yield int.from_bytes(page[place : place + 2], "big")


def _payload(page: bytes, at: int, pages: dict[int, bytes]) -> bytes:
    """Return the record of a cell, which may continue on other pages."""
    size, at = _varint(page, at)
    _, at = _varint(page, at)  # the row's id
    if size <= _MOST_IN_PAGE:
        return page[at : at + size]
    local = _FEWEST_IN_PAGE + (size - _FEWEST_IN_PAGE) % (PAGE - 4)
    local = local if local <= _MOST_IN_PAGE else _FEWEST_IN_PAGE
    parts, rest = [page[at : at + local]], size - local
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while rest > 0 and following in pages:
        image = pages[following]
        parts.append(image[4 : 4 + rest])
        following, rest = int.from_bytes(image[:4], "big"), rest - (PAGE - 4)
    return b"".join(parts)


def _record(payload: bytes) -> list[Value]:
    """Return the values of a record."""
    end, at = _varint(payload, 0)
    values: list[Value] = []
    place = end
    while at < end:
        kind, at = _varint(payload, at)
        size = (kind - _BLOB) // 2 if kind >= _BLOB else 0 if kind in (_ZERO, _ONE) else _INTEGER_SIZES[kind]
        data = payload[place : place + size]
        if len(data) < size:
            raise ValueError("incomplete")
        values.append(_column_value(kind, data))
        place += size
    return values


def _column_value(kind: int, data: bytes) -> Value:
    if kind in (_ZERO, _ONE):
        return kind - _ZERO
    if kind >= _BLOB:
        return str(data, "utf-8") if kind % 2 else data
    return int.from_bytes(data, "big", signed=True) if kind else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    number = 0
    for place in range(at, at + 8):
        byte = data[place]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the first bit says whether more follow
            return number, place + 1
    return number << 8 | data[at + 8], at + 9
