"""Documents: objects, arrays and texts in, the credentials and personal data in them out."""

import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from om_toolkit.privacy import detectors
from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.encodings import decode_base64
from om_toolkit.privacy.mail_parts import decoded_headers, encoded_parts
from om_toolkit.privacy.scan_source import NotOpened, Source
from om_toolkit.privacy.text_windows import decode


def scan_document(source: Source, document: object, where: str, name: str = "") -> Iterator[Finding]:
    """Scan a document with everything in it, also JSON in its texts and files in its bytes.

    Args:
        source: The file that contains it.
        document: An object, an array, text, bytes or a number.
        where: Its place in the file.
        name: Its field or column.
    """
    if isinstance(document, dict):
        yield from _scan_object(source, document.items(), where)
    elif isinstance(document, _Pairs):
        yield from _scan_object(source, document, where)
    elif isinstance(document, list):
        yield from _scan_array(source, document, where, name)
    elif isinstance(document, bytes):
        yield from _scan_bytes(source, document, where, name)
    elif document is not None and not isinstance(document, bool):
        # A column of integers with missing values may have been read as floats.
        text = f"{document:.0f}" if isinstance(document, float) and document.is_integer() else str(document)
        yield from detectors.find_in_field(name, text, where)
        yield from scan_text(source, text, where)


def _scan_object(source: Source, pairs: Iterable[tuple[object, object]], where: str) -> Iterator[Finding]:
    pairs = list(pairs)
    for key, item in pairs:
        step = f"{where}.{detectors.shown_name(str(key))}"
        yield from scan_text(source, str(key), step)
        content = decode_base64("".join(_texts_of(item))) if _MEDIA_TYPE.fullmatch(str(key)) else b""
        if len(content) >= _SHORTEST_FILE:
            yield from _scan_embedded(source, str(key), content, step)
        else:
            yield from scan_document(source, item, step, str(key))
    # A header or a cookie may be an object itself: {"name": "Authorization", "value": …}.
    texts = {str(key).lower(): item for key, item in pairs if isinstance(item, str)}
    if name := next((texts[key] for key in ("name", "key", "header") if key in texts), ""):
        yield from detectors.find_in_field(name, texts.get("value", ""), f"{where}.value")


def _texts_of(item: object) -> list[str]:
    """Return the lines of a text, which notebooks may store as an array."""
    lines = item if isinstance(item, list) else [item]
    return [line.strip() for line in lines if isinstance(line, str)]


def _scan_array(source: Source, items: list[object], where: str, name: str) -> Iterator[Finding]:
    for number, item in enumerate(_joined(items)):
        yield from scan_document(source, item, f"{where}[{number}]", name)
    if len(items) == _PAIR and isinstance(items[0], str):  # ["Authorization", "Bearer …"]
        for value in _texts_of(items[1]):
            yield from detectors.find_in_field(items[0], value, f"{where}[1]")


def _joined(items: list[object]) -> list[object]:
    """Join an array of lines to one text: notebooks store text as such arrays."""
    lines = [item for item in items if isinstance(item, str)]
    is_text = len(lines) == len(items) > 1 and all(line.endswith("\n") for line in lines[:-1])
    return ["".join(lines)] if is_text else items


def _scan_bytes(source: Source, content: bytes, where: str, name: str) -> Iterator[Finding]:
    with suppress(NotOpened):  # it may be of a known format
        yield from detectors.find_in_field(name, decode(content), where)
    yield from source.scan_bytes("", where, content)


def _scan_embedded(source: Source, media_type: str, content: bytes, where: str) -> Iterator[Finding]:
    """Scan a file in a text, such as a download or a picture in a page."""
    return source.scan_bytes(media_type.replace("/", "."), where, content)


def scan_text(source: Source, text: str, where: str, first_line: int = 1) -> Iterator[Finding]:
    """Scan a text as JSON if it is, else its lines, its HTML tables and the files embedded in it.

    Args:
        source: The file that contains it.
        text: The text.
        where: Its place in the file.
        first_line: The number of its first line.
    """
    document = _parse_json(text)
    if document is not None:
        yield from scan_document(source, document, where)
    elif _MORE_THAN_A_LINE.search(text):
        yield from _scan_lines(source, text, where, first_line)
    else:
        yield from detectors.find_in_text(text, where or f" line {first_line}")


def _scan_lines(source: Source, text: str, where: str, first_line: int) -> Iterator[Finding]:
    for media_type, content in encoded_parts(text):
        yield from _scan_embedded(source, media_type, content, f"{where} part")
    for header in decoded_headers(text):
        yield from detectors.find_in_text(header, f"{where} header")
    text = _COLOUR.sub("", html.unescape(text))
    for embedded in _DATA_URL.finditer(text):
        yield from _scan_embedded(source, embedded[1], decode_base64(embedded[2]), f"{where} data")
    plain = _DATA_URL.sub("", text)
    lines = plain.splitlines()
    for number, line in enumerate(lines, first_line):
        place = where if len(lines) == 1 and where else f"{where} line {number}"
        yield from _scan_line(source, line, place)
    yield from detectors.find_across_lines(plain, where)
    yield from detectors.find_in_html_tables(plain, where)


def _scan_line(source: Source, line: str, where: str) -> Iterator[Finding]:
    document = _parse_json(line)
    yield from detectors.find_in_text(line, where) if document is None else scan_document(source, document, where)


class _Pairs(tuple[tuple[str, object], ...]):
    """The fields of a JSON object; one name may be there twice."""

    __slots__ = ()


def _parse_json(text: str) -> object:
    """Return the object or array that a text is, else None."""
    if text.strip()[:1] not in ("{", "["):
        return None
    try:
        document: object = json.loads(text.strip(), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    return document


_PAIR: Final = 2
_SHORTEST_FILE: Final = 24  # shorter text may look like base64 by chance
_MEDIA_TYPE: Final = re.compile(r"(?:application|audio|font|image|video)/[\w.+-]+")
_DATA_URL: Final = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/]+)=*")
_MORE_THAN_A_LINE: Final = re.compile(r"[\n\r\v\f\x1b\x1c-\x1e\x85\u2028\u2029<&]|data:|=\?")
_COLOUR: Final = re.compile(r"\x1b\[[\d;]*[A-Za-z]")
