"""Saved answers by the million: NDJSON in, tables out, never more than a chunk of orders held as objects."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from itertools import chain, islice
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from om_toolkit.answers import newest, read, warn_of_repeated
from om_toolkit.collector import paused
from om_toolkit.orders import Failures, Orders
from om_toolkit.progress import progress
from om_toolkit.tables import SCHEMAS, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_ORDERS_AT_ONCE: Final = 2_000
_CHUNK: Final = "chunk"  # a column while the tables are in the making: which chunk a row comes from


def read_tables(path: str | Path, *, as_of: datetime | None = None, personal: bool = False) -> Tables[pl.DataFrame]:
    """Turn a file of saved answers into tables, however many: only some thousand orders at a time are objects.

    An answer that cannot be read becomes one of the tables' `failures` and costs no other. Of an order that stands
    there more than once the last one counts, and a warning says so.

    Args:
        path: NDJSON, an order a line. One order or an array of orders will do as well, but is read at once.
        as_of: When the answers were fetched; without it the newest purchase, capture or refund tells.
        personal: Whether the columns that can name a person are there as well.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the bytes are no text.
    """
    path = Path(path)
    with path.open("rb") as file:
        first = file.readline().removeprefix(BOM_UTF8).strip()
    if not (first.startswith(b"{") and first.endswith(b"}")):
        return Orders.from_json(path, as_of=as_of).tables(personal=personal)
    repeated: Counter[str] = Counter()
    parts = list(_read_parts(path, repeated, personal=personal))
    frames: dict[str, Any] = {name: pl.concat([getattr(part, name) for part in parts]) for name in SCHEMAS}
    times = max(filter(None, (part.as_of for part in parts)), default=None)
    failures = Failures(chain.from_iterable(part.failures for part in parts))
    tables = _without_repeated(Tables(**frames, as_of=as_of or times, failures=failures), repeated)
    warn_of_repeated(repeated)
    return tables.map(lambda frame: frame.drop(_CHUNK))


def _read_parts(path: Path, repeated: Counter[str], *, personal: bool) -> Iterator[Tables[pl.DataFrame]]:
    """Yield the tables of each chunk of a file's lines, the chunk's number in every row."""
    with path.open("rb") as file, progress(path.stat().st_size, "B", unit_scale=True, desc=path.name) as bar:
        lines = ((f"{path.name} #{number}", line.removeprefix(BOM_UTF8)) for number, line in enumerate(file, 1))
        for number, chunk in enumerate(iter(lambda: list(islice(lines, _ORDERS_AT_ONCE)), [])):
            with paused():
                orders, failures, again = read((where, line) for where, line in chunk if line.strip())
                tables = Orders(orders, failures=failures, as_of=newest(orders)).tables(personal=personal)
            repeated += again
            bar.update(sum(len(line) for _, line in chunk))
            of_chunk = pl.lit(number).alias(_CHUNK)
            yield tables.map(methodcaller("with_columns", of_chunk))


def _without_repeated(tables: Tables[pl.DataFrame], repeated: Counter[str]) -> Tables[pl.DataFrame]:
    """Keep of each order only the rows of the last chunk that holds it, and count those that stood before."""
    chunks = tables.orders.group_by("order_id").agg(pl.col(_CHUNK).max(), before=pl.len() - 1)
    again = chunks.filter(pl.col("before") > 0)
    if again.is_empty():
        return tables
    repeated.update(dict(again.select("order_id", "before").iter_rows()))
    return tables.map(lambda frame: frame.join(chunks, on=["order_id", _CHUNK], how="semi"))
