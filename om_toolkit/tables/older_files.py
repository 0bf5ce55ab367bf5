"""Frames of files that an earlier version wrote in; frames with the columns added since then out."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from om_toolkit.tables.schema import SCHEMAS

_ADDED: Final = {
    "orders": ("selected_shipping_options_method", "seen_at"),
    "captures": ("capture",),
    "refunds": ("refund",),
    "order_lines": ("capture", "refund"),
    "shipments": ("capture",),
}
"""By table, the columns that earlier versions did not write."""


def with_added_columns(frames: Mapping[str, pl.LazyFrame]) -> dict[str, Any]:
    """Return the five tables with the columns that they lack because an earlier version wrote them.

    The position of a capture or refund is that of its row among the rows of its order. Lines and shipments get it from
    the capture or refund with their id, and null if that id is missing or repeated. `seen_at` is null.
    """
    completed = dict(frames)
    for table, added in _ADDED.items():
        for name in added:
            if name not in frames[table].collect_schema():
                completed[table] = _with_column(completed, table, name)
    return {name: _in_order(frame, name) if frame is not frames[name] else frame for name, frame in completed.items()}


def _with_column(frames: Mapping[str, pl.LazyFrame], table: str, name: str) -> pl.LazyFrame:
    if table == "orders":
        (column,) = (column for column in SCHEMAS[table] if column.name == name)
        return frames[table].with_columns(pl.lit(None, column.kind.dtype).alias(name))
    if table == f"{name}s":
        return frames[table].with_columns(pl.int_range(pl.len()).over("order_id").alias(name))
    key = ["order_id", f"{name}_id"]
    positions = frames[f"{name}s"].filter(pl.len().over(key) == 1).select(*key, name)
    return frames[table].join(positions, on=key, how="left", maintain_order="left")


def _in_order(frame: pl.LazyFrame, table: str) -> pl.LazyFrame:
    """Sort the columns as the schema does; others follow."""
    names = frame.collect_schema().names()
    known = [column.name for column in SCHEMAS[table] if column.name in names]
    return frame.select(*known, pl.exclude(known))
