"""TODO."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from io import BytesIO
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def documents(*sources: str | bytes | Path) -> Iterator[tuple[str, bytes]]:
    """Yield each document of some sources, with where it stands; what is no document is yielded too, to be told.

    Files are read once and by and by, so they may be larger than memory, or pipes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the bytes are no text.
    """
    numbers = Counter[str]()
    for source in sources:
        name, opened = _open(source)
        with opened as file:
            for document in Splitter().split(_lines(file, name)):
                numbers[name] += 1
                yield f"{name} #{numbers[name]}", document


def _open(source: str | bytes | Path) -> tuple[str, BinaryIO]:
    """Return what to call a source, and its bytes."""
    if isinstance(source, str) and is_text(source):
        source = source.encode("utf-8", "surrogatepass")
    if isinstance(source, bytes):
        return "answer", BytesIO(source)
    path = Path(source)
    return path.name, path.open("rb")


def is_text(source: str | Path) -> bool:
    """Tell whether this is JSON itself and no path: then it must not stand in an error, for it may name somebody."""
    return isinstance(source, str) and bool(source.strip()[:1] in ("", "[") or re.search(r"[{\n]", source))


def _lines(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield lines in UTF-8, whatever encoding of JSON they are in.

    Raises:
        ValueError: If what begins like no JSON is no text either.
    """
    first = file.readline()
    encoding = json.detect_encoding(first)
    try:
        if not encoding.startswith("utf-8"):
            return iter(BytesIO((first + file.read()).decode(encoding).encode()))
        if not first.removeprefix(BOM_UTF8).lstrip(_BLANK).startswith((b"{", b"[")):
            first.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no JSON: its bytes are no text in UTF-8") from None
    return chain([first], file)


_BLANK: Final = b" \t\r\n"  # JSON's white space


_TOKEN: Final = re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*"|["{}\[\]]|[^\s,"{}\[\]][^,"{}\[\]]*')
"""A string, a bracket, or what else stands between them: all that is needed to see where a document ends."""


class Splitter:
    """Splits lines into documents: one a line, spread over many, in arrays, whole or not.

    A broken one costs no other: where an object begins that cannot belong to what has begun, that was cut short.
    """

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # the lines so far of a document that has not ended
        self._depth = 0  # brackets open in it
        self._arrays = 0  # brackets open around it

    def split(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        stripped = (raw.removeprefix(BOM_UTF8).rstrip(_BLANK) for raw in lines)
        for line, following in pairwise(chain(filter(None, stripped), [b""])):
            if self._begun and line.startswith(b"{") and not self._begun[-1].endswith((b"[", b",", b":")):
                yield from self._given_up()
            if not self._depth and _is_whole(line, following):
                yield line
            else:
                yield from self._cut(line)
        if self._arrays and not self._depth:
            yield b"["  # an array without an end may have lost some
        yield from self._given_up()

    def parts(self, line: bytes) -> Iterator[bytes]:
        """Yield what there is on a line, documents and what is none."""
        yield from self._cut(line)
        yield from self._given_up()

    def _cut(self, line: bytes) -> Iterator[bytes]:
        """Yield the documents that end in a line, and keep what begins in it."""
        start = 0
        for token in _TOKEN.finditer(line):
            mark = token[0]
            if self._depth:
                self._depth += (mark in b"{[") - (mark in b"}]")
                if not self._depth:
                    yield b"\n".join([*self._begun, line[start : token.end()]])
                    self._begun = []
            elif mark == b"{":
                self._depth, start = 1, token.start()
            elif mark == b"[" or (self._arrays and mark == b"]"):
                self._arrays += 1 if mark == b"[" else -1
            elif self._arrays:
                yield mark.rstrip(_BLANK)
            else:  # no JSON, to the end of the line
                yield line[token.start() :]
                return
        if self._depth:
            self._begun.append(line[start:])

    def _given_up(self) -> Iterator[bytes]:
        """Yield what has begun and never ended: whole documents among its lines, and together what is between."""
        for is_whole, lines in groupby(self._begun, _is_whole):
            together = list(lines)
            yield from together if is_whole else [b"\n".join(together)]
        self._begun, self._depth = [], 0


def _is_whole(line: bytes, following: bytes = b"") -> bool:
    """Tell whether a line looks like a document; where another begins below, its brackets need not be counted."""
    is_object = line.startswith(b"{") and line.endswith(b"}")
    return is_object and (following.startswith(b"{") or line.count(b"{") == line.count(b"}"))
