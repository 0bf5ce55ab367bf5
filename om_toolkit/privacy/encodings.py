"""Encodings: a text in; the text and everything that is encoded in it, as plain text, out."""

from __future__ import annotations

import html
import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote, unquote_plus


def readings(text: str) -> Iterator[str]:
    """Yield a text, and what it becomes when its parts are decoded, up to five times over.

    Decoded are percent-encoding, HTML entities, the escapes of JSON and Python, base64 of text, and the variants of
    blanks, dashes, letters and digits in Unicode.

    Example:
        >>> list(readings("ada%2540home.se"))
        ['ada%2540home.se', 'ada%40home.se', 'ada@home.se']
    """
    yield text
    known = {text}
    layer = [text] if ENCODED.search(text) else []
    for _ in range(_MOST_LAYERS):
        layer = [reading for one in layer for decode in _DECODERS for reading in decode(one)]
        layer = [reading for reading in dict.fromkeys(layer) if reading not in known][:_MOST_READINGS]
        known.update(layer)
        yield from layer


def decode_base64(base64: str) -> bytes:
    """Decode base64 with or without its padding; text that is not base64 gives nothing."""
    try:
        return b64decode(base64 + "=" * (-len(base64) % 4), validate=True)
    except ValueError:
        return b""


def _unquoted(text: str) -> Iterator[str]:
    yield unquote(text)
    yield unquote_plus(text)


def _without_entities(text: str) -> Iterator[str]:
    yield html.unescape(text)


def _without_escapes(text: str) -> Iterator[str]:
    yield _ESCAPE.sub(_escaped_character, text)


def _escaped_character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else _BLANK_ESCAPES.get(escape[3], escape[3])


def _plain_characters(text: str) -> Iterator[str]:
    if not text.isascii():
        yield unicodedata.normalize("NFKC", text).translate(_PLAIN)


def _texts_in_base64(text: str) -> Iterator[str]:
    for token in _BASE64.findall(text):
        decoded = decode_base64(token.replace("-", "+").replace("_", "/"))
        plain = decoded.decode(errors="replace")
        if plain.isprintable() and "\ufffd" not in plain:
            yield plain


_MOST_LAYERS: Final = 5
_MOST_READINGS: Final = 50

_DECODERS: Final[tuple[Callable[[str], Iterator[str]], ...]] = (
    _unquoted,
    _without_entities,
    _without_escapes,
    _plain_characters,
    _texts_in_base64,
)

_BASE64: Final = re.compile(r"(?<![\w+/=-])(?=[a-z\d+/_-]*[A-Z])(?=[A-Z\d+/_-]*[a-z])[\w+/-]{10,}(?![\w-])")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_BLANK_ESCAPES: Final = dict.fromkeys("nrtbf", " ")
ENCODED: Final = re.compile(rf"[^\x00-\x7f]|[%&\\]|\w\+\d|{_BASE64.pattern}")
"""Matches every text that has other readings."""

_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212"), "-")
_INVISIBLE: Final = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF])
_PLAIN: Final = _DASHES | _INVISIBLE
