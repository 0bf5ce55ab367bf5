"""Files of text: plain text, JSON, mail, CSV and YAML in, the findings in them out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO, Final

import yaml

from om_toolkit.privacy import detectors
from om_toolkit.privacy.detectors import Finding
from om_toolkit.privacy.encodings import decode_base64
from om_toolkit.privacy.scan_documents import scan_document, scan_text
from om_toolkit.privacy.scan_source import MOST_IN_MEMORY, NotOpened, Source
from om_toolkit.privacy.scan_tables import scan_csv
from om_toolkit.privacy.text_windows import WINDOW, read_windows


def scan_plain(source: Source) -> Iterator[Finding]:
    """Scan a file that has no first bytes by which to know its format."""
    suffix = PurePath(source.name).suffix
    if suffix in (".csv", ".tsv"):
        yield from scan_csv(source)
    elif suffix in (".yaml", ".yml"):
        yield from _scan_yaml(source)
    else:
        yield from _scan_windows(source)


def _scan_windows(source: Source) -> Iterator[Finding]:
    first_line = 1
    for text in read_windows(source.file):
        yield from scan_text(source, text, source.where, first_line)
        first_line += len(text.splitlines()) - (not text.endswith("\n"))


def _scan_yaml(source: Source) -> Iterator[Finding]:
    """Scan YAML as it is parsed, with any tags and without copies of what has an alias; else as text."""
    file = source.seekable()
    try:
        yield from _scan_events(source, file)
    except yaml.YAMLError:
        file.seek(0)
        yield from _scan_windows(source)


@dataclass
class _Collection:
    """A mapping or a sequence that is being parsed."""

    where: str
    name: str
    is_mapping: bool
    key: str | None = None
    count: int = 0

    def next_place(self) -> tuple[str, str]:
        """Return the place and the field's name of the next value."""
        if self.is_mapping:
            key, self.key = self.key or "", None
            return f"{self.where}.{detectors.shown_name(key)}", key
        self.count += 1
        return f"{self.where}[{self.count - 1}]", self.name


@dataclass
class _Stream:
    """A file, of which only so much is read while the parser makes no progress."""

    file: BinaryIO
    count: int = 0

    def read(self, size: int = WINDOW, /) -> bytes:
        """Read some bytes."""
        self.count += size
        if self.count > MOST_IN_MEMORY:
            raise NotOpened(f"a value in it has more than {MOST_IN_MEMORY:,} bytes")
        return self.file.read(size)


def _scan_events(source: Source, file: BinaryIO) -> Iterator[Finding]:
    stream = _Stream(file)
    parents: list[_Collection] = []
    for event in yaml.parse(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        stream.count = 0
        if isinstance(event, yaml.CollectionEndEvent):
            parents.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        parent = parents[-1] if parents else None
        if parent and parent.is_mapping and parent.key is None:
            parent.key = event.value if isinstance(event, yaml.ScalarEvent) else "?"
            place, name = f"{parent.where}.{detectors.shown_name(parent.key)}", ""
        else:
            place, name = parent.next_place() if parent else (source.where, "")
        if isinstance(event, yaml.ScalarEvent):
            yield from _scan_scalar(source, event, place, name)
        elif isinstance(event, yaml.CollectionStartEvent):
            parents.append(_Collection(place, name, isinstance(event, yaml.MappingStartEvent)))
            if len(parents) > _MOST_LEVELS:
                raise NotOpened(f"it is nested in more than {_MOST_LEVELS} levels")


def _scan_scalar(source: Source, event: yaml.ScalarEvent, where: str, name: str) -> Iterator[Finding]:
    if event.tag == "tag:yaml.org,2002:binary":
        content = decode_base64("".join(event.value.split()))
        yield from scan_document(source, content, where, name)
    elif not (event.implicit[0] and event.value.lower() in _NO_TEXT):
        yield from scan_document(source, event.value, where, name)


_NO_TEXT: Final = frozenset(["", "~", *"null true false yes no on off".split()])
_MOST_LEVELS: Final = 500
