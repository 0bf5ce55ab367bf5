"""Saved answers by the million: NDJSON in, tables out, never more than a chunk of orders held as objects."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain, islice
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from om_toolkit.orders.failures import Failures
from om_toolkit.orders.json_documents import documents, is_text
from om_toolkit.orders.orders import Orders
from om_toolkit.orders.saved import read, warn_of_repeated
from om_toolkit.support.gc_pause import paused
from om_toolkit.support.instants import in_utc
from om_toolkit.support.progress import progress
from om_toolkit.tables.schema import SCHEMAS
from om_toolkit.tables.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


_ORDERS_AT_ONCE: Final = 4_000


_CHUNK: Final = "chunk"  # a column while the tables are in the making: which chunk a row comes from


def read_tables(path: str | Path, *, as_of: datetime | None = None, personal: bool = False) -> Tables[pl.DataFrame]:
    """Turn a file of saved answers into tables, however many: only some thousand orders at a time are objects.

    An answer that cannot be read becomes one of the tables' `failures` and costs no other. Of an order that stands
    there more than once the last one counts, and a warning says so.

    Args:
        path: A file of one order, arrays of orders, or NDJSON (an order a line).
        as_of: When the answers were fetched; without it the newest purchase, capture or refund tells.
        personal: Whether the columns that can name a person are there as well.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the bytes are no text, or the JSON itself is given.
    """
    if is_text(path):
        raise ValueError("that is no path but text: give a path; Orders.from_json takes the JSON itself")
    repeated: Counter[str] = Counter()
    parts = list(_read_parts(Path(path), repeated, personal=personal)) or [Orders().tables(personal=personal)]
    frames: dict[str, Any] = {name: pl.concat([getattr(part, name) for part in parts]) for name in SCHEMAS}
    failures = Failures(chain.from_iterable(part.failures for part in parts))
    tables = _without_repeated(Tables(**frames, as_of=None, failures=failures), repeated)
    warn_of_repeated(repeated)
    tables = tables.map(lambda frame: frame.drop(_CHUNK, strict=False))
    return replace(tables, as_of=in_utc(as_of) or _newest(tables), as_of_is_inferred=as_of is None)


def _read_parts(path: Path, repeated: Counter[str], *, personal: bool) -> Iterator[Tables[pl.DataFrame]]:
    """Yield the tables of some thousand of a file's documents at a time, the chunk's number in every row."""
    size = path.stat().st_size if path.is_file() else None
    with progress(size, "B", unit_scale=True, desc=path.name) as bar:
        all_documents = documents(path)
        for number, chunk in enumerate(iter(lambda: list(islice(all_documents, _ORDERS_AT_ONCE)), [])):
            with paused():
                found = read(chunk, personal=personal)
                tables = Tables(**found.rows.frames(found.orders), as_of=None, failures=tuple(found.failures))
            repeated += found.repeated
            del found  # before the next ones are made
            bar.update(sum(len(document) for _, document in chunk))
            yield tables.map(methodcaller("with_columns", pl.lit(number).alias(_CHUNK)))


def _newest(tables: Tables[pl.DataFrame]) -> datetime | None:
    """Return the newest time at which something has happened; an expiry may be yet to come."""
    times: list[Any] = [
        tables.orders["created_at"].max(),
        tables.captures["captured_at"].max(),
        tables.refunds["refunded_at"].max(),
    ]
    return max(filter(None, times), default=None)


def _without_repeated(tables: Tables[pl.DataFrame], repeated: Counter[str]) -> Tables[pl.DataFrame]:
    """Keep of each order only the rows of the last chunk that holds it, and count those that stood before."""
    if tables.orders["order_id"].n_unique() == tables.orders.height:
        return tables
    chunks = tables.orders.group_by("order_id").agg(pl.col(_CHUNK).max(), before=pl.len() - 1)
    again = chunks.filter(pl.col("before") > 0)
    repeated.update(dict(again.select("order_id", "before").iter_rows()))
    return tables.map(lambda frame: frame.join(chunks, on=["order_id", _CHUNK], how="semi"))
