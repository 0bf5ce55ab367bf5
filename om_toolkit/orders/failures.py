"""TODO."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from html import escape

import polars as pl

from om_toolkit.errors import Failure


class Failures(tuple[Failure, ...]):
    """Why orders could not be had, a `Failure` each; `client.orders(orders.failures)` tries them again."""

    __slots__ = ()

    def to_polars(self) -> pl.DataFrame:
        """Return a frame with one row a failure.

        Columns: `order_id`, `kind` (String), `status` (Int64), `error_code`, `messages` (String; several are parted by
        semicolons), `correlation_id` (String), `attempts` (Int64), `elapsed_seconds` (Float64); see `Failure`.

        Example:
            >>> failures = Failures([Failure("1", "not_found", status=404)])
            >>> failures.to_polars().select("order_id", "kind", "status").rows()
            [('1', 'not_found', 404)]
        """
        frame = pl.DataFrame(list(map(astuple, self)), schema=_FAILURE_COLUMNS, orient="row")
        told = pl.col("messages").list.join("; ")
        return frame.with_columns(pl.when(told != "").then(told).alias("messages"))

    def __repr__(self) -> str:
        kinds = Counter(one.kind for one in self)
        told = ", ".join(f"{kinds[kind]:,} {kind}" for kind in sorted(kinds))
        return f"Failures({told or 'none'})"

    def _repr_html_(self) -> str:
        """Tell the first ones in words."""
        failed = "".join(f"<li>{escape(str(failure))}</li>" for failure in self[:_SHOWN])
        if len(self) > _SHOWN:
            failed += f"<li>and {len(self) - _SHOWN:,} more: see .failures</li>"
        return f"<p>{escape(repr(self))}</p><ul>{failed}</ul>"


_FAILURE_COLUMNS = {
    "order_id": pl.String(),
    "kind": pl.String(),
    "status": pl.Int64(),
    "error_code": pl.String(),
    "messages": pl.List(pl.String()),
    "correlation_id": pl.String(),
    "attempts": pl.Int64(),
    "elapsed_seconds": pl.Float64(),
}


_SHOWN = 5  # failures that a notebook spells out
