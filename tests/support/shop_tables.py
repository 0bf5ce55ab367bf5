"""Tables of a few rows, for the tests of the metrics."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from om_toolkit.tables.schema import SCHEMAS, columns, frame
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    import polars as pl

START = datetime(2025, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def shop(*, as_of: datetime | None = None, **rows: list[dict[str, Any]]) -> Tables[pl.DataFrame]:
    """Return tables of the given rows, one dict per row; a missing key is null.

    Positions that are not given follow from the sequence of captures and refunds, and from the ids of their lines.
    """
    number_parts(rows, "capture")
    number_parts(rows, "refund")
    frames = {name: _frame(name, rows.pop(name, [])) for name in SCHEMAS}
    assert not rows, f"no such table: {list(rows)}"
    return Tables(**frames, as_of=as_of, is_conformed=True)


def number_parts(rows: dict[str, list[dict[str, Any]]], part: str) -> None:
    """Give captures or refunds their positions, and their lines and shipments that of the first one with their id."""
    count: Counter[object] = Counter()
    first: dict[tuple[object, object], int] = {}
    for row in rows.get(f"{part}s", []):
        position = row.setdefault(part, count[row.get("order_id")])
        first.setdefault((row.get("order_id"), row.get(f"{part}_id")), position)
        count[row.get("order_id")] += 1
    for row in (row for name in ("order_lines", "shipments") for row in rows.get(name, [])):
        if row.get("source") == part:
            row.setdefault(part, first.get((row.get("order_id"), row.get(f"{part}_id"))))


def shuffled(tables: Tables[pl.DataFrame], seed: int) -> Tables[pl.DataFrame]:
    frames = {name: table.sample(fraction=1, shuffle=True, seed=seed) for name, table in tables.items()}
    return Tables(**frames, as_of=tables.as_of, is_conformed=True)


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = columns(name)
    unknown = {key for row in rows for key in row} - {column.name for column in schema}
    assert not unknown, f"{name} have no {unknown}"
    return frame(schema, [[row.get(column.name) for row in rows] for column in schema])
