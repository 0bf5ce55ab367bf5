"""Formats that are not searched: the first bytes of a file in, the name of its format out."""

import re
from typing import Final


def name_of_unsupported(name: str, start: bytes) -> str | None:
    """Return what a file is if it is known that it cannot be searched.

    Example:
        >>> name_of_unsupported("invoice", b"%PDF-1.7"), name_of_unsupported("page.html.br", b"x")
        ('PDF', 'Brotli')
        >>> name_of_unsupported("notes.txt", b"x")
    """
    if name.endswith(".br"):  # it has no first bytes of its own
        return "Brotli"
    return next((kind for kind, pattern in _UNSUPPORTED if pattern.match(start)), None)


_UNSUPPORTED: Final = (
    ("a picture", re.compile(rb"(?s)GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0\0\0\0|II\*\0|MM\0\*")),
    ("changes to an SQLite database", re.compile(rb"\x37\x7f\x06[\x82\x83]|\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")),
    ("PDF", re.compile(rb"\s*%PDF-")),
    ("bzip2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")),
    ("xz", re.compile(rb"\xfd7zXZ")),
    ("7z", re.compile(rb"7z\xbc\xaf")),
    ("rar", re.compile(rb"Rar!\x1a\x07")),
    ("Zstandard", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),
    ("LZ4", re.compile(rb"\x04\x22\x4d\x18")),
    ("Avro", re.compile(rb"Obj\x01")),
    ("ORC", re.compile(rb"ORC[^ -~\s]")),
    ("encrypted Parquet", re.compile(rb"PARE")),
    ("the first version of Feather", re.compile(rb"FEA1")),
    ("an Arrow stream", re.compile(rb"\xff\xff\xff\xff")),
    ("an old office document", re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ("encrypted text", re.compile(rb"\s*-----BEGIN PGP MESSAGE|age-encryption\.org|U2FsdGVkX1|\$ANSIBLE_VAULT")),
)
