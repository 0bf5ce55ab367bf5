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
from base64 import b64decode
from contextlib import closing
from io import BytesIO, StringIO
from itertools import chain, zip_longest
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple
from zipfile import ZipFile

import polars as pl
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class _Hit(NamedTuple):
    """Something found: where in its file, of what kind, and what may be told of it."""

    where: str
    kind: str
    shown: str


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


def split_csv(text: str) -> tuple[str, str]:
    """Return the delimiter of a CSV file and its rows, without the line in which Excel tells the delimiter."""
    first, _, rest = text.partition("\n")
    if told := re.fullmatch("(?i)sep=(.)\r?", first):
        return told[1], rest
    return max(",;\t|", key=first.count), text


# ---- Files, taken apart ----


def _files(path: Path) -> list[Path]:
    if path.is_dir():  # a link that leads nowhere is among its files; a pipe, which would be waited for, is not
        return [file for file in sorted(path.rglob("*")) if file.is_file() or not file.exists()]
    if not (path.exists() or path.is_symlink()):
        raise FileNotFoundError(f"there is no file {path}")
    return [path]


def _on_disk(path: Path) -> Iterator[_Hit]:
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


def _in_file(name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    """Look at a file by what it begins with; what one packs is a file again."""
    start = file.read(_TELLING)
    file.seek(0)
    look = next((look for place, magic, look in _FORMATS if start.startswith(magic, place)), _in_plain)
    try:
        yield from look(name.lower(), file, where)
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - whatever ails it, others are looked at
        yield _not_opened(where, error)


def _not_opened(where: str, error: BaseException) -> _Hit:
    return _Hit(where, "not opened", type(error).__name__)  # whose message may quote the file


def _in_gzip(name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    with gzip.open(file) as packed:
        yield from _in_file(name.removesuffix(".gz"), BytesIO(packed.read()), where)


def _in_zip(_name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    with ZipFile(file) as packed:
        for number, name in enumerate(packed.namelist()):
            yield from _in_file(name, BytesIO(packed.read(name)), f"{where}[{number}]")


def _in_tar(_name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    with tarfile.open(fileobj=file) as packed:
        for number, member in enumerate(packed):
            if member.isfile() and (content := packed.extractfile(member)):
                yield from _in_file(member.name, BytesIO(content.read()), f"{where}[{number}]")


def _in_parquet(_name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    yield from _in_columns(pl.read_parquet(file), where)
    file.seek(0)
    yield from _in_document(dict(pl.read_parquet_metadata(file)), f"{where}.metadata")


def _in_arrow(_name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    yield from _in_columns(pl.read_ipc(file), where)


def _in_columns(columns: Iterable[pl.Series], where: str) -> Iterator[_Hit]:
    """Look at each value of each column once, where it first stands."""
    for column in columns:
        step = _step(column.name)
        yield from _in_text(column.name, f"{where}.{step}")
        is_nested = column.dtype.is_nested()
        places = pl.int_range(len(column), eager=True) if is_nested else column.arg_unique()
        for place, value in zip(places, column.gather(places).to_list(), strict=True):
            yield from _in_document(value, f"{where}[{place}].{step}", column.name)


def _in_database(_name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
    with closing(_connected(file)) as database:
        yield from _in_sql(database, where)


def _in_sql(database: sqlite3.Connection, where: str) -> Iterator[_Hit]:
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
            yield from _in_document(document, f"{where}.{_step(table)}[{number}]")


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


def _in_unknown(_name: str, _file: BinaryIO, where: str) -> Iterator[_Hit]:
    yield _Hit(where, "not opened", "a format that is not read here")


def _in_plain(name: str, file: BinaryIO, where: str) -> Iterator[_Hit]:
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
_FORMATS: Final[tuple[tuple[int, bytes, Callable[[str, BinaryIO, str], Iterator[_Hit]]], ...]] = (
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


# ---- Documents ----


def _in_document(document: object, where: str, name: str = "") -> Iterator[_Hit]:
    """Look at a document and all that is in it, JSON in text included; `name` is the field that holds it."""
    if isinstance(document, dict):
        for key, item in document.items():
            step = f"{where}.{_step(str(key))}"
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
        yield from _in_field(name, _text(document), where)
        yield from _in_file("", BytesIO(document), where)
    elif document is not None and not isinstance(document, bool):
        # A column of whole numbers with gaps may have come as one of floats.
        text = f"{document:.0f}" if isinstance(document, float) and document.is_integer() else str(document)
        yield from _in_field(name, text, where)
        yield from _in_text(text, where)


def _step(name: str) -> str:
    """Return the name of a field if it looks like one: it may be somebody's."""
    return name if _STEP.fullmatch(name) else "?"


def _hit(where: str, kind: str, value: str) -> _Hit:
    first = value[0] if len(value) >= _LONG_ENOUGH_TO_BEGIN else ""
    return _Hit(where, kind, f"{first}… ({len(value)} characters)")


def _in_field(name: str, value: str, where: str) -> Iterator[_Hit]:
    """Look at a value that stands in a field or a column of that name."""
    field = _FIELD.search(name.lower())
    value = value.strip(" \t\"'")
    if field and value not in _NO_VALUES and not _is_stand_in(field[1], value):
        kind = _FIELDS[field[1]]
        if kind == "credentials" or not _COLUMN.fullmatch(value.lower()):
            yield _hit(where, kind, value)


def _is_stand_in(field: str, value: str) -> bool:
    forms = (
        rf"{field[:30]}(-\d*x*)?(…|\.\.\.)?|person-\d+x*@example\.com|18\d\d-\d\d-\d\d|https://example\.com/\d+x*|-\d+"
    )
    return bool(re.fullmatch(forms, value))


def _in_text(text: str, where: str) -> Iterator[_Hit]:
    """Look at a text: as JSON if it is, else at its lines, and at the tables drawn in it."""
    document = _json(text)
    if document is not None:
        yield from _in_document(document, where)
        return
    text = html.unescape(text)
    for packed in _PACKED.finditer(text):
        if not _PICTURE.fullmatch(packed[1]):
            yield from _in_file(packed[1].replace("/", "."), BytesIO(_unpacked(packed[2])), f"{where} data")
    plain = _PACKED.sub("", text)
    lines = plain.splitlines()
    for number, line in enumerate(lines, 1):
        at = where if len(lines) == 1 and where else f"{where} line {number}"
        document = _json(line)
        if document is None:
            yield from _in_line(line, at)
        else:
            yield from _in_document(document, at)
    if len(lines) > 1 or "<" in plain:
        yield from _in_tables(plain, where)


def _json(text: str) -> object:
    """Return the document that a text is; None if it is no object and no array."""
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        document: object = json.loads(text.strip())
    except (ValueError, RecursionError):
        return None
    return document


def _in_line(line: str, where: str) -> Iterator[_Hit]:
    for kind, pattern, is_one in _PATTERNS:
        for found in pattern.finditer(line):
            if is_one(found):
                yield _hit(where, kind, found[0].strip())
    for name, value in chain(_PAIR.findall(line), _UNQUOTED.findall(line)):
        yield from _in_field(name, value, where)


def _in_tables(text: str, where: str) -> Iterator[_Hit]:
    """Look at the cells of tables in HTML and of those that are drawn or printed, by the names of their columns."""
    printed = re.sub(r"(?i)</?pre\b[^<>]*>", "\n", text).splitlines()
    for name, cell in chain(_in_rows(_rows(text)), _in_frames(printed), _in_series(printed)):
        yield from _in_field(name, cell, f"{where} table, {_step(name)}")


def _in_rows(rows: Iterator[list[str]]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    for cells in rows:
        if any(_FIELD.search(cell.strip().lower()) for cell in cells):
            names = [cell.strip() for cell in cells]
        else:
            yield from zip(names, cells, strict=False)


def _rows(text: str) -> Iterator[list[str]]:
    for row in re.split(r"(?i)<tr\b", text)[1:]:
        cells = (cell.partition("</t")[0] for cell in re.split(r"(?i)<t[dh]\b[^<>]*>", row)[1:])
        yield [re.sub(r"<[^<>]*>", "", cell) for cell in cells]
    head: list[list[str]] | None = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("┌"):
            head = []
        elif line.startswith("╞") and head:  # above, polars breaks long names, and writes --- and the type below them
            yield ["".join(parts).partition("---")[0] for parts in zip(*head, strict=False)]
            head = None
        elif line.startswith(("│", "|")):
            cells_of_line = [cell.strip() for cell in re.split("[┆│|]", line.strip("│|"))]
            if head is None:
                yield cells_of_line
            else:
                head.append(cells_of_line)


def _in_frames(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and cells of frames as pandas prints them: an index, and columns that end where their names do.

    A line that does not keep to that is of none.
    """
    names: list[re.Match[str]] = []
    for line in lines:
        if line.startswith(" "):
            words = list(re.finditer(r"\S+", line))
            names = words if any(_FIELD.search(word[0].lower()) for word in words) else []
        elif line and names and not any(line[name.end() : name.end() + 1].strip() for name in names):
            start = len(line.partition(" ")[0])
            for name in names:
                if line[name.end() - 1 : name.end()].strip():
                    yield name[0], line[start : name.end()]
                start = name.end()
        else:
            names = []


def _in_series(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and cells of what pandas and polars print of one row or one column, and of polars' glimpse."""
    cells: list[tuple[str, str]] = []  # of pandas, which tells the name below
    column = ""  # of polars
    for line in lines:
        if found := _POLARS_SERIES.match(line):
            column = found[1] or ""
        elif column and line.startswith("\t"):
            yield column, line
        elif found := _GLIMPSE.match(line):
            yield from ((found[1], cell) for cell in found[2].split(", "))
        elif found := _PANDAS_SERIES.match(line):
            yield from chain(cells, ((found[1], cell) for _, cell in cells))
            cells = []
        elif line.strip():
            index, _, cell = line.partition("  ")
            cells.append((index, cell))
        else:
            cells, column = [], ""


# ---- What is looked for ----

_KINDS: Final = {
    "name": "given_name family_name organization_name attention",
    "address": "street_address street_address2 postal_code city",
    "e-mail": "email",
    "phone": "phone",
    "date of birth": "date_of_birth",
    "personal number": "national_identification_number organization_registration_id vat_id",
    "tracking": "tracking_number tracking_uri return_tracking_number return_tracking_uri",
    "customer's text": "user_input",
    "credentials": "authorization cookie password om_api_key om_pseudonym_key",
}
_FIELDS: Final = {field: kind for kind, fields in _KINDS.items() for field in fields.split()}
_FIELD: Final = re.compile(rf"(?:^|[^a-z])({'|'.join(_FIELDS)})$")
_PAIR: Final = re.compile(rf"""(?i)\b(\w*(?:{"|".join(_FIELDS)}))["'\]]*\s*[:=]\s*\[?["']([^"']+)["']""")
_UNQUOTED: Final = re.compile(  # lines of .env and %env, and headers
    r"""\b((?:[A-Z]+_)*(?:PASSWORD|API_KEY|PSEUDONYM_KEY)(?==)|(?i:cookie)(?=:\s*[^\s=;"']{1,99}=))[=:]\s*([^\s"'$<({[\\]+)"""
)
_POLARS_SERIES: Final = re.compile(r"Series: '(.*)' \[|\]$")  # its beginning or its end
_PANDAS_SERIES: Final = re.compile(r"Name: ([^,]+), .*dtype: ")
_GLIMPSE: Final = re.compile(r"\$ (\S+) +<[^<>]+> (.*)")
_LONG_ENOUGH_TO_BEGIN: Final = 4
_NO_VALUES: Final = frozenset(
    ["", *"--- str string String null None NaN NaT nan <NA> True False … ... - kco_test_sandbox".split()]
)
_STEP: Final = re.compile(r"[a-z][a-z_/-]{0,60}\d?")
_COLUMN: Final = re.compile(rf"[\w.]*(?<![a-z])(?:{'|'.join(_FIELDS)})")
_PICTURE: Final = re.compile(r"(?:image/(?!svg)|audio/|video/|font/).*")
_PACKED: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/]+)=*")
_NOBODYS: Final = re.compile(
    r"(?i)git@.*|.*[@.](?:example\.(?:com|net|org)|example|invalid|test|localhost"
    r"|png|jpe?g|gif|svg|webp|ico|[mc]?js|css|json|map|html|xml)"  # files, such as icon@2x.png
)


def _is_somebodys(found: re.Match[str]) -> bool:
    return not _NOBODYS.fullmatch(found[0].replace("%40", "@"))


def _is_long_enough(found: re.Match[str]) -> bool:
    """Tell a number in E.164; those of North America have eleven digits."""
    digits = _digits(found)
    return len(digits) in (range(11, 12) if digits[0] == 1 else range(9, 16))


def _unpacked(base64: str) -> bytes:
    """Return what base64 holds, or nothing if it is none."""
    try:
        return b64decode(base64 + "=" * (-len(base64) % 4), validate=True)
    except ValueError:
        return b""


def _is_basic(found: re.Match[str]) -> bool:
    """Tell credentials after `Basic` from the next word."""
    return b":" in _unpacked(found[1])


def _digits(found: re.Match[str]) -> list[int]:
    return [int(letter) for letter in found[0] if letter.isdecimal()]


def _is_date(day: str, month: str, added: int = 0) -> bool:
    """Tell a date; whoever is no citizen may have a number added to the day."""
    return int(day) - (added if int(day) > added else 0) in range(1, 32) and int(month) in range(1, 13)


def _is_swedish(found: re.Match[str]) -> bool:
    digits = _digits(found)[-10:]
    luhn = sum(sum(divmod(digit * (2 - place % 2), 10)) for place, digit in enumerate(digits))
    year_month_day = "".join(map(str, digits[:6]))
    return _is_date(year_month_day[4:], year_month_day[2:4], added=60) and luhn % 10 == 0


def _is_norwegian(found: re.Match[str]) -> bool:
    digits = _digits(found)
    sums = (
        sum(map(mul, digits, weights))
        for weights in ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    )
    return _is_date(found[0][:2], found[0][2:4], added=40) and not any(total % 11 for total in sums)


def _is_finnish(found: re.Match[str]) -> bool:
    number = int(found[1] + found[2])
    return _is_date(found[0][:2], found[0][2:4]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == found[3]


def _is_danish(found: re.Match[str]) -> bool:
    """Tell a number; of those given since 2007, to the young and to whoever moved there, some have no check digit."""
    total = sum(map(mul, _digits(found), (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)))
    return _is_date(found[0][:2], found[0][2:4]) and total % 11 == 0


def _is_german(found: re.Match[str]) -> bool:
    """Tell a tax number: one digit of the first ten stands there two or three times (ISO 7064, MOD 11,10)."""
    *digits, check = _digits(found)
    product = 10
    for digit in digits:
        product = ((digit + product) % 10 or 10) * 2 % 11
    most = max(map(digits.count, digits))
    return digits[0] > 0 and most in (2, 3) and len(set(digits)) == 11 - most and (11 - product) % 10 == check


def _alone(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.+-])(?:{pattern})(?![\w-]|\.\d)")


_PATTERNS: Final[tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...]] = (
    ("e-mail", re.compile(r"(?<![\w.%+-])[\w.%+-]{0,63}\w(?:@|%40)(?:[\w-]+\.)+[A-Za-z]{2,}\b"), _is_somebodys),
    ("phone", re.compile(r"(?<![\w+/=.])\+[1-9][\d ()/.-]{6,18}\d(?!\w)"), _is_long_enough),
    (
        "personal number",
        _alone(r"(?:(?:19\d\d|200\d|201[0-4])\d{4}[-+]?|\d{6}[-+])\d{4}"),
        _is_swedish,
    ),  # later ones are times
    ("personal number", _alone(r"\d{6} ?\d{5}"), _is_norwegian),
    ("personal number", _alone(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])"), _is_finnish),
    ("personal number", _alone(r"\d{6}-\d{4}"), _is_danish),
    ("personal number", _alone(r"\d{11}|\d{2} \d{3} \d{3} \d{3}"), _is_german),
    ("credentials", re.compile(r"\bkco_(?:live|test)_[\w-]{12,}"), bool),
    ("credentials", re.compile(r"(?i)\bauthorization\W{1,8}(?:basic|bearer)\s+[\w+/=.~-]{6,}"), bool),
    ("credentials", re.compile(r"\bBasic ([A-Za-z0-9+/]{6,}={0,2})"), _is_basic),
    ("credentials", re.compile(r"""\bauth=\(\\?["'][^"']+["'], *\\?["'][^"']+["']\)"""), bool),
    ("credentials", re.compile(r"\bhttps?://[^\s/:@\"']+:[^\s/@\"']+@"), bool),
)
