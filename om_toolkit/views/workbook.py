"""Results of metrics in; an Excel file out: numbers in major units, per cent and hours, with their formats."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.orders.orders import Orders
from om_toolkit.support.text import with_article
from om_toolkit.tables.excel_files import write_sheets
from om_toolkit.tables.sheets import MOST_ROWS, Sheet
from om_toolkit.tables.tables import Tables, tables_of
from om_toolkit.tables.units import Unit, unit_of
from om_toolkit.views.show import with_only_currency


def write_excel(
    frame: pl.DataFrame | Mapping[str, pl.DataFrame],
    path: str | PathLike[str],
    *,
    data: Orders | Tables[Any] | None = None,
    time_zone: str = "UTC",
) -> None:
    """Write the result of a metric, or several results, to an Excel file, and replace an existing file.

    - The first sheet, `contents`, lists the others with their numbers of rows and columns and `as_of`.
    - Amounts are numbers in major units, each with the format of its row's currency (JPY 0 digits, SEK 2, KWD 3).
      Without a currency, or in one that ISO 4217 does not have, they are minor units, and the format says so.
    - Shares and tax rates are numbers with a format in per cent. Hours, days and counts are numbers.
    - Times are local times without a zone, as Excel has them; the heading has the zone: `created_at (UTC)`.
    - A missing value is an empty cell, never 0. Text stays text, also `=1+1`. Lists and structs are JSON.
    - A number with more than 15 significant digits is text, with every digit: Excel would round it.
    - The heading is the name of the column; its note has the unit. It is frozen and filters the rows.
    - The same data give the same bytes.

    `Tables.write_excel` writes the five tables.

    Args:
        frame: The result of a metric, a table or a frame of your own; or several with the names of their sheets.
        path: The file, whose name ends with `.xlsx`.
        data: The orders that the frames were made from: for `as_of`, and for the currency of frames without one.
        time_zone: The time zone of the times, a name of the IANA database.

    Raises:
        MissingExtra: If XlsxWriter is not installed.
        OSError: If the file cannot be written; an existing file is then unchanged.
        TypeError: If `frame` is something else, or a column has values that Excel has no cells for.
        ValueError: If a frame exceeds a limit of Excel, a sheet cannot have its name, the path is not that of an Excel
            file, or the time zone is unknown.

    Example:
        >>> import om_toolkit as om
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> client = om.replay("quickstart")
        >>> orders = client.orders(client.recorded_order_ids)
        >>> path = Path(mkdtemp(), "october.xlsx")
        >>> write_excel({"refunds": om.refund_ratio(orders), "carriers": om.carriers(orders)}, path, data=orders)
        >>> pl.read_excel(path, sheet_name="contents").select("sheet", "rows").rows()
        [('refunds', 4), ('carriers', 20)]
    """
    frames = frame if isinstance(frame, Mapping) else {"result": frame}
    write_sheets(list(_sheets(frames, data)), path, time_zone=time_zone)


def can_be_excel(frame: pl.DataFrame) -> bool:
    """Return whether XlsxWriter is installed, and a sheet has enough rows for the frame and its heading."""
    return find_spec("xlsxwriter") is not None and frame.height < MOST_ROWS


def excel_bytes(name: str, frame: pl.DataFrame, data: Tables[Any], time_zone: str) -> bytes:
    """Return the content of the Excel file that `write_excel` writes, with the frame in a sheet of that name."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "frame.xlsx")
        write_excel({name: frame}, path, data=data, time_zone=time_zone)
        return path.read_bytes()


def _sheets(frames: Mapping[str, pl.DataFrame], data: Orders | Tables[Any] | None) -> Iterator[Sheet]:
    tables = None if data is None else tables_of(data)
    for name, frame in frames.items():
        _check_types(name, frame)
        if tables is None:
            yield Sheet(name, frame)
        else:
            known = with_only_currency(frame, tables) if _lacks_currency(frame) else frame
            yield Sheet(name, known, tables.as_of, tables.as_of_is_inferred)


def _lacks_currency(frame: pl.DataFrame) -> bool:
    """Whether a frame has amounts and no column with their currency."""
    units = {unit_of(name, dtype) for name, dtype in frame.schema.items()}
    return Unit.AMOUNT in units and CURRENCY not in frame.columns


def _check_types(name: object, frame: object) -> None:
    if isinstance(frame, Tables):
        raise TypeError("write_excel takes results; use tables.write_excel(path) for the five tables")
    if not isinstance(frame, pl.DataFrame):
        advice = (
            "; collect it" if isinstance(frame, pl.LazyFrame) else ", such as the result of om.refund_ratio(orders)"
        )
        raise TypeError(f"write_excel takes polars DataFrames, not {with_article(type(frame).__name__)}{advice}")
    if not isinstance(name, str):
        raise TypeError(f"the name of a sheet is {with_article(type(name).__name__)}, not text; use a str")
