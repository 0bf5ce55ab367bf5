"""The scanner: files that may be mailed, published or committed in, the credentials and personal data in them out."""

import csv
import gzip
import html
import json
import re
import sqlite3
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from io import BytesIO, StringIO
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Final
from zipfile import ZipFile

import polars as pl
import yaml

from om_toolkit.privacy import detectors
from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.encodings import decode_base64
from om_toolkit.support.application_id import APPLICATION_ID
from om_toolkit.support.csv_files import sniff_delimiter


def scan(*paths: str | Path) -> pl.DataFrame:
    """Find credentials and personal data in files, and in all files of folders.

    It opens notebooks with their outputs, cassettes, NDJSON, CSV, Parquet, Arrow, SQLite and archives of this package,
    also packed by gzip, zip or tar, and reads everything else as text. It finds e-mail addresses; telephone numbers
    with a country code; bank accounts (IBAN); personal numbers of Sweden, Norway, Finland, Denmark, Germany and the
    Netherlands; names, addresses and tracking by the API's names of fields and columns; API keys, passwords, and
    headers with credentials; all of them also inside percent-encoding, HTML entities, escapes of JSON, and base64.
    Placeholders of this package and addresses in reserved domains, such as `example.com`, are not findings.

    An empty result is no proof. Names in free text look like any other words. Pictures, PDF and workbooks are not
    looked into, nor are the columns of tables printed as plain text, such as frames of polars and pandas; those of HTML
    tables are. A Dutch number is found as 1112.22.333 or after `BSN`, because one in eleven numbers of nine digits
    passes its check. A Danish number is found without its check digit, as issued since 2007, unless it is of a birth
    date before 1937.

    Args:
        *paths: Files or folders.

    Returns:
        One row per place: `file`, `where` (line, field or cell; of equal values in a column, the first), `kind`,
        `shown` (the first character and the length, never the value itself), all String. A file that could not be read
        to its end has the kind `not opened`, and `shown` says why.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "note.txt").write_text("Ask ada@lovelace.se, and see person-1@example.com")
        ...     scan(folder).select("where", "kind", "shown").rows()
        [('line 1', 'e-mail', 'a… (15 characters)')]
    """
    files = [file for path in map(Path, paths) for file in _files_of(path)]
    rows = [
        (str(file), finding.where.strip(". ") or "file", finding.kind, finding.shown)
        for file in files
        for finding in _scan_path(file)
    ]
    schema = dict.fromkeys(("file", "where", "kind", "shown"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row").unique(maintain_order=True)


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():  # broken links are included; pipes are not, because reading one may wait for ever
        return [file for file in sorted(path.rglob("*")) if file.is_file() or not file.exists()]
    if not (path.exists() or path.is_symlink()):
        raise FileNotFoundError(f"there is no file {path}; check the path")
    return [path]


def _scan_path(path: Path) -> Iterator[Finding]:
    try:
        if Path(f"{path}-wal").exists():
            # A program has the database open. If it is this one, closing the file here would release all its locks.
            with closing(_open_database(path, "ro")) as database:
                yield from _scan_tables(database, "")
            return
        with path.open("rb") as file:
            yield from _scan_file(path.name, file, "")
    except (OSError, sqlite3.Error) as error:
        yield _not_opened("", error)


def _scan_file(name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    """Scan a file by the format that its first bytes show; a packed file is scanned in the same way."""
    start = file.read(_LONGEST_START)
    file.seek(0)
    if start.startswith(_NOT_SUPPORTED):
        yield Finding(where, "not opened", "this format is not supported")
        return
    scan_format = next((scan for magic, offset, scan in _FORMATS if start.startswith(magic, offset)), _scan_plain)
    try:
        yield from scan_format(name.lower(), file, where)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - after any failure the others are scanned
        yield _not_opened(where, error)


def _not_opened(where: str, error: BaseException) -> Finding:
    return Finding(where, "not opened", type(error).__name__)  # the error's message may quote the file


def _scan_gzip(name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    with gzip.open(file) as packed:
        yield from _scan_file(name.removesuffix(".gz"), BytesIO(packed.read()), where)


def _scan_zip(_name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    with ZipFile(file) as packed:
        for number, name in enumerate(packed.namelist()):
            yield from _scan_file(name, BytesIO(packed.read(name)), f"{where}[{number}]")


def _scan_tar(_name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    with tarfile.open(fileobj=file) as packed:
        for number, member in enumerate(packed):
            if member.isfile() and (content := packed.extractfile(member)):
                yield from _scan_file(member.name, BytesIO(content.read()), f"{where}[{number}]")


def _scan_parquet(_name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    yield from _scan_columns(pl.read_parquet(file), where)
    file.seek(0)
    yield from _scan_document(dict(pl.read_parquet_metadata(file)), f"{where}.metadata")


def _scan_arrow(_name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    yield from _scan_columns(pl.read_ipc(file), where)


def _scan_columns(columns: Iterable[pl.Series], where: str) -> Iterator[Finding]:
    """Scan each distinct value of each column, in its first row."""
    for column in columns:
        step = detectors.shown_name(column.name)
        yield from _scan_text(column.name, f"{where}.{step}")
        is_nested = column.dtype.is_nested()
        places = pl.int_range(len(column), eager=True) if is_nested else column.arg_unique()
        for place, value in zip(places, column.gather(places).to_list(), strict=True):
            yield from _scan_document(value, f"{where}[{place}].{step}", column.name)


def _scan_database(_name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    with closing(_connect(file)) as database:
        yield from _scan_tables(database, where)


def _scan_tables(database: sqlite3.Connection, where: str) -> Iterator[Finding]:
    """Scan every cell of every table; archives of this package pack their documents with a dictionary."""
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    dictionary = None
    if database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,):
        (dictionary,) = database.execute("SELECT dictionary FROM archive").fetchone()
        tables = [table for table in tables if table not in ("archive", "totals")]
    for table in tables:
        rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the schema itself
        names = [name for name, *_ in rows.description]
        for number, row in enumerate(rows):
            document = dict(zip(names, row, strict=True))
            if dictionary and "body" in document:
                body = zlib.decompressobj(zdict=dictionary).decompress(document["body"])
                document |= {"body": body, "digest": None, "checksum": None}
            yield from _scan_document(document, f"{where}.{detectors.shown_name(table)}[{number}]")


def _connect(file: BinaryIO) -> sqlite3.Connection:
    if isinstance(file, BytesIO):
        database = sqlite3.connect(":memory:")
        data = file.read()
        database.deserialize(data[:18] + b"\1\1" + data[20:])  # in memory there is no write-ahead log
        return database
    # No program has it open; without `immutable`, SQLite would create a log in its folder and leave it there.
    return _open_database(Path(file.name), "ro&immutable=1")


def _open_database(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)


def _scan_plain(name: str, file: BinaryIO, where: str) -> Iterator[Finding]:
    data = file.read()
    suffix = Path(name).suffix
    if suffix in (".csv", ".tsv"):
        delimiter, text = sniff_delimiter(_decode(data))
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
        columns = zip_longest(*rows, fillvalue="")
        yield from _scan_columns((pl.Series(head, cells, pl.String) for head, *cells in columns), where)
    else:
        yield from _scan_document(_load_yaml(data) if suffix in (".yaml", ".yml") else _decode(data), where)


def _decode(data: bytes) -> str:
    return data.decode(json.detect_encoding(data), errors="replace")


def _load_yaml(data: bytes) -> object:
    try:
        return yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError:
        return _decode(data)


_LONGEST_START: Final = 512

_FORMATS: Final[tuple[tuple[bytes, int, Callable[[str, BinaryIO, str], Iterator[Finding]]], ...]] = (
    (b"\x1f\x8b\x08", 0, _scan_gzip),
    (b"PK\3\4", 0, _scan_zip),
    (b"ustar", 257, _scan_tar),
    (b"PAR1", 0, _scan_parquet),
    (b"ARROW1", 0, _scan_arrow),
    (b"SQLite format 3\0", 0, _scan_database),
)
"""The first bytes of each format, their offset, and the function that scans it; other files are plain text."""

_NOT_SUPPORTED: Final = (b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"FEA1", b"\xff\xff\xff\xff")
"""The first bytes of bzip2, xz, 7z, Zstandard, the first version of Feather, and Arrow streams."""


def _scan_document(document: object, where: str, name: str = "") -> Iterator[Finding]:
    """Scan a document with everything in it, also JSON in its texts.

    Args:
        document: An object, an array, text, bytes or a number.
        where: Its place in the file.
        name: Its field or column.
    """
    if isinstance(document, dict):
        yield from _scan_object(document, where)
    elif isinstance(document, list):
        for number, item in enumerate(_joined(document)):
            yield from _scan_document(item, f"{where}[{number}]", name)
    elif isinstance(document, bytes):
        yield from detectors.find_in_field(name, _decode(document), where)
        yield from _scan_file("", BytesIO(document), where)
    elif document is not None and not isinstance(document, bool):
        # A column of integers with missing values may have been read as floats.
        text = f"{document:.0f}" if isinstance(document, float) and document.is_integer() else str(document)
        yield from detectors.find_in_field(name, text, where)
        yield from _scan_text(text, where)


def _scan_object(document: dict[object, object], where: str) -> Iterator[Finding]:
    for key, item in document.items():
        step = f"{where}.{detectors.shown_name(str(key))}"
        yield from _scan_text(str(key), step)
        if not _MEDIA_TYPE.fullmatch(str(key)):
            yield from _scan_document(item, step, str(key))


def _joined(items: list[object]) -> list[object]:
    """Join an array of lines to one text: notebooks store text as such arrays."""
    lines = [item for item in items if isinstance(item, str)]
    is_text = len(lines) == len(items) > 1 and all(line.endswith("\n") for line in lines[:-1])
    return ["".join(lines)] if is_text else items


def _scan_text(text: str, where: str) -> Iterator[Finding]:
    """Scan a text as JSON if it is, else its lines, its HTML tables and the files embedded in it."""
    document = _parse_json(text)
    if document is not None:
        yield from _scan_document(document, where)
        return
    text = html.unescape(text)
    for embedded in _DATA_URL.finditer(text):
        if not _MEDIA_TYPE.fullmatch(embedded[1]):
            yield from _scan_file(embedded[1].replace("/", "."), BytesIO(decode_base64(embedded[2])), f"{where} data")
    plain = _DATA_URL.sub("", text)
    lines = plain.splitlines()
    for number, line in enumerate(lines, 1):
        yield from _scan_line(line, where if len(lines) == 1 and where else f"{where} line {number}")
    yield from detectors.find_in_html_tables(plain, where)


def _scan_line(line: str, where: str) -> Iterator[Finding]:
    document = _parse_json(line)
    yield from detectors.find_in_text(line, where) if document is None else _scan_document(document, where)


def _parse_json(text: str) -> object:
    """Return the object or array that a text is, else None."""
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        document: object = json.loads(text.strip())
    except (ValueError, RecursionError):
        return None
    return document


_MEDIA_TYPE: Final = re.compile(r"(?:image/(?!svg)|audio/|video/|font/).*")
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/]+)=*")
