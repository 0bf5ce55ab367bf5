"""Five polars frames with the instant they describe; to and from Parquet, to Excel, SQL queries over them.

A column is named by its API path with `_` for `.`. Text that is absent, `null` or `""` is null; country and currency
codes are upper case; times are UTC; amounts are minor units of the row's `purchase_currency`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass, replace
from datetime import datetime
from itertools import chain, starmap
from os import PathLike
from typing import Any, Final, Generic, TypeVar

import polars as pl

from om_toolkit.errors import Failure
from om_toolkit.support.html_tables import Heading, folded, paragraph
from om_toolkit.support.html_tables import table as html_table
from om_toolkit.support.instants import as_of_in_utc, as_of_text
from om_toolkit.support.text import count_of, with_article
from om_toolkit.tables.conform import conform, has_schema
from om_toolkit.tables.excel_files import write_sheets
from om_toolkit.tables.parquet_files import ParquetSet, read, write
from om_toolkit.tables.schema import SCHEMAS, describe
from om_toolkit.tables.sheets import Sheet
from om_toolkit.tables.sql import check_query

FrameT = TypeVar("FrameT", pl.DataFrame, pl.LazyFrame)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, repr=False, eq=False)
class Tables(Generic[FrameT]):
    """The five tables of a set of orders, joined by `order_id` and the positions `capture` and `refund`.

    Amounts are minor units of the row's `purchase_currency`, times are UTC, and empty text is null. `help(Tables)` ends
    with a list of all columns: type, unit, API path. Those marked personal exist only with `personal=True`, and
    `customer_key` only with a key in the environment's `OM_PSEUDONYM_KEY` (`privacy.customer_key`).

    Frames made elsewhere are conformed: polars frames, eager or lazy, and objects with an Arrow stream, such as pandas
    frames, pyarrow tables and DuckDB relations. Their columns can be in any order; categories become text, whole
    numbers Int64, and times UTC (without a zone they are UTC). Ids, codes and statuses lose surrounding blanks; ids
    become lower case, codes and statuses upper case. Other columns stay at the end, and a missing optional column is
    null. A frame without columns is an empty table.

    Attributes:
        orders: One row per order.
        captures: One row per capture of an order.
        refunds: One row per refund of an order.
        order_lines: One row per order line; `source` is `order`, `capture` or `refund`.
        shipments: One row per shipping_info entry; `source` is `order` or `capture`.
        as_of: The instant that the data describe, in UTC; None if it is unknown.
        as_of_is_inferred: Whether `as_of` is the newest time in the data, because no time of fetching is known.
        failures: Why other orders are missing, a `Failure` each; Parquet files do not keep them.
        files: The Parquet files that the lazy frames read, if any.

    Raises:
        TypeError: If a table is no frame, or a column has a type that cannot be converted, such as text for an amount.
        ValueError: If a required column is missing, or a value cannot be converted, such as a fraction of a minor unit.
            Lazy frames raise it as `polars.exceptions.InvalidOperationError` when they are collected.

    Example:
        >>> orders = {"order_id": ["A1"], "status": ["captured"], "purchase_currency": ["sek"]}
        >>> orders |= {"order_amount": [5.0], "created_at": [datetime(2026, 10, 1)]}
        >>> none = pl.DataFrame()
        >>> tables = Tables(pl.DataFrame(orders), none, none, none, none, as_of=None)
        >>> tables.orders.select("order_id", "status", "purchase_currency", "order_amount").row(0)
        ('a1', 'CAPTURED', 'SEK', 5)
    """

    orders: FrameT
    captures: FrameT
    refunds: FrameT
    order_lines: FrameT
    shipments: FrameT
    as_of: datetime | None
    failures: Collection[Failure] = ()
    as_of_is_inferred: bool = False
    files: ParquetSet | None = None
    is_conformed: InitVar[bool] = False

    def __post_init__(self, is_conformed: bool) -> None:
        """Conform the frames, unless this package has made them."""
        object.__setattr__(self, "as_of", as_of_in_utc(self.as_of))
        for name, frame in () if is_conformed else conform(dict(self.items())).items():
            object.__setattr__(self, name, frame)

    def map(self, change: Callable[[Any], Any], *, is_conformed: bool = False) -> Tables[Any]:
        """Return the tables with a function applied to each frame.

        Args:
            change: The function.
            is_conformed: Whether the function keeps columns and types, so that its frames need not be conformed.
        """
        frames: dict[str, Any] = {name: change(frame) for name, frame in self.items()}
        return replace(self, **frames, is_conformed=is_conformed)

    def lazy(self) -> Tables[pl.LazyFrame]:
        """Return the same tables as lazy frames."""
        return self.map(lambda frame: frame.lazy(), is_conformed=True)

    def collect(self) -> Tables[pl.DataFrame]:
        """Return the same tables in memory.

        Raises:
            ValueError: If the Parquet files of lazy frames were replaced since they were opened.
        """
        in_memory = replace(self, files=None, is_conformed=True)
        return self._checked(lambda: in_memory.map(lambda frame: frame.lazy().collect(), is_conformed=True))

    def run(self, query: pl.LazyFrame) -> pl.DataFrame:
        """Collect a query over lazy tables.

        Raises:
            ValueError: If their Parquet files were replaced since they were opened.
        """
        return self._checked(query.collect)

    def _checked(self, read_files: Callable[[], ResultT]) -> ResultT:
        return self.files.checked(read_files) if self.files else read_files()

    def items(self) -> Iterator[tuple[str, FrameT]]:
        """Yield each table's name and frame."""
        for name in SCHEMAS:
            yield name, getattr(self, name)

    def filter(self, *predicates: pl.Expr) -> Tables[FrameT]:
        """Keep the orders for which every predicate over the orders table is true, and their rows in all tables."""
        orders: Any = self.orders.filter(*predicates)
        kept = orders.select("order_id")
        return self.map(
            lambda table: orders if table is self.orders else table.join(kept, on="order_id", how="semi"),
            is_conformed=True,
        )

    def sql(self: Tables[Any], query: str) -> pl.DataFrame:
        """Run an SQL query over the tables `orders`, `captures`, `refunds`, `order_lines`, `shipments`.

        Raises:
            ValueError: If the query would read anything else, such as a file.
            polars.exceptions.SQLInterfaceError: If polars does not know the syntax or the table.
            polars.exceptions.ColumnNotFoundError: If a column does not exist.
        """
        check_query(query)
        try:
            return pl.SQLContext(dict(self.items())).execute(query, eager=True)
        except pl.exceptions.PolarsError as error:
            # The traceback would keep the context, which no other thread may delete.
            raise error.with_traceback(None) from None

    def write_parquet(self: Tables[Any], place: str | PathLike[str]) -> None:
        """Write one folder per table, such as `PLACE/orders/part-0.parquet`, and replace existing tables.

        All files of a local folder are written before the first existing one is replaced: if the disk is full, nothing
        changes. On systems with file modes, only the owner can read tables with personal columns. The files have the id
        of their set in their metadata: a reader gets all tables of one set, or an error.

        Args:
            place: A local folder, or a URI that polars can write, such as `s3://bucket/shop`; polars takes credentials
                from the environment.

        Raises:
            OSError: If the files cannot be written.
            ValueError: If the URI has an unknown scheme.
        """
        write(place, dict(self.collect().items()), self._metadata())

    def write_excel(self: Tables[Any], path: str | PathLike[str], *, time_zone: str = "UTC") -> None:
        """Write an Excel file with a sheet per table, after one that lists them, and replace an existing file.

        Amounts are numbers in major units with the format of their row's currency, times are local times, as
        in the files of `om.write_excel`. Excel has 1,048,576 rows per sheet: use `filter` or
        `write_parquet` for more. On systems with file modes, only the owner can read a file with personal columns.

        Args:
            path: The file, whose name ends with `.xlsx`.
            time_zone: The time zone of the times, a name of the IANA database.

        Raises:
            MissingExtra: If XlsxWriter is not installed.
            OSError: If the file cannot be written; an existing file is then unchanged.
            ValueError: If a table exceeds a limit of Excel, the name is not that of an Excel file, or the time zone is
                unknown.

        Example:
            >>> import om_toolkit as om
            >>> from pathlib import Path
            >>> from tempfile import mkdtemp
            >>> client = om.replay("quickstart")
            >>> path = Path(mkdtemp(), "october.xlsx")
            >>> client.orders(client.recorded_order_ids).tables().write_excel(path)
            >>> pl.read_excel(path, sheet_name="captures").select("purchase_currency", "captured_amount").row(0)
            ('EUR', 166.21)
        """
        sheets = [Sheet(name, frame, self.as_of, self.as_of_is_inferred) for name, frame in self.collect().items()]
        write_sheets(sheets, path, time_zone=time_zone)

    @staticmethod
    def read_parquet(place: str | PathLike[str]) -> Tables[pl.DataFrame]:
        """Read tables into memory: those of `write_parquet`, or others with a folder per table, which are conformed.

        Args:
            place: A local folder, or a URI that polars can read, such as `s3://bucket/shop`.

        Raises:
            FileNotFoundError: If one of the five tables is missing.
            ValueError: If the files come from different calls of `write_parquet`.
        """
        return read(place, lambda files: _scanned(files).collect())

    @staticmethod
    def scan_parquet(place: str | PathLike[str]) -> Tables[pl.LazyFrame]:
        """Open tables as lazy frames, of which a query reads only the columns it needs; otherwise like `read_parquet`.

        If the files are replaced before a metric or `collect` has read them, it raises a `ValueError`.

        Raises:
            FileNotFoundError: If one of the five tables is missing.
            ValueError: If the files come from different calls of `write_parquet`.
        """
        return read(place, _scanned)

    def _metadata(self) -> dict[str, str]:
        return {_INFERRED_AS_OF if self.as_of_is_inferred else _AS_OF: self.as_of.isoformat()} if self.as_of else {}

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={_size(table)}" for name, table in self.items())
        return f"Tables({sizes}, {as_of_text(self.as_of, is_inferred=self.as_of_is_inferred)})"

    def _repr_html_(self) -> str:
        as_of = as_of_text(self.as_of, is_inferred=self.as_of_is_inferred)
        caption = f"Tables {as_of}; .orders, .captures and so on are polars frames, .sql(query) reads them all"
        return paragraph(caption) + "".join(starmap(_columns_html, self.items()))


_AS_OF: Final = "om_toolkit.as_of"
_INFERRED_AS_OF: Final = "om_toolkit.newest_time"


def _scanned(files: ParquetSet) -> Tables[pl.LazyFrame]:
    """Return the lazy tables of a set; one that this package wrote is conformed already, if its schema is current."""
    as_of, is_inferred = _newest_as_of(files.metadata)
    is_conformed = files.is_own and all(has_schema(name, frame) for name, frame in files.frames().items())
    frames: dict[str, Any] = files.frames()  # new ones: polars keeps what it has read of the files for their schema
    return Tables(**frames, as_of=as_of, as_of_is_inferred=is_inferred, files=files, is_conformed=is_conformed)


def _newest_as_of(metadata: Iterable[Mapping[str, str]]) -> tuple[datetime | None, bool]:
    """Return the newest `as_of` in the metadata of files, and whether it was inferred."""
    found = [
        (datetime.fromisoformat(text), name == _INFERRED_AS_OF)
        for name, text in chain.from_iterable(one.items() for one in metadata)
        if name in (_AS_OF, _INFERRED_AS_OF)
    ]
    return max(found, default=(None, False))


def _size(table: pl.DataFrame | pl.LazyFrame) -> str:
    return count_of(table.height, "row") if isinstance(table, pl.DataFrame) else "lazy"


def _columns_html(name: str, table: pl.DataFrame | pl.LazyFrame) -> str:
    """Return the size of a table, and below it its columns with their types and units."""
    units = {column.name: column.kind.value for column in SCHEMAS[name]}
    schema = table.collect_schema()
    headings = [Heading(words, is_text=True) for words in ("column", "type", "unit")]
    rows = ((column, dtype, units.get(column, "")) for column, dtype in schema.items())
    return folded(f"{name}: {_size(table)}, {count_of(len(schema), 'column')}", html_table(headings, rows))


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
