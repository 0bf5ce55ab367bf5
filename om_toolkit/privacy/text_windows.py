"""Files of text: bytes in any usual encoding in, their text in windows of bounded size out."""

import codecs
import re
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain, repeat
from typing import BinaryIO, Final, cast

from om_toolkit.privacy.scan_source import NotOpened

FIRST_WINDOW: Final = 2**24
WINDOW: Final = 2**22
OVERLAP: Final = 2**12
"""How many bytes are read as one text at the start of a file and later, and how many twice within a longer line."""


def read_windows(file: BufferedReader) -> Iterator[str]:
    """Yield the text of a file: as a whole if it is short, else in windows.

    A window ends where a line ends; within a line that is longer, the next one begins before this one ends.

    Args:
        file: A file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or in an encoding with one byte per
            character, which is read as Windows-1252.

    Raises:
        NotOpened: At the first window that is not text.
    """
    encoding = _wide_encoding(file.peek()[:512])
    stream = cast("BinaryIO", codecs.EncodedFile(file, "utf-8", encoding)) if encoding else file
    rest = b""
    for size in chain([FIRST_WINDOW], repeat(WINDOW)):
        chunk = _read_at_least(stream, size)
        window = rest + chunk
        if len(chunk) < size:
            yield decode(window)
            return
        end = window.rfind(b"\n") + 1
        rest = window[end:]
        if not end:
            end = len(window.rstrip(_NOT_ASCII)) or len(window)
            rest = window[max(0, end - OVERLAP) :]
        yield decode(window[:end])


def _read_at_least(stream: BinaryIO, size: int) -> bytes:
    """Read at least so many bytes, except at the end; a decoding stream may read fewer at a time."""
    parts = []
    while size > 0 and (part := stream.read(2**16)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def decode(content: bytes) -> str:
    """Decode UTF-8; a line that is something else is decoded as Windows-1252.

    Raises:
        NotOpened: If there are control characters that text does not have.
    """
    if _CONTROL.search(content):
        raise NotOpened("binary data of an unknown format")
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return "".join(map(_decode_line, content.splitlines(keepends=True)))


def _decode_line(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")


def _wide_encoding(start: bytes) -> str | None:
    """Return the encoding of a text with two or four bytes per character."""
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        whole = start[: len(start) // 4 * 4] or start
        for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
            text = whole.decode(encoding, "replace")
            if 2 * sum(" " <= letter <= "~" or letter in "\t\r\n" for letter in text) > len(text):
                return encoding
    return None


_MARKS: Final = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins as that of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROL: Final = re.compile(rb"[\x00-\x06\x0e-\x19\x1c-\x1f\x7f]")
_NOT_ASCII: Final = bytes(range(0x80, 0x100))
