"""A file of millions of saved documents in, tables out, with only a few thousand orders as objects at a time."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from operator import methodcaller
from pathlib import Path
from typing import Any, Final

import polars as pl

from om_toolkit.orders.failures import Failures
from om_toolkit.orders.json_documents import documents, is_json_text
from om_toolkit.orders.orders import Orders
from om_toolkit.orders.saved import Saved, warn_of_repeated
from om_toolkit.support.chunks import chunked
from om_toolkit.support.gc_pause import paused
from om_toolkit.support.instants import LONGEST_LIFE, as_of_in_utc, newest
from om_toolkit.support.progress import progress
from om_toolkit.tables.from_objects import TablesBuilder
from om_toolkit.tables.schema import SCHEMAS, with_seen_at
from om_toolkit.tables.tables import Tables

_DOCUMENTS_PER_CHUNK: Final = 2_000

_CHUNK_COLUMN: Final = "chunk"  # a temporary column: the number of the chunk that a row comes from


def read_tables(path: str | Path, *, as_of: datetime | None = None, personal: bool = False) -> Tables[pl.DataFrame]:
    """Turn a file of saved responses into tables; only a few thousand orders at a time are objects in memory.

    A response that cannot be read becomes one of the tables' `failures` and affects no other. Of an order with more
    than one response the last one counts, and a warning names it.

    Args:
        path: A file of one order, arrays of orders, or NDJSON (an order per line).
        as_of: When the responses were fetched; by default the time of the newest purchase, capture or refund.
            Times more than three years after the purchase are mistyped and do not count.
        personal: Whether to include the columns that can name a person.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If the bytes are not text, or `path` is JSON itself.
    """
    if is_json_text(path):
        raise ValueError("path is blank or JSON text, not a path; use Orders.from_json(text).tables() for JSON text")
    repeated: Counter[str] = Counter()
    parts = list(_read_parts(Path(path), repeated, personal=personal)) or [Orders().tables(personal=personal)]
    frames: dict[str, Any] = {name: pl.concat([getattr(part, name) for part in parts]) for name in SCHEMAS}
    failures = Failures(chain.from_iterable(part.failures for part in parts))
    tables = _without_repeated(Tables(**frames, as_of=None, failures=failures, is_conformed=True), repeated)
    warn_of_repeated(repeated)
    tables = tables.map(lambda frame: frame.drop(_CHUNK_COLUMN, strict=False), is_conformed=True)
    seen_at = repeat(as_of_in_utc(as_of), tables.orders.height)
    tables = replace(tables, orders=with_seen_at(tables.orders, seen_at), is_conformed=True)
    instant = as_of_in_utc(as_of) or _newest_time(tables)
    return replace(tables, as_of=instant, as_of_is_inferred=as_of is None, is_conformed=True)


def _read_parts(path: Path, repeated: Counter[str], *, personal: bool) -> Iterator[Tables[pl.DataFrame]]:
    """Yield the tables of each chunk of documents, with the chunk's number in every row."""
    with progress(path.stat().st_size if path.is_file() else None, "B", unit_scale=True, desc=path.name) as bar:
        for number, chunk in enumerate(chunked(documents(path), _DOCUMENTS_PER_CHUNK)):
            with paused():
                saved = Saved()
                # Orders become columns as they are read: the processor still has them in its cache.
                builder = TablesBuilder(personal=personal).add(saved.read(chunk))
                if saved.repeated:
                    builder = TablesBuilder(personal=personal).add(saved.orders.values())
                tables = Tables(**builder.frames(), as_of=None, failures=saved.failures, is_conformed=True)
            repeated += saved.repeated
            del saved  # free its orders before the next ones are made
            bar.update(sum(len(document) for _, document in chunk))
            numbered = methodcaller("with_columns", pl.lit(number).alias(_CHUNK_COLUMN))
            yield tables.map(numbered, is_conformed=True)


def _without_repeated(tables: Tables[pl.DataFrame], repeated: Counter[str]) -> Tables[pl.DataFrame]:
    """Keep the rows of each order's last chunk, and count those of its earlier chunks as repeated."""
    if tables.orders["order_id"].n_unique() == tables.orders.height:
        return tables
    chunks = tables.orders.group_by("order_id").agg(pl.col(_CHUNK_COLUMN).max(), earlier=pl.len() - 1)
    again = chunks.filter(pl.col("earlier") > 0)
    repeated.update(dict(again.select("order_id", "earlier").iter_rows()))
    return tables.map(lambda frame: frame.join(chunks, on=["order_id", _CHUNK_COLUMN], how="semi"), is_conformed=True)


def _newest_time(tables: Tables[Any]) -> datetime | None:
    """Return the time that `newest_time` returns for the orders of some tables."""
    placed = tables.orders.select("order_id", "created_at")
    age = pl.col("at") - pl.col("created_at")
    events = [tables.captures.select("order_id", at="captured_at"), tables.refunds.select("order_id", at="refunded_at")]
    likely = pl.concat(events).join(placed, on="order_id", how="left").remove(age > LONGEST_LIFE)
    return newest([placed["created_at"].max(), likely["at"].max()])
