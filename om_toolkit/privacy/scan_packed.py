"""Packed files: gzip, zip and tar in, the findings in everything that they contain out."""

import gzip
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast
from zipfile import ZipFile

from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.scan_documents import scan_text
from om_toolkit.privacy.scan_source import NotOpened, Source, not_opened


def scan_gzip(source: Source) -> Iterator[Finding]:
    """Scan what is packed by gzip, and the name that its header may contain."""
    start = source.file.peek()[:512]
    if start[3] == _WITH_NAME:
        yield from scan_text(source, start[10:].partition(b"\0")[0].decode("latin-1"), f"{source.where} name")
    unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=source.file))
    yield from source.scan_packed(source.name.removesuffix(".gz"), source.where, lambda: unpacked)


def scan_zip(source: Source) -> Iterator[Finding]:
    """Scan the files in a zip file, their names and comments."""
    with ZipFile(source.seekable()) as packed:
        yield from scan_text(source, packed.comment.decode("latin-1"), f"{source.where} comment")
        for number, member in enumerate(packed.infolist()):
            place = f"{source.where}[{number}]"
            yield from scan_text(source, f"{member.filename}\n{member.comment.decode('latin-1')}", f"{place} name")
            if member.flag_bits & _ENCRYPTED:
                yield not_opened(place, "it is encrypted")
            else:
                yield from source.scan_packed(member.filename, place, partial(packed.open, member))
        if {"[Content_Types].xml", "mimetype"} & set(packed.namelist()):
            yield not_opened(source.where, "an office document, of which only the texts were searched, not the columns")


def scan_tar(source: Source) -> Iterator[Finding]:
    """Scan the files in a tar file, and their names."""
    with tarfile.open(fileobj=source.file, mode="r|") as packed:
        for number, member in enumerate(packed):
            place = f"{source.where}[{number}]"
            yield from scan_text(source, f"{member.name}\n{member.linkname}", f"{place} name")
            if member.isfile():
                yield from source.scan_packed(member.name, place, partial(packed.extractfile, member))
        stream = cast("BinaryIO", packed.fileobj)
        while rest := stream.read(2**16):  # a damaged header looks like the end
            if rest.strip(b"\0"):
                raise NotOpened("there is more after its end")


_WITH_NAME = 8
_ENCRYPTED = 1
"""Flags in the headers of gzip and zip."""
