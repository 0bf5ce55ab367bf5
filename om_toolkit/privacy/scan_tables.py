"""Tables: CSV, Parquet, Arrow and SQLite in, the findings in their cells out."""

import csv
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from glob import escape
from io import BytesIO, StringIO
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

import polars as pl
from polars import selectors

from om_toolkit.privacy import detectors
from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.scan_documents import scan_document, scan_text
from om_toolkit.privacy.scan_source import MOST_IN_MEMORY, NotOpened, Source, guarded, not_opened
from om_toolkit.privacy.text_windows import read_windows
from om_toolkit.support.application_id import APPLICATION_ID
from om_toolkit.support.chunks import chunked
from om_toolkit.support.csv_files import sniff_delimiter


@dataclass(frozen=True)
class _Cells:
    """The cells of one table: of equal values in a column, the first is reported."""

    source: Source
    reported: set[tuple[str, Finding, str]] = field(default_factory=set)

    def scan(self, value: object, where: str, name: str) -> Iterator[Finding]:
        """Scan one cell."""
        shown_value = ""
        for finding in scan_document(self.source, value, where, name):
            if finding.kind != "not opened":  # the reason is the same for all values
                shown_value = shown_value or repr(value)
            key = name, finding._replace(where=finding.where.removeprefix(where)), shown_value
            if key not in self.reported:
                self.reported.add(key)
                yield finding

    def scan_column(self, column: pl.Series, first: int) -> Iterator[Finding]:
        """Scan some cells of a column, each distinct value in its first row."""
        name, values = column.name, column.alias("")  # polars takes a name like ^a$ for a pattern
        step = detectors.shown_name(name)
        places = pl.int_range(len(values), eager=True) if values.dtype.is_nested() else values.arg_unique()
        for place, value in zip(places, values.gather(places).to_list(), strict=True):
            yield from self.scan(value, f"{self.source.where}[{first + place}].{step}", name)


def scan_csv(source: Source) -> Iterator[Finding]:
    """Scan the columns of a CSV file with any usual delimiter."""
    windows = read_windows(source.file)
    delimiter, start = sniff_delimiter(next(windows))
    lines = chain.from_iterable(StringIO(window, newline="") for window in chain([start], windows))
    rows = csv.reader(lines, delimiter=delimiter)
    names = next(rows, [])
    yield from _scan_names(source, names)
    cells = _Cells(source)
    for number, chunk in enumerate(chunked(rows, _ROWS)):
        for name, *column in zip_longest(names, *chunk, fillvalue=""):
            yield from cells.scan_column(pl.Series(name, column, pl.String), number * _ROWS)


def _scan_names(source: Source, names: Iterable[str]) -> Iterator[Finding]:
    for name in names:
        yield from scan_text(source, name, f"{source.where}.{detectors.shown_name(name)}")


def scan_parquet(source: Source) -> Iterator[Finding]:
    """Scan the columns of a Parquet file, and its metadata."""
    file = _file_for_polars(source)
    yield from _scan_frame(source, pl.scan_parquet(file, glob=False, hive_partitioning=False))
    yield from scan_document(source, dict(pl.read_parquet_metadata(file)), f"{source.where}.metadata")


def scan_arrow(source: Source) -> Iterator[Finding]:
    """Scan the columns of an Arrow file."""
    file = _file_for_polars(source)
    pattern = file if isinstance(file, BytesIO) else escape(str(file))  # a path is read as a pattern
    yield from _scan_frame(source, pl.scan_ipc(pattern, hive_partitioning=False))


def _file_for_polars(source: Source) -> Path | BytesIO:
    return source.path.absolute() if source.path else BytesIO(source.read())


def _scan_frame(source: Source, frame: pl.LazyFrame) -> Iterator[Finding]:
    height: int = frame.select(pl.len()).collect().item()
    names = frame.collect_schema().names()
    yield from _scan_names(source, names)
    for place in range(len(names)):
        cells = _Cells(source)
        for first in range(0, height, _ROWS):
            rows = frame.select(selectors.by_index(place)).slice(first, _ROWS).collect()
            yield from cells.scan_column(rows.to_series(), first)


def scan_database(source: Source) -> Iterator[Finding]:
    """Scan every cell of every table of an SQLite database that no program has open."""
    if source.path:
        # Without `immutable`, SQLite would create a log in its folder and leave it there.
        database = _open_database(source.path, "ro&immutable=1")
    else:
        content = source.read()
        database = sqlite3.connect(":memory:")
        database.deserialize(content[:18] + b"\1\1" + content[20:])  # in memory there is no write-ahead log
    yield from _scan_database(source, database)


def scan_open_database(source: Source) -> Iterator[Finding]:
    """Scan a database that a program has open, with the changes that are still in its log."""
    if source.path:
        yield from _scan_database(source, _open_database(source.path, "ro"))


def _open_database(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)


def _scan_database(source: Source, database: sqlite3.Connection) -> Iterator[Finding]:
    with closing(database):
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_IN_MEMORY)
        database.text_factory = lambda content: content.decode(errors="replace")
        dictionary = None
        if database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,):
            (dictionary,) = database.execute("SELECT dictionary FROM archive").fetchone()
        if not dictionary and database.execute("PRAGMA freelist_count").fetchone() != (0,):  # archives overwrite them
            yield not_opened(source.where, "deleted rows may remain in it; VACUUM removes them")
        for kind, name, statement in database.execute("SELECT type, name, sql FROM sqlite_schema").fetchall():
            where = f"{source.where}.{detectors.shown_name(name)}"
            yield from scan_text(source, f"{name}\n{statement or ''}", f"{where} definition")
            if kind == "table" and not (dictionary and name in ("archive", "totals")):
                yield from guarded(_scan_table(source, database, name, dictionary), where)


def _scan_table(
    source: Source, database: sqlite3.Connection, table: str, dictionary: bytes | None
) -> Iterator[Finding]:
    """Scan a table; archives of this package pack their documents with a dictionary."""
    quoted = table.replace('"', '""')
    rows = database.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608 - a name from the schema itself
    names = [name for name, *_ in rows.description]
    cells = _Cells(source)
    for number, row in enumerate(rows):
        where = f"{source.where}.{detectors.shown_name(table)}[{number}]"
        for name, value in zip(names, row, strict=True):
            content = _unpacked(name, value, dictionary) if dictionary else value
            yield from cells.scan(content, f"{where}.{detectors.shown_name(name)}", name)


def _unpacked(name: str, value: object, dictionary: bytes) -> object:
    """Return a value of an archive, its documents unpacked, its checksums left out."""
    if name in ("digest", "checksum"):
        return None
    if name != "body" or not isinstance(value, bytes):
        return value
    unpacking = zlib.decompressobj(zdict=dictionary)
    document = unpacking.decompress(value, MOST_IN_MEMORY)
    if not unpacking.eof:
        raise NotOpened("a document in it is truncated or too large")
    return document


_ROWS: Final = 2**13
"""How many rows of a table are read at a time."""
