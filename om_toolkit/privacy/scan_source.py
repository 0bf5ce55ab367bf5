"""Sources: a file, or what is packed into one, with the limits that everything in the file shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

import polars as pl

from om_toolkit.privacy.detectors import Finding

MOST_IN_MEMORY: Final = 2**25
"""How many bytes of a format that cannot be read in pieces are held in memory."""

MOST_UNPACKED: Final = 2**30
"""How many bytes of a file are unpacked."""

MOST_LAYERS: Final = 8
"""How many times a file may be packed into another."""


class NotOpened(Exception):
    """The reason why something cannot be searched; it quotes nothing of its content."""


@dataclass
class Budget:
    """How many bytes of a file may still be unpacked."""

    left: int = field(default_factory=lambda: MOST_UNPACKED)

    def spend(self, count: int) -> None:
        """Count bytes that were unpacked."""
        self.left -= count
        if self.left < 0:
            raise NotOpened(f"it unpacks to more than {MOST_UNPACKED:,} bytes")


@dataclass(frozen=True)
class Source:
    """A file, or what is packed into one.

    Attributes:
        name: Its name; only its suffix is used.
        file: Its content.
        where: Its place in the file on disk.
        path: The file on disk, if this is one.
        scan: What scans a source by its format.
        layer: How many times it is packed.
        budget: What may still be unpacked of the file on disk.
    """

    name: str
    file: BufferedReader
    where: str
    path: Path | None
    scan: Callable[[Source], Iterator[Finding]]
    layer: int = 0
    budget: Budget = field(default_factory=Budget)

    def scan_packed(self, name: str, where: str, open_packed: Callable[[], IO[bytes] | None]) -> Iterator[Finding]:
        """Scan a file that is packed into this one; if it cannot be read, that is a finding."""
        return guarded(self._scan_packed(name, where, open_packed), where)

    def _scan_packed(self, name: str, where: str, open_packed: Callable[[], IO[bytes] | None]) -> Iterator[Finding]:
        if self.layer == MOST_LAYERS:
            raise NotOpened(f"it is packed more than {MOST_LAYERS} times")
        stream = open_packed()
        if stream is None:
            return
        raw = stream if isinstance(stream, BytesIO) else Unpacked(stream, self.budget)
        with stream, BufferedReader(cast("Any", raw), 2**16) as file:
            inner = replace(self, name=name.lower(), file=file, where=where, path=None, layer=self.layer + 1)
            yield from self.scan(inner)

    def scan_bytes(self, name: str, where: str, content: bytes) -> Iterator[Finding]:
        """Scan bytes that are embedded in this file."""
        return self.scan_packed(name, where, partial(BytesIO, content))

    def seekable(self) -> BinaryIO:
        """Return the content as a file in which a reader can move; what is packed is unpacked into memory."""
        if self.file.seekable():
            return cast("BinaryIO", self.file)
        return BytesIO(self.read())

    def read(self) -> bytes:
        """Return the whole content, if it is not too large for that."""
        content = self.file.read(MOST_IN_MEMORY + 1)
        if len(content) > MOST_IN_MEMORY:
            raise NotOpened(f"it has more than {MOST_IN_MEMORY:,} bytes, too many for its format")
        return content


class Unpacked(RawIOBase):
    """A stream of unpacked bytes that ends with `NotOpened` when its file unpacks to too many."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read bytes into a buffer."""
        view = memoryview(cast("bytearray", buffer))
        content = self._stream.read(len(view))
        self._budget.spend(len(content))
        view[: len(content)] = content
        return len(content)


def guarded(findings: Iterator[Finding], where: str) -> Iterator[Finding]:
    """Yield findings; the reason why there are no more is the last of them."""
    try:
        yield from findings
    except NotOpened as reason:
        yield not_opened(where, str(reason))
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - after any failure the others are scanned
        yield not_opened(where, type(error).__name__)  # the error's message may quote the file


def not_opened(where: str, reason: str) -> Finding:
    """Return the finding that something cannot be searched."""
    return Finding(where, "not opened", reason)
