"""What must not be mailed, published or committed: files in, the credentials and personal data found in them out."""

from __future__ import annotations

import csv
import gzip
import html
import json
import re
import sqlite3
import zlib
from base64 import b64decode
from contextlib import closing
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import polars as pl
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Hit(NamedTuple):
    """Something found: where in its file, of what kind, and itself."""

    where: str
    kind: str
    value: str

    @property
    def shown(self) -> str:
        """What may be told of it."""
        first = self.value[0] if len(self.value) >= _LONG_ENOUGH_TO_BEGIN else ""
        return f"{first}… ({len(self.value)} characters)"


def scan(*paths: str | Path) -> pl.DataFrame:
    """Look for credentials and personal data in files, and in all files of folders.

    It opens notebooks with their outputs, cassettes, NDJSON and CSV, Parquet, SQLite archives, packed files, and reads
    whatever else as text. Found are e-mail addresses, telephone numbers with their country code, personal numbers of
    Sweden, Norway, Finland, Denmark and Germany (by their dates and check digits), names, addresses and tracking as the
    API has them (by the name of the field or column), API keys, passwords, and the headers that carry credentials.
    Stand-ins of this package and addresses in domains that nobody can have, such as `example.com`, are none.

    Args:
        *paths: Files or folders.

    Returns:
        A row for each place: `file`, `where` (line, field or cell), `kind`, `shown` (its first character and its
        length: a finding repeats nothing), all String. It is empty if nothing was found, which is no proof: names in
        free text look like any other words.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a Parquet file or a database cannot be opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(folder, "note.txt").write_text("Ask ada@lovelace.se, and see person-1@example.com")
        ...     scan(folder).select("where", "kind", "shown").rows()
        [('line 1', 'e-mail', 'a… (15 characters)')]
    """
    files = [file for path in map(Path, paths) for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    rows = [
        (str(file), hit.where.strip(". "), hit.kind, hit.shown)
        for file in files
        if not file.is_dir()
        for hit in _in_file(file)
    ]
    schema = dict.fromkeys(("file", "where", "kind", "shown"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row").unique(maintain_order=True)


# ---- Files, taken apart ----


def _in_file(path: Path) -> Iterator[_Hit]:
    data = path.read_bytes()
    try:
        if data.startswith(b"PAR1"):
            yield from _in_document(pl.read_parquet(path).to_dicts(), "")
            yield from _in_document(dict(pl.read_parquet_metadata(path)), "metadata")
        elif data.startswith(b"SQLite format 3\0"):
            yield from _in_database(path)
        else:
            yield from _in_document(_READERS.get(path.suffix, _text)(data), "")
    except (pl.exceptions.PolarsError, sqlite3.Error) as error:
        raise ValueError(f"{path.name} cannot be opened ({type(error).__name__}), so nothing is known of it") from None


def _in_database(path: Path) -> Iterator[_Hit]:
    """Look at every cell of every table; an archive packs its documents with a dictionary of its own."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        dictionary = b""
        if "archive" in tables:
            (dictionary,) = database.execute("SELECT dictionary FROM archive").fetchone()
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the schema itself
            names = [name for name, *_ in rows.description]
            for number, row in enumerate(rows):
                cells = (_unpacked(cell, dictionary) if isinstance(cell, bytes) else cell for cell in row)
                yield from _in_document(dict(zip(names, cells, strict=True)), f"{table}[{number}]")


def _unpacked(data: bytes, dictionary: bytes) -> bytes:
    try:
        return zlib.decompressobj(zdict=dictionary).decompress(data)
    except zlib.error:
        return data


def _text(data: bytes) -> str:
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return data.decode(json.detect_encoding(data), errors="replace")


def _yaml(data: bytes) -> object:
    try:
        return yaml.load(data, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError:
        return _text(data)


def _csv(data: bytes) -> object:
    lines = _text(data).splitlines()
    return list(csv.DictReader(lines, delimiter=max(",;\t|", key="".join(lines[:1]).count)))


_READERS: Final[dict[str, Callable[[bytes], object]]] = {".yaml": _yaml, ".yml": _yaml, ".csv": _csv}


# ---- Documents ----


def _in_document(document: object, where: str, name: str = "") -> Iterator[_Hit]:
    """Look at a document and all that is in it, JSON in text included; `name` is the field that holds it."""
    if isinstance(document, dict):
        for key, item in document.items():
            step = f"{where}.{key if _STEP.fullmatch(str(key)) else '?'}"  # a name may be what was looked for
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
        yield from _in_document(_text(document), where, name)
    elif isinstance(document, str | int) and not isinstance(document, bool):
        yield from _in_field(name, str(document), where)
        yield from _in_text(str(document), where)


def _in_field(name: str, value: str, where: str) -> Iterator[_Hit]:
    """Look at a value that stands in a field or a column of that name."""
    field = _FIELD.search(name.lower())
    value = value.strip(" \t\"'")
    if field and value not in _NO_VALUES and not _is_stand_in(field[1], value):
        yield _Hit(where, _FIELDS[field[1]], value)


def _is_stand_in(field: str, value: str) -> bool:
    forms = rf"{field[:30]}(-\d*x*)?…?|person-\d+x*@example\.com|18\d\d-\d\d-\d\d|https://example\.com/\d+x*|-\d+"
    return bool(re.fullmatch(forms, value))


def _in_text(text: str, where: str) -> Iterator[_Hit]:
    """Look at a text: as JSON if it is, else at its lines, and at the tables drawn in it."""
    document = _json(text)
    if document is not None:
        yield from _in_document(document, where)
        return
    plain = _PACKED.sub("", html.unescape(text))
    lines = plain.splitlines()
    for number, line in enumerate(lines, 1):
        at = where if len(lines) == 1 and where else f"{where} line {number}"
        document = _json(line)
        if document is None:
            yield from _in_line(line, at)
        else:
            yield from _in_document(document, at)
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
                yield _Hit(where, kind, found[0].strip())
    for name, value in _PAIR.findall(line):
        yield from _in_field(name, value, where)


def _in_tables(text: str, where: str) -> Iterator[_Hit]:
    """Look at the cells of tables in HTML and of those drawn with lines, by the names of their columns."""
    names: list[str] = []
    for cells in _rows(text):
        if any(_FIELD.search(cell.strip().lower()) for cell in cells):
            names = [cell.strip() for cell in cells]
        else:
            for name, cell in zip(names, cells, strict=False):
                yield from _in_field(name, cell, f"{where} table, {name}")


def _rows(text: str) -> Iterator[list[str]]:
    for row in re.split(r"(?i)<tr\b", text)[1:]:
        cells = (cell.partition("</t")[0] for cell in re.split(r"(?i)<t[dh]\b[^<>]*>", row)[1:])
        yield [re.sub(r"<[^<>]*>", "", cell) for cell in cells]
    for line in text.splitlines():
        if line.strip()[:1] in ("│", "|"):
            yield re.split("[┆│|]", line.strip().strip("│|"))


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
_LONG_ENOUGH_TO_BEGIN: Final = 4
_NO_VALUES: Final = frozenset(["", "---", "str", "string", "String", "null", "None", "…", "-"])
_STEP: Final = re.compile(r"[A-Za-z_][\w/-]{0,60}")
_PICTURE: Final = re.compile(r"image/(?!svg).*")
_PACKED: Final = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
_NOBODYS: Final = re.compile(r"(?i)(?:.*\.)?(?:example\.(?:com|net|org)|example|invalid|test|localhost)")


def _is_somebodys(found: re.Match[str]) -> bool:
    return not _NOBODYS.fullmatch(re.split("@|%40", found[0])[-1])


def _is_long_enough(found: re.Match[str]) -> bool:
    return len(_digits(found)) in range(8, 16)  # E.164


def _is_basic(found: re.Match[str]) -> bool:
    """Tell credentials after `Basic` from the next word."""
    try:
        return b":" in b64decode(found[1], validate=True)
    except ValueError:
        return False


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
    return _is_date(found[0][:2], found[0][2:4])  # those given since 2007 have no check digit


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
    ("phone", re.compile(r"(?<![\w+/=.])\+\d[\d ()/.-]{6,18}\d(?!\w)"), _is_long_enough),
    ("personal number", _alone(r"(?:(?:19|20)\d{6}[-+]?|\d{6}[-+])\d{4}"), _is_swedish),
    ("personal number", _alone(r"\d{6} ?\d{5}"), _is_norwegian),
    ("personal number", _alone(r"(\d{6})[-+A-FU-Y](\d{3})([0-9A-FHJ-NPR-Y])"), _is_finnish),
    ("personal number", _alone(r"\d{6}-\d{4}"), _is_danish),
    ("personal number", _alone(r"\d{11}|\d{2} \d{3} \d{3} \d{3}"), _is_german),
    ("credentials", re.compile(r"\bkco_(?:live|test)_[\w-]{12,}"), bool),
    ("credentials", re.compile(r"(?i)\bauthorization\W{1,8}(?:basic|bearer)\s+[\w+/=.~-]{6,}"), bool),
    ("credentials", re.compile(r"\bBasic ([A-Za-z0-9+/]{6,}={0,2})"), _is_basic),
    ("credentials", re.compile(r"\bhttps?://[^\s/:@\"']+:[^\s/@\"']+@"), bool),
)
