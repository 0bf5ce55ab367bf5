"""Five frames in, a set of Parquet files out, and back; the files of a set belong together.

A set is a folder or a URI with a folder per table. Every file written here has the random id of its set in its
metadata, so that no reader mixes the captures of one set with the orders of another.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from secrets import token_hex
from time import sleep
from typing import Final, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import polars as pl

from om_toolkit.support.atomic_files import OWN, USUAL, replacing, uri_scheme
from om_toolkit.tables.schema import SCHEMAS

ResultT = TypeVar("ResultT")

SET_ID: Final = "om_toolkit.set"
"""The key of the set's id in the metadata of a file."""

_FILE: Final = "part-0.parquet"

_CLOUDS: Final = ("s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss", "hf")
"""The schemes of URIs that polars reads and, except for `hf`, writes."""

_WAITS: Final = (0.01, 0.03, 0.1, 0.3)
"""Seconds before each new attempt to read a set that is being replaced."""


class MixedSetError(ValueError):
    """Files of different sets are in one place."""


@dataclass(frozen=True)
class ParquetSet:
    """The files of a set, as they were when it was opened.

    Attributes:
        place: The folder or URI.
        files: The files of each table; in a foreign set at a URI, a pattern of their names.
        metadata: The metadata of each file of the orders table.
        is_own: Whether this package has written it.
        state: What changes whenever a local file is replaced.
    """

    place: str
    files: Mapping[str, list[str]]
    metadata: Sequence[Mapping[str, str]]
    is_own: bool
    state: tuple[object, ...]

    def frames(self) -> dict[str, pl.LazyFrame]:
        """Return the lazy frames by table."""
        return {name: pl.scan_parquet(files, glob=not self.metadata) for name, files in self.files.items()}

    def checked(self, use: Callable[[], ResultT]) -> ResultT:
        """Return the result of reading the files, unless a local one has been replaced since they were opened.

        Raises:
            MixedSetError: If one has.
        """
        try:
            result = use()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            self._check()  # a file that was replaced can look damaged
            raise
        self._check()
        return result

    def _check(self) -> None:
        if self.state != _state(self.files):
            raise MixedSetError(f"the tables in {self.place} were replaced while they were read; read them again")


def write(place: str | PathLike[str], frames: Mapping[str, pl.DataFrame], metadata: Mapping[str, str]) -> None:
    """Write the frames to a folder or URI and replace an existing set.

    Raises:
        ValueError: If the URI has an unknown scheme.
    """
    metadata = {**metadata, SET_ID: token_hex(16)}
    folder = resolve_place(place)
    if isinstance(folder, str):
        for name, frame in frames.items():
            frame.write_parquet(f"{folder}/{name}/{_FILE}", metadata=dict(metadata))
        return
    files = {name: folder / name / _FILE for name in SCHEMAS}
    with ExitStack() as stack:
        for name, frame in frames.items():
            files[name].parent.mkdir(parents=True, exist_ok=True)
            is_personal = any(column.is_personal and column.name in frame.columns for column in SCHEMAS[name])
            unfinished = stack.enter_context(replacing(files[name], OWN if is_personal else USUAL))
            frame.write_parquet(unfinished, metadata=dict(metadata))
    for file in files.values():
        for stale in set(file.parent.glob("*.parquet")) - {file}:
            stale.unlink(missing_ok=True)


def read(place: str | PathLike[str], use: Callable[[ParquetSet], ResultT]) -> ResultT:
    """Open a set and use it; if it is replaced meanwhile, open the new one, a few times.

    Raises:
        FileNotFoundError: If a table is missing.
        MixedSetError: If the files belong to different sets, or are replaced again and again.
    """
    for wait in _WAITS:
        try:
            return _read_once(place, use)
        except MixedSetError:
            sleep(wait)
    return _read_once(place, use)


def _read_once(place: str | PathLike[str], use: Callable[[ParquetSet], ResultT]) -> ResultT:
    opened = _opened(place)
    return opened.checked(lambda: use(opened))


def _opened(place: str | PathLike[str]) -> ParquetSet:
    """Open a set, and check that its files belong together."""
    folder = resolve_place(place)
    files = _remote_files(folder) if isinstance(folder, str) else _local_files(folder)
    state = _state(files)
    try:
        metadata = {name: [pl.read_parquet_metadata(file) for file in of_table] for name, of_table in files.items()}
    except (OSError, pl.exceptions.PolarsError):
        if not isinstance(folder, str):
            raise
        patterns = {name: [f"{folder}/{name}/*.parquet"] for name in SCHEMAS}  # files with other names are foreign
        return ParquetSet(folder, patterns, (), is_own=False, state=())
    ids: dict[str | None, str] = {}
    for name, of_table in metadata.items():
        for one in of_table:
            ids.setdefault(one.get(SET_ID), name)
    if len(ids) > 1:
        first, second, *_ = ids.values()
        raise MixedSetError(
            f"{first} and {second} in {folder} come from different calls of write_parquet, one of which is running or "
            "was interrupted; read again, or write all tables again"
        )
    return ParquetSet(str(folder), files, metadata["orders"], is_own=None not in ids, state=state)


def _local_files(folder: Path) -> dict[str, list[str]]:
    files = {name: sorted(map(str, (folder / name).glob("*.parquet"))) for name in SCHEMAS}
    for name, of_table in files.items():
        if not of_table:
            raise FileNotFoundError(f"no .parquet file in {folder / name}; pass a folder written by write_parquet")
    return files


def _remote_files(uri: str) -> dict[str, list[str]]:
    return {name: [f"{uri}/{name}/{_FILE}"] for name in SCHEMAS}


def _state(files: Mapping[str, list[str]]) -> tuple[object, ...]:
    """Return what changes whenever a local file is replaced; nothing of files at a URI."""
    paths = [Path(file) for of_table in files.values() for file in of_table if not uri_scheme(file)]
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def resolve_place(place: str | PathLike[str]) -> Path | str:
    """Return a local folder as a path, and a URI as text.

    Raises:
        ValueError: If the scheme is unknown, no bucket is given, or the URI is a `Path`, which has lost a slash.
    """
    text, scheme = fspath(place), uri_scheme(place)
    if scheme is None:
        return Path(text)
    text = text.strip()
    if "://" not in text:
        raise ValueError(f"{text!r} is a URI without its second slash; pass a str, not a Path, such as 's3://bucket/x'")
    if scheme == "file":
        return Path(url2pathname(urlsplit(text).path))
    if scheme not in _CLOUDS or not urlsplit(text).netloc:
        raise ValueError(f"cannot use {text!r}; use a local folder, or a bucket and a path such as 's3://bucket/shop'")
    return text.rstrip("/")
