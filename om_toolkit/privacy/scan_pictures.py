"""Pictures: PNG and JPEG in, the findings in their metadata out; what a picture shows is not looked at."""

from collections.abc import Iterator
from io import BufferedReader
from struct import unpack
from typing import Final

from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.scan_documents import scan_text
from om_toolkit.privacy.scan_source import NotOpened, Source


def scan_png(source: Source) -> Iterator[Finding]:
    """Scan the texts in a PNG picture."""
    file = source.file
    file.read(8)
    kind = b""
    while kind != b"IEND":
        length, kind = unpack(">I4s", _read_all(file, 8))
        content = _read_all(file, length)
        file.read(4)  # a checksum
        if kind == b"zTXt" or (kind == b"iTXt" and content.partition(b"\0")[2][:1] == b"\1"):
            raise NotOpened("there is compressed text in a picture")
        if kind != b"IDAT":
            yield from _scan_metadata(source, content)
    if file.read(1):
        raise NotOpened("there is more after its end")


def scan_jpeg(source: Source) -> Iterator[Finding]:
    """Scan the texts in a JPEG picture."""
    file = source.file
    file.read(2)
    while (marker := _read_all(file, 2)) != b"\xff\xda":  # the picture itself
        (length,) = unpack(">H", _read_all(file, 2))
        if marker[:1] != b"\xff" or length < _LENGTH_SIZE:
            raise NotOpened("it is damaged")
        yield from _scan_metadata(source, _read_all(file, length - _LENGTH_SIZE))
    if not source.read().endswith(b"\xff\xd9"):
        raise NotOpened("it is truncated, or there is more after its end")


def _read_all(file: BufferedReader, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise NotOpened("it is truncated")
    return content


def _scan_metadata(source: Source, content: bytes) -> Iterator[Finding]:
    yield from scan_text(source, content.decode("latin-1").translate(_LINES), f"{source.where} metadata")


_LENGTH_SIZE: Final = 2
_LINES: Final = dict.fromkeys([*range(32), *range(127, 160)], "\n")
