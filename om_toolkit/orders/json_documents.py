"""Paths, text or bytes of JSON in; the bytes of each document, valid or not, with the name of its place out."""

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import BinaryIO, Final


def documents(*sources: str | bytes | Path) -> Iterator[tuple[str, bytes]]:
    """Yield each document of some sources with the name of its place, such as `("orders.ndjson #3", b"{...}")`.

    What is not a document is yielded too, so that it can be reported. Files are read once and in small pieces: they
    may be larger than memory, or pipes.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If the bytes are not text.
    """
    numbers = Counter[str]()
    for source in sources:
        name, opened = _open(source)
        with opened as file:
            for document in Splitter().split(_lines(file, name)):
                numbers[name] += 1
                yield f"{name} #{numbers[name]}", document


def _open(source: str | bytes | Path) -> tuple[str, BinaryIO]:
    """Return the name of a source, and its bytes."""
    if isinstance(source, str) and is_json_text(source):
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes):
        return "document", BytesIO(source)
    path = Path(source)
    return path.name, path.open("rb")


def is_json_text(source: str | Path) -> bool:
    """Whether a source is JSON itself, not a path. Then no error may quote it, because it can contain personal data."""
    return isinstance(source, str) and bool(source.strip()[:1] in ("", "[") or re.search(r"[{\n]", source))


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield lines in UTF-8; JSON may also be UTF-16 or UTF-32.

    Raises:
        ValueError: If the bytes neither begin like JSON nor are text.
    """
    first = file.readline()
    encoding = json.detect_encoding(first)
    try:
        if not encoding.startswith("utf-8"):
            return iter(BytesIO((first + file.read()).decode(encoding).encode()))
        if not first.removeprefix(BOM_UTF8).lstrip(_BLANKS).startswith((b"{", b"[")):
            first.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not JSON: its bytes are not UTF-8 text; save it as JSON in UTF-8") from None
    return chain([first], file)


_BLANKS: Final = b" \t\r\n"  # JSON's white space

_TOKEN: Final = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|["{}\[\]]|[^\s,"{}\[\]][^,"{}\[\]]*')
"""A string, a bracket, or other text between them: enough to find the end of a document."""


class Splitter:
    """Splits lines into documents: one per line, over several lines, or in arrays, complete or truncated.

    An invalid document affects no other: if an object begins that cannot be part of an open document, the open document
    is truncated.
    """

    def __init__(self) -> None:
        self._open_lines: list[bytes] = []  # of a document that has not ended
        self._depth = 0  # open brackets in that document
        self._arrays = 0  # open brackets around it

    def split(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the documents of lines, and everything that is not a document."""
        stripped = (raw.removeprefix(BOM_UTF8).rstrip(_BLANKS) for raw in lines)
        for line, following in pairwise(chain(filter(None, stripped), [b""])):
            if self._open_lines and line.startswith(b"{") and not self._open_lines[-1].endswith((b"[", b",", b":")):
                yield from self._close()
            if not self._depth and _is_document(line, following):
                yield line
            else:
                yield from self._cut(line)
        if self._arrays and not self._depth:
            yield b"["  # an array without an end may have lost documents
        yield from self._close()

    def parts(self, line: bytes) -> Iterator[bytes]:
        """Yield the documents of one line, and everything that is not a document."""
        yield from self._cut(line)
        yield from self._close()

    def _cut(self, line: bytes) -> Iterator[bytes]:
        """Yield the documents that end in a line, and keep what begins in it."""
        start = 0
        for token in _TOKEN.finditer(line):
            mark = token[0]
            if self._depth:
                self._depth += (mark in b"{[") - (mark in b"}]")
                if not self._depth:
                    yield b"\n".join([*self._open_lines, line[start : token.end()]])
                    self._open_lines = []
            elif mark == b"{":
                self._depth, start = 1, token.start()
            elif mark == b"[" or (self._arrays and mark == b"]"):
                self._arrays += 1 if mark == b"[" else -1
            elif self._arrays:
                yield mark.rstrip(_BLANKS)
            else:  # not JSON, up to the end of the line
                yield line[token.start() :]
                return
        if self._depth:
            self._open_lines.append(line[start:])

    def _close(self) -> Iterator[bytes]:
        """Yield an open document that never ended: the complete documents among its lines, and the lines between."""
        for is_document, lines in groupby(self._open_lines, _is_document):
            together = list(lines)
            yield from together if is_document else [b"\n".join(together)]
        self._open_lines, self._depth = [], 0


def _is_document(line: bytes, following: bytes = b"") -> bool:
    """Whether a line looks like a document; if another begins on the next line, its brackets need not be counted."""
    is_object = line.startswith(b"{") and line.endswith(b"}")
    return is_object and (following.startswith(b"{") or line.count(b"{") == line.count(b"}"))
