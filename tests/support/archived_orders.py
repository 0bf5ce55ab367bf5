"""Orders for the tests of the archive, and the rows of its file."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.archive.database import log_of
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import AS_OF

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

T1, T2, T3 = (datetime(2026, 10, day, 12, tzinfo=UTC) for day in (1, 2, 3))


def order(order_id: str = "a-1", **fields: Any) -> om.Order:
    """Return an order with these fields."""
    return read_order(json.dumps({"order_id": order_id, **fields}))


def filled(path: Path, orders: om.Orders, *, personal: bool = False) -> om.Archive:
    """Return a new archive of these orders."""
    opened = om.Archive(path, personal=personal)
    for one in orders:
        opened.add(str(one.order_id), one, AS_OF)
    return opened


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Return the snapshots in a file without their checksums, and check that SQLite finds it intact."""
    if not path.exists():
        return []  # the process was killed before it created the file
    # Reading only leaves the log of a process that was killed; without a log, there may be a journal to roll back.
    mode = "ro" if log_of(path).exists() else "rw"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return []  # the process was killed before it created the tables
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        columns = "order_key, number, first_seen, last_seen, is_open, digest, body"
        return connection.execute(f"SELECT {columns} FROM snapshots ORDER BY order_key, number").fetchall()  # noqa: S608


def assert_same(found: om.Tables[pl.DataFrame], expected: om.Tables[pl.DataFrame]) -> None:
    """Check that tables are equal to the last value."""
    assert found.as_of == expected.as_of
    for table, frame in expected.items():
        assert_frame_equal(getattr(found, table), frame, check_exact=True)
