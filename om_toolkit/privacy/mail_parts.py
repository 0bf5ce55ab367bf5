"""Mail in, the parts of it that are encoded, and its encoded headers, decoded out."""

import re
from collections.abc import Iterator
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from quopri import decodestring
from typing import Final

from om_toolkit.privacy.encodings import decode_base64


def encoded_parts(text: str) -> Iterator[tuple[str, bytes]]:
    r"""Yield the name or media type and the content of each part of a mail that is base64 or quoted-printable.

    The text may be one mail, several, a part of one, or contain one: what counts is the header of the part.

    Example:
        >>> list(encoded_parts("Content-Type: text/csv\nContent-Transfer-Encoding: quoted-printable\n\nada=40home.se"))
        [('text/csv', b'ada@home.se')]
    """
    if not _ENCODING.search(text):
        return
    text = text.replace("\r\n", "\n")
    for encoding in _ENCODING.finditer(text):
        start = text.find("\n\n", encoding.end()) + 2
        if start == 1:  # there is no blank line, and so no body
            return
        end = _BOUNDARY.search(text, start)
        header = text[text.rfind("\n\n", 0, encoding.start()) + 1 : start]
        name = _FILE_NAME.search(header) or _MEDIA_TYPE_OF_PART.search(header)
        yield name[1] if name else "", _decode(encoding[1].lower(), text[start : end.start() if end else len(text)])


def _decode(encoding: str, body: str) -> bytes:
    return decodestring(body.encode()) if encoding == "quoted-printable" else decode_base64("".join(body.split()))


def decoded_headers(text: str) -> Iterator[str]:
    """Yield each line with encoded words, decoded.

    Example:
        >>> list(decoded_headers("To: =?utf-8?q?ada=40home.se?="))
        ['To: ada@home.se']
    """
    for line in text.splitlines() if "=?" in text else ():
        if _ENCODED_WORD.search(line):
            with suppress(HeaderParseError, LookupError, ValueError):  # the line itself is searched anyway
                yield str(make_header(decode_header(line)))


_ENCODING: Final = re.compile(r"(?im)^content-transfer-encoding:[ \t]*(base64|quoted-printable)")
_BOUNDARY: Final = re.compile(r"(?m)^(?:--\S|From )")
_FILE_NAME: Final = re.compile(r"""(?i)name\*?=["']?([^"'\s;]+)""")
_MEDIA_TYPE_OF_PART: Final = re.compile(r"(?i)content-type:\s*([\w.+/-]+)")
_ENCODED_WORD: Final = re.compile(r"=\?[\w-]+\?[BbQq]\?[^?\s]*\?=")
