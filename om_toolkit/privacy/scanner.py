"""The scanner: files that may be mailed, published or committed in, the credentials and personal data in them out."""

import os
from collections.abc import Callable, Iterator
from io import BufferedReader, BytesIO
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

import polars as pl

from om_toolkit.privacy import detectors
from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.formats import name_of_unsupported
from om_toolkit.privacy.scan_packed import scan_gzip, scan_tar, scan_zip
from om_toolkit.privacy.scan_pictures import scan_jpeg, scan_png
from om_toolkit.privacy.scan_source import NotOpened, Source, guarded, not_opened
from om_toolkit.privacy.scan_tables import scan_arrow, scan_database, scan_open_database, scan_parquet
from om_toolkit.privacy.scan_texts import scan_plain


def scan(*paths: str | Path) -> pl.DataFrame:
    """Find credentials and personal data in files, and in all files of folders.

    It opens notebooks with their outputs, cassettes, NDJSON, CSV, Parquet, Arrow, SQLite, archives of this package, and
    mail with its attachments, also packed by gzip, zip or tar, and reads other text in UTF-8, UTF-16, UTF-32 or
    Windows-1252. It finds e-mail addresses; telephone numbers with a country code; bank accounts (IBAN); personal
    numbers of Sweden, Norway, Finland, Denmark, Germany and the Netherlands; names, addresses and tracking by the API's
    names of fields and columns; API keys, passwords, and headers with credentials; all of them also inside
    percent-encoding, HTML entities, escapes of JSON, and base64, and in the names of files. Placeholders of this
    package and addresses in reserved domains, such as `example.com`, are not findings.

    Everything else is reported as `not opened`: binary files of other formats, PDF, other compression, what is
    encrypted, logs of open databases, links to folders, and what is too large or packed too often. Of office documents
    the texts are searched, not the columns. The memory it needs does not grow with the size of a file.

    An empty result is no proof. Names in free text look like any other words. Of PNG and JPEG pictures the metadata is
    searched, not what they show. The columns of HTML tables are recognized, not those
    of tables printed as plain text, such as frames of polars and pandas. A Dutch number is found as 1112.22.333 or
    after `BSN`, because one in eleven numbers of nine digits passes its check. A Danish number is found without its
    check digit, as issued since 2007, unless it is of a birth date before 1937.

    Args:
        *paths: Files or folders.

    Returns:
        One row per place: `file`, `where` (line, field or cell; of equal values in a column, the first), `kind`,
        `shown` (the first character and the length, never the value itself), all String. A name in `file` that is
        itself a finding is shown in the same way. A file that could not be read to its end has the kind `not opened`,
        and `shown` says why. After 10,000 findings, the rest of a file is not opened.

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
        (_shown_path(file), finding.where.strip(". ") or "file", finding.kind, finding.shown)
        for file in files
        for finding in _scan_path(file)
    ]
    schema = dict.fromkeys(("file", "where", "kind", "shown"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row").unique(maintain_order=True)


def _files_of(path: Path) -> list[Path]:
    """Return a file, or all files of a folder, and what in it cannot be opened: folders, links, pipes."""
    if not path.is_dir():
        if not (path.exists() or path.is_symlink()):
            raise FileNotFoundError(f"there is no file {path}; check the path")
        return [path]
    unreadable: list[OSError] = []
    found = []
    for folder, folders, files in os.walk(path, onerror=unreadable.append):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name) for name in files + links]
    return sorted(found + [Path(error.filename) for error in unreadable])


def _scan_path(path: Path) -> Iterator[Finding]:
    for part in path.parts:
        yield from _find_in_name(part)
    findings = guarded(_scan_file(path), "")
    yield from islice(findings, MOST_FINDINGS)
    if any(True for _ in findings):
        yield not_opened("", f"more than {MOST_FINDINGS:,} findings; the rest was not searched")


def _scan_file(path: Path) -> Iterator[Finding]:
    if not path.is_file():
        raise NotOpened("it is not a file: a folder that cannot be read, a link or a device")
    if Path(f"{path}-wal").exists():
        # A program has the database open. If it is this one, closing the file here would release all its locks.
        yield from scan_open_database(Source(path.name.lower(), BufferedReader(BytesIO()), "", path, _scan_source))
        return
    with path.open("rb") as file:
        yield from _scan_source(Source(path.name.lower(), file, "", path, _scan_source))


def _scan_source(source: Source) -> Iterator[Finding]:
    """Scan a file by the format that its first bytes show."""
    start = source.file.peek()[:_LONGEST_START]
    if kind := name_of_unsupported(source.name, start):
        raise NotOpened(f"{kind} is not searched")
    scan_format = next((scan for magic, offset, scan in _FORMATS if start.startswith(magic, offset)), scan_plain)
    yield from scan_format(source)


def _find_in_name(name: str) -> Iterator[Finding]:
    """Find personal data in the name of a file or folder, also next to a suffix or an underscore."""
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    for text in dict.fromkeys((name, f"{stem} {suffix}", f"{stem} {suffix}".replace("_", " "))):
        yield from detectors.find_in_text(text, "name")


def _shown_path(path: Path) -> str:
    return str(PurePath(*map(_shown_part, path.parts)))


def _shown_part(part: str) -> str:
    finding = next(_find_in_name(part), None)
    if finding or not part.isprintable():
        return f"{part[0] if part[0].isprintable() else ''}… ({len(part)} characters)"
    return part


MOST_FINDINGS: Final = 10_000
"""How many findings in one file are reported."""

_LONGEST_START: Final = 512

_FORMATS: Final[tuple[tuple[bytes, int, Callable[[Source], Iterator[Finding]]], ...]] = (
    (b"\x1f\x8b\x08", 0, scan_gzip),
    (b"PK\3\4", 0, scan_zip),
    (b"PK\5\6", 0, scan_zip),
    (b"ustar", 257, scan_tar),
    (b"PAR1", 0, scan_parquet),
    (b"ARROW1", 0, scan_arrow),
    (b"SQLite format 3\0", 0, scan_database),
    (b"\x89PNG\r\n\x1a\n", 0, scan_png),
    (b"\xff\xd8\xff", 0, scan_jpeg),
)
"""The first bytes of each format, their offset, and the function that scans it; other files are plain text."""
