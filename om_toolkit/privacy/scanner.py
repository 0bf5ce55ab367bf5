"""What must not be mailed, published or committed: files in, the credentials and personal data found in them out."""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
import sqlite3
import tarfile
import zlib
from contextlib import closing
from io import BytesIO, StringIO
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from zipfile import ZipFile

import polars as pl
import yaml

from om_toolkit.privacy.detectors import Hit, decode_base64, find_in_field, find_in_line, shown_name
from om_toolkit.privacy.printed import find_in_tables
from om_toolkit.support.csv_files import split_csv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def scan(*paths: str | Path) -> pl.DataFrame:
    """Look for credentials and personal data in files, and in all files of folders.

    It opens notebooks with their outputs, cassettes, NDJSON, CSV, Parquet, Arrow, SQLite and our archives, what gzip,
    zip and tar packed of these, and reads whatever else as text. Found are e-mail addresses, telephone numbers with
    their country code, personal numbers of Sweden, Norway, Finland, Denmark and Germany (by their dates and check
    digits), names, addresses and tracking as the API has them (by the name of the field or column), API keys,
    passwords, and the headers that carry credentials. Stand-ins of this package and addresses in domains that nobody
    can have, such as `example.com`, are none.

    Args:
        *paths: Files or folders.

    Returns:
        A row for each place: `file`, `where` (line, field or cell; of the values of a column, the first row of each),
        `kind`, `shown` (its first character and its length: a finding repeats nothing), all String. The kind of a file
        that could not be read to its end is `not opened`, and `shown` is why. It is empty if nothing was found, which
        is no proof: names in free text look like any other words, pictures and PDF are not looked into, and columns
        are not told in workbooks, nor in printed tables whose names are cut or whose cells are broken over lines.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "note.txt").write_text("Ask ada@lovelace.se, and see person-1@example.com")
        ...     scan(folder).select("where", "kind", "shown").rows()
        [('line 1', 'e-mail', 'a… (15 characters)')]
    """
    files = [file for path in map(Path, paths) for file in _files(path)]
    rows = [
        (str(file), hit.where.strip(". ") or "file", hit.kind, hit.shown) for file in files for hit in _on_disk(file)
    ]
    schema = dict.fromkeys(("file", "where", "kind", "shown"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row").unique(maintain_order=True)


def _files(path: Path) -> list[Path]:
    if path.is_dir():  # a link that leads nowhere is among its files; a pipe, which would be waited for, is not
        return [file for file in sorted(path.rglob("*")) if file.is_file() or not file.exists()]
    if not (path.exists() or path.is_symlink()):
        raise FileNotFoundError(f"there is no file {path}")
    return [path]


def _on_disk(path: Path) -> Iterator[Hit]:
    try:
        if Path(f"{path}-wal").exists():
            # SQLite has it open, perhaps in this process, all of whose locks would end if we closed it ourselves.
            with closing(_database(path, "ro")) as database:
                yield from _in_sql(database, "")
            return
        with path.open("rb") as file:
            yield from _in_file(path.name, file, "")
    except (OSError, sqlite3.Error) as error:
        yield _not_opened("", error)


def _in_file(name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    """Look at a file by what it begins with; what one packs is a file again."""
    start = file.read(_TELLING)
    file.seek(0)
    look = next((look for place, magic, look in _FORMATS if start.startswith(magic, place)), _in_plain)
    try:
        yield from look(name.lower(), file, where)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - whatever ails it, others are looked at
        yield _not_opened(where, error)


def _not_opened(where: str, error: BaseException) -> Hit:
    return Hit(where, "not opened", type(error).__name__)  # whose message may quote the file


def _in_gzip(name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    with gzip.open(file) as packed:
        yield from _in_file(name.removesuffix(".gz"), BytesIO(packed.read()), where)


def _in_zip(_name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    with ZipFile(file) as packed:
        for number, name in enumerate(packed.namelist()):
            yield from _in_file(name, BytesIO(packed.read(name)), f"{where}[{number}]")


def _in_tar(_name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    with tarfile.open(fileobj=file) as packed:
        for number, member in enumerate(packed):
            if member.isfile() and (content := packed.extractfile(member)):
                yield from _in_file(member.name, BytesIO(content.read()), f"{where}[{number}]")


def _in_parquet(_name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    yield from _in_columns(pl.read_parquet(file), where)
    file.seek(0)
    yield from _in_document(dict(pl.read_parquet_metadata(file)), f"{where}.metadata")


def _in_arrow(_name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    yield from _in_columns(pl.read_ipc(file), where)


def _in_columns(columns: Iterable[pl.Series], where: str) -> Iterator[Hit]:
    """Look at each value of each column once, where it first stands."""
    for column in columns:
        step = shown_name(column.name)
        yield from _in_text(column.name, f"{where}.{step}")
        is_nested = column.dtype.is_nested()
        places = pl.int_range(len(column), eager=True) if is_nested else column.arg_unique()
        for place, value in zip(places, column.gather(places).to_list(), strict=True):
            yield from _in_document(value, f"{where}[{place}].{step}", column.name)


def _in_database(_name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    with closing(_connected(file)) as database:
        yield from _in_sql(database, where)


def _in_sql(database: sqlite3.Connection, where: str) -> Iterator[Hit]:
    """Look at every cell of every table; our archives pack their documents with a dictionary of their own."""
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    dictionary = None
    if database.execute("PRAGMA application_id").fetchone() == (_ARCHIVE,):
        (dictionary,) = database.execute("SELECT dictionary FROM archive").fetchone()
        tables.remove("archive")
    for table in tables:
        rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the schema itself
        names = [name for name, *_ in rows.description]
        for number, row in enumerate(rows):
            document = dict(zip(names, row, strict=True))
            if dictionary and "body" in document:
                body = zlib.decompressobj(zdict=dictionary).decompress(document["body"])
                document |= {"body": body, "digest": None}
            yield from _in_document(document, f"{where}.{shown_name(table)}[{number}]")


def _connected(file: BinaryIO) -> sqlite3.Connection:
    if isinstance(file, BytesIO):
        database = sqlite3.connect(":memory:")
        data = file.read()
        database.deserialize(data[:18] + b"\1\1" + data[20:])  # in memory there is no write-ahead log
        return database
    # Nobody has it open; SQLite would make a log beside it and leave it there.
    return _database(Path(file.name), "ro&immutable=1")


def _database(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)


def _in_unknown(_name: str, _file: BinaryIO, where: str) -> Iterator[Hit]:
    yield Hit(where, "not opened", "a format that is not read here")


def _in_plain(name: str, file: BinaryIO, where: str) -> Iterator[Hit]:
    data = file.read()
    suffix = Path(name).suffix
    if suffix in (".csv", ".tsv"):
        delimiter, text = split_csv(_text(data))
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
        columns = zip_longest(*rows, fillvalue="")
        yield from _in_columns((pl.Series(head, cells, pl.String) for head, *cells in columns), where)
    else:
        yield from _in_document(_yaml(data) if suffix in (".yaml", ".yml") else _text(data), where)


def _text(data: bytes) -> str:
    return data.decode(json.detect_encoding(data), errors="replace")


def _yaml(data: bytes) -> object:
    try:
        return yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError:
        return _text(data)


_TELLING: Final = 512


_ARCHIVE: Final = 0x6F6D746B  # the application id of our archives


_FORMATS: Final[tuple[tuple[int, bytes, Callable[[str, BinaryIO, str], Iterator[Hit]]], ...]] = (
    (0, b"\x1f\x8b\x08", _in_gzip),
    (0, b"PK\3\4", _in_zip),
    (257, b"ustar", _in_tar),
    (0, b"PAR1", _in_parquet),
    (0, b"ARROW1", _in_arrow),
    (0, b"SQLite format 3\0", _in_database),
    (0, b"BZh", _in_unknown),
    (0, b"\xfd7zXZ", _in_unknown),
    (0, b"7z\xbc\xaf", _in_unknown),
    (0, b"\x28\xb5\x2f\xfd", _in_unknown),  # Zstandard
    (0, b"FEA1", _in_unknown),  # the first Feather
    (0, b"\xff\xff\xff\xff", _in_unknown),  # an Arrow stream
)


def _in_document(document: object, where: str, name: str = "") -> Iterator[Hit]:
    """Look at a document and all that is in it, JSON in text included; `name` is the field that holds it."""
    if isinstance(document, dict):
        for key, item in document.items():
            step = f"{where}.{shown_name(str(key))}"
            yield from _in_text(str(key), step)
            if not _PICTURE.fullmatch(str(key)):
                yield from _in_document(item, step, str(key))
    elif isinstance(document, list):
        is_text = document and all(isinstance(item, str) and item.endswith("\n") for item in document[:-1])
        if is_text and isinstance(document[-1], str) and len(document) > 1:  # as notebooks keep it
            document = ["".join(document)]
        for number, item in enumerate(document):
            yield from _in_document(item, f"{where}[{number}]", name)
    elif isinstance(document, bytes):
        yield from find_in_field(name, _text(document), where)
        yield from _in_file("", BytesIO(document), where)
    elif document is not None and not isinstance(document, bool):
        # A column of whole numbers with gaps may have come as one of floats.
        text = f"{document:.0f}" if isinstance(document, float) and document.is_integer() else str(document)
        yield from find_in_field(name, text, where)
        yield from _in_text(text, where)


def _in_text(text: str, where: str) -> Iterator[Hit]:
    """Look at a text: as JSON if it is, else at its lines, and at the tables drawn in it."""
    document = _json(text)
    if document is not None:
        yield from _in_document(document, where)
        return
    text = html.unescape(text)
    for packed in _PACKED.finditer(text):
        if not _PICTURE.fullmatch(packed[1]):
            yield from _in_file(packed[1].replace("/", "."), BytesIO(decode_base64(packed[2])), f"{where} data")
    plain = _PACKED.sub("", text)
    lines = plain.splitlines()
    for number, line in enumerate(lines, 1):
        at = where if len(lines) == 1 and where else f"{where} line {number}"
        document = _json(line)
        if document is None:
            yield from find_in_line(line, at)
        else:
            yield from _in_document(document, at)
    if len(lines) > 1 or "<" in plain:
        yield from find_in_tables(plain, where)


def _json(text: str) -> object:
    """Return the document that a text is; None if it is no object and no array."""
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        document: object = json.loads(text.strip())
    except (ValueError, RecursionError):
        return None
    return document


_PICTURE: Final = re.compile(r"(?:image/(?!svg)|audio/|video/|font/).*")


_PACKED: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/]+)=*")
