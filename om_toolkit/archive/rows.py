"""Rows of an archive: documents in, as packed snapshots with checksums; documents out.

A checksum covers all columns of its row. That of a snapshot also covers the id of its archive, so a row of another
archive is never taken for one of this.
"""

import zlib
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

MASK: Final = 2**62 - 1
"""Checksums have 62 bits, so that the sum of two is an integer of SQLite."""


class Damage(Exception):
    """What was read is not what was written."""


class PackedDocument(NamedTuple):
    """A document as it is stored."""

    digest: bytes
    body: bytes


class Settings(NamedTuple):
    """What is fixed when an archive is created."""

    personal: int
    dictionary: bytes
    secret: bytes

    @property
    def archive_id(self) -> bytes:
        """Return the id of the archive, which does not reveal the secret."""
        return blake2b(self.secret, digest_size=8).digest()

    def checksum(self) -> int:
        """Return the checksum over all columns."""
        text = f"{self.personal} {len(self.dictionary)} {len(self.secret)} ".encode()
        return _as_checksum(blake2b(text + self.dictionary + self.secret, digest_size=8).digest())


class Row(NamedTuple):
    """A snapshot: an order as it was seen from one instant to another, in microseconds since 1970, 0 if unknown."""

    order_key: str
    number: int
    first_seen: int
    last_seen: int
    is_open: int
    checksum: int
    digest: bytes
    body: bytes


class Sealer:
    """Computes and checks the checksums of one archive's snapshots.

    Args:
        archive_id: The id of the archive.
    """

    def __init__(self, archive_id: bytes) -> None:
        self._start = blake2b(archive_id, digest_size=8)

    def checksum(self, row: Row) -> int:
        """Return the checksum over all other columns.

        Raises:
            TypeError: If a value has a type that no snapshot has.
        """
        key, number, first_seen, last_seen, is_open, _, digest, body = row
        hashed = self._start.copy()
        text = f"{number} {first_seen} {last_seen} {is_open} {len(digest)} {len(body)} {key}\0"
        hashed.update(text.encode())
        hashed.update(digest)
        hashed.update(body)
        return _as_checksum(hashed.digest())

    def sealed(self, row: Row) -> Row:
        """Return the row with its checksum."""
        return row._replace(checksum=self.checksum(row))

    def checked(self, found: Iterable[tuple[object, ...]]) -> Iterator[Row]:
        """Yield rows as they were found in the file.

        Raises:
            Damage: If one is not what was written.
        """
        try:
            for values in found:
                row = Row(*values)  # type: ignore[arg-type]
                if self.checksum(row) != row.checksum:
                    raise Damage("a snapshot is not what was written")
                yield row
        except TypeError:
            raise Damage("a snapshot has a value of another type") from None


def in_sequence(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, checking that those of each order are numbered 0, 1, 2, ….

    Raises:
        Damage: If one is missing or there twice.
    """
    numbers: dict[str, int] = {}
    for row in rows:
        if row.number != numbers.get(row.order_key, -1) + 1:
            raise Damage("a snapshot is missing or there twice")
        numbers[row.order_key] = row.number
        yield row


def digest_of(document: bytes) -> bytes:
    """Return what is equal for equal documents."""
    return blake2b(document, digest_size=8).digest()


def pack(document: bytes, dictionary: bytes) -> PackedDocument:
    """Compress a document."""
    packer = zlib.compressobj(zdict=dictionary)
    return PackedDocument(digest_of(document), packer.compress(document) + packer.flush())


def unpack(body: bytes, dictionary: bytes) -> bytes:
    """Return a document.

    Raises:
        zlib.error: If it is corrupt.
    """
    unpacker = zlib.decompressobj(zdict=dictionary)
    document = unpacker.decompress(body)
    if not unpacker.eof:
        raise zlib.error("incomplete")
    return document


def unpacked(row: Row, dictionary: bytes) -> bytes:
    """Return the document of a row whose checksum is unknown.

    Raises:
        Damage: If it is not the one that was packed.
    """
    try:
        document = unpack(row.body, dictionary)
    except (zlib.error, TypeError):
        document = b""
    if digest_of(document) != row.digest:
        raise Damage("a document is not what was written")
    return document


def _as_checksum(digest: bytes) -> int:
    return int.from_bytes(digest, "big") & MASK
