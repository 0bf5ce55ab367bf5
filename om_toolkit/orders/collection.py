"""The base of `Orders`, `Captures` and `Failures`: items in; a collection out that frame libraries see as its table.

These collections can be indexed, sliced and iterated over, but are no `Sequence`, whose items a frame library would
open one by one: polars, pyarrow, DuckDB and pandas 3 read their Arrow stream instead.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

import polars as pl

ItemT = TypeVar("ItemT")


class Items(Generic[ItemT]):
    """An immutable collection with positions, whose Arrow stream has the columns of `to_polars()`."""

    _items: tuple[ItemT, ...]

    def to_polars(self) -> pl.DataFrame:
        """Return a frame with one row per item."""
        raise NotImplementedError

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the columns of `to_polars()` as an Arrow stream."""
        return self.to_polars().__arrow_c_stream__(requested_schema)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ItemT]:
        return iter(self._items)

    def __reversed__(self) -> Iterator[ItemT]:
        return reversed(self._items)
