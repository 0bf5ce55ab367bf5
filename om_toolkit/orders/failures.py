"""The failures of a batch as one value: counts by kind, a frame, and HTML for notebooks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple
from typing import Final, Self, overload

import polars as pl

from om_toolkit.errors import Failure
from om_toolkit.orders.collection import Items
from om_toolkit.support.html_tables import captioned_list


class Failures(Items[Failure]):
    """Why orders are missing, a `Failure` each; `client.orders(orders.failures)` fetches them again.

    It is like a tuple and equal to one with the same failures, but it is no `collections.abc.Sequence`: frame libraries
    get the columns of `to_polars()`.
    """

    def __init__(self, failures: Iterable[Failure] = ()) -> None:
        self._items = tuple(failures)

    @overload
    def __getitem__(self, which: int) -> Failure: ...
    @overload
    def __getitem__(self, which: slice) -> Self: ...
    def __getitem__(self, which: int | slice) -> Failure | Self:
        return type(self)(self._items[which]) if isinstance(which, slice) else self._items[which]

    def __eq__(self, other: object) -> bool:
        return self._items == tuple(other) if isinstance(other, Failures | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._items)

    def to_polars(self) -> pl.DataFrame:
        """Return a frame with one row per failure.

        Columns: `order_id`, `kind` (String), `status` (Int64), `error_code`, `messages` (String, several joined by
        semicolons), `correlation_id` (String), `attempts` (Int64), `elapsed_seconds` (Float64); see `Failure`.

        Example:
            >>> failures = Failures([Failure("1", "not_found", status=404)])
            >>> failures.to_polars().select("order_id", "kind", "status").rows()
            [('1', 'not_found', 404)]
        """
        frame = pl.DataFrame(list(map(astuple, self)), schema=_FAILURE_COLUMNS, orient="row")
        joined = pl.col("messages").list.join("; ")
        return frame.with_columns(pl.when(joined != "").then(joined).alias("messages"))

    def __repr__(self) -> str:
        kinds = Counter(failure.kind for failure in self)
        counts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds))
        return f"Failures({counts or 'none'})"

    def _repr_html_(self) -> str:
        return captioned_list(repr(self), self._items, "see .failures")


_FAILURE_COLUMNS: Final = {
    "order_id": pl.String(),
    "kind": pl.String(),
    "status": pl.Int64(),
    "error_code": pl.String(),
    "messages": pl.List(pl.String()),
    "correlation_id": pl.String(),
    "attempts": pl.Int64(),
    "elapsed_seconds": pl.Float64(),
}
