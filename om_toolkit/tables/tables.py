"""Five polars frames with the instant they describe; to and from Parquet, SQL queries over them.

A column is named by its API path with `_` for `.`. Text that is absent, `null` or `""` is null; country and currency
codes are upper case; times are UTC; amounts are minor units of the row's `purchase_currency`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import polars as pl

from om_toolkit.errors import Failure
from om_toolkit.support.atomic_files import OWN, USUAL, replacing
from om_toolkit.support.instants import as_of_text
from om_toolkit.support.text import count_of, with_article
from om_toolkit.tables.older_files import with_added_columns
from om_toolkit.tables.schema import SCHEMAS, describe

FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)


@dataclass(frozen=True, repr=False, eq=False)
class Tables(Generic[FrameT]):
    """The five tables of a set of orders, joined by `order_id` and the positions `capture` and `refund`.

    Amounts are minor units of the row's `purchase_currency`, times are UTC, and empty text is null. `help(Tables)` ends
    with a list of all columns: type, unit, API path. Those marked personal exist only with `personal=True`, and
    `customer_key` only with a key in the environment's `OM_PSEUDONYM_KEY` (`privacy.customer_key`).

    Attributes:
        orders: One row per order.
        captures: One row per capture of an order.
        refunds: One row per refund of an order.
        order_lines: One row per order line; `source` is `order`, `capture` or `refund`.
        shipments: One row per shipping_info entry; `source` is `order` or `capture`.
        as_of: The instant that the data describe, in UTC; None if it is unknown.
        as_of_is_inferred: Whether `as_of` is the newest time in the data, because no time of fetching is known.
        failures: Why other orders are missing, a `Failure` each; Parquet files do not keep them.
    """

    orders: FrameT
    captures: FrameT
    refunds: FrameT
    order_lines: FrameT
    shipments: FrameT
    as_of: datetime | None
    failures: tuple[Failure, ...] = ()
    as_of_is_inferred: bool = False

    def map(self, change: Callable[[Any], Any]) -> Tables[Any]:
        """Return the tables with a function applied to each frame."""
        frames: dict[str, Any] = {name: change(frame) for name, frame in self.items()}
        return replace(self, **frames)

    def lazy(self) -> Tables[pl.LazyFrame]:
        """Return the same tables as lazy frames."""
        return self.map(lambda frame: frame.lazy())

    def collect(self) -> Tables[pl.DataFrame]:
        """Return the same tables in memory."""
        return self.map(lambda frame: frame.lazy().collect())

    def items(self) -> Iterator[tuple[str, FrameT]]:
        """Yield each table's name and frame."""
        for name in SCHEMAS:
            yield name, getattr(self, name)

    def filter(self, *predicates: pl.Expr) -> Tables[FrameT]:
        """Keep the orders for which every predicate over the orders table is true, and their rows in all tables."""
        orders: Any = self.orders.filter(*predicates)
        kept = orders.select("order_id")
        return self.map(lambda table: orders if table is self.orders else table.join(kept, on="order_id", how="semi"))

    def sql(self: Tables[Any], query: str) -> pl.DataFrame:
        """Run an SQL query over the tables `orders`, `captures`, `refunds`, `order_lines`, `shipments`.

        Raises:
            polars.exceptions.SQLInterfaceError: If polars does not know the syntax or the table.
            polars.exceptions.ColumnNotFoundError: If a column does not exist.
        """
        return pl.SQLContext(dict(self.items())).execute(query, eager=True)

    def write_parquet(self: Tables[Any], folder: str | Path) -> None:
        """Write one folder per table, such as `FOLDER/orders/part-0.parquet`, and replace existing tables.

        All files are written before the first existing one is replaced: if the disk is full, nothing changes. On
        systems with file modes, only the owner can read tables with personal columns.
        """
        files = {name: Path(folder, name, "part-0.parquet") for name in SCHEMAS}
        with ExitStack() as stack:
            for name, table in self.collect().items():
                files[name].parent.mkdir(parents=True, exist_ok=True)
                is_personal = any(column.is_personal and column.name in table.columns for column in SCHEMAS[name])
                unfinished = stack.enter_context(replacing(files[name], OWN if is_personal else USUAL))
                table.write_parquet(unfinished, metadata=self._metadata())
        for file in files.values():
            for stale in set(file.parent.glob("*.parquet")) - {file}:
                stale.unlink()

    @staticmethod
    def read_parquet(folder: str | Path) -> Tables[pl.DataFrame]:
        """Read tables written by `write_parquet` into memory.

        Raises:
            FileNotFoundError: If one of the five tables is missing.
        """
        return Tables.scan_parquet(folder).collect()

    @staticmethod
    def scan_parquet(folder: str | Path) -> Tables[pl.LazyFrame]:
        """Open tables written by `write_parquet` as lazy frames, for data larger than memory.

        Raises:
            FileNotFoundError: If one of the five tables is missing.
        """
        files = {name: sorted(Path(folder, name).glob("*.parquet")) for name in SCHEMAS}
        for name, of_table in files.items():
            if not of_table:
                raise FileNotFoundError(
                    f"no .parquet file in {Path(folder, name)}; pass a folder written by write_parquet"
                )
        frames: dict[str, Any] = {name: pl.scan_parquet(of_table, glob=False) for name, of_table in files.items()}
        frames = with_added_columns(frames)
        as_of, is_inferred = _read_as_of(files["orders"])
        return Tables(**frames, as_of=as_of, as_of_is_inferred=is_inferred)

    def _metadata(self) -> dict[str, str]:
        return {_INFERRED_AS_OF if self.as_of_is_inferred else _AS_OF: self.as_of.isoformat()} if self.as_of else {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={_size(table)}" for name, table in self.items())
        return f"Tables({sizes}, {as_of_text(self.as_of, is_inferred=self.as_of_is_inferred)})"


_AS_OF: Final = "om_toolkit.as_of"
_INFERRED_AS_OF: Final = "om_toolkit.newest_time"


def _read_as_of(files: Iterable[Path]) -> tuple[datetime | None, bool]:
    """Return the newest `as_of` in the metadata of files, and whether it was inferred."""
    found = [
        (datetime.fromisoformat(text), name == _INFERRED_AS_OF)
        for name, text in chain.from_iterable(pl.read_parquet_metadata(file).items() for file in files)
        if name in (_AS_OF, _INFERRED_AS_OF)
    ]
    return max(found, default=(None, False))


def _size(table: pl.DataFrame | pl.LazyFrame) -> str:
    return count_of(table.height, "row") if isinstance(table, pl.DataFrame) else "lazy"


def tables_of(data: object) -> Tables[pl.LazyFrame]:
    """Return the lazy tables of the data that a metric gets: `Tables`, or an object with a method `tables`.

    Raises:
        TypeError: If it is something else.
    """
    if not isinstance(data, Tables) and hasattr(data, "tables"):
        data = data.tables()
    if not isinstance(data, Tables):
        kind = with_article(type(data).__name__)
        raise TypeError(f"expected Orders or Tables, not {kind}; use client.orders(ids) or Tables.read_parquet(folder)")
    return data.lazy()


Tables.__doc__ = f"{Tables.__doc__}\n{describe()}"
