"""A frame made elsewhere in; a frame with the schema of its table out, or an error that names the column.

Types are converted only if no value changes its meaning: text that is a category becomes text, whole numbers become
Int64, times become UTC. Ids lose surrounding blanks and their case, so that the five tables join; codes and statuses
become upper case. A lazy frame is conformed lazily: types are checked now, values when it is collected.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import polars as pl

from om_toolkit.support.text import with_article
from om_toolkit.tables.schema import SCHEMAS, Column, Kind, columns

Frame: TypeAlias = pl.DataFrame | pl.LazyFrame
Schema: TypeAlias = Mapping[str, pl.DataType]

_REQUIRED: Final = {
    "orders": ("order_id", "status", "purchase_currency", "order_amount", "created_at"),
    "captures": ("order_id", "captured_amount", "captured_at"),
    "refunds": ("order_id", "refunded_amount", "refunded_at"),
    "order_lines": ("order_id", "source"),
    "shipments": ("order_id", "source"),
}
"""The columns without which numbers would be wrong instead of missing; the others become null."""

_LOWER: Final = ("order_id", "capture_id", "refund_id", "source")
"""Text by which rows are joined and filtered, in lower case: ids are the same in either."""

_OPTIONAL_KEY: Final = "customer_key"  # absent rather than null: without it there is nothing to group by

_OWNERS: Final = {
    "capture": ("order_id",),
    "refund": ("order_id",),
    "line": ("order_id", "source", "capture_id", "refund_id"),
    "shipment": ("order_id", "source", "capture_id"),
}
"""By column with a position, what identifies the array in which it counts."""

_POSITIONS_OF_OWNERS: Final = (("order_lines", "capture"), ("order_lines", "refund"), ("shipments", "capture"))
"""The tables with the position of the capture or refund that a row belongs to."""

_POSITION_COLUMNS: Final = {"captures": "capture", "refunds": "refund", "order_lines": "line", "shipments": "shipment"}

_TRACKED_BY: Final = ("tracking_number", "tracking_uri")

_EXACT_TO: Final = {"Float16": 2**11, "Float32": 2**24, "Float64": 2**53}
"""The largest whole number below which a float of this type has every digit."""

_ADVICE: Final = {
    Kind.TEXT: "cast it to text",
    Kind.CODE: "cast it to text",
    Kind.AMOUNT: "amounts are whole minor units: multiply major units by 100 (or as the currency requires), "
    "round and cast to Int64",
    Kind.COUNT: "counts are whole numbers: cast it to Int64",
    Kind.RATE: "rates are percent with two implied decimals (25 % is 2500): multiply by 100, round and cast to Int64",
    Kind.TIME: "parse it first, such as with pl.col(...).str.to_datetime(time_zone='UTC')",
    Kind.FLAG: "cast it to Boolean",
}


def conform(tables: Mapping[str, object]) -> dict[str, Frame]:
    """Return the five tables with the documented columns first, in their order and with their types, then any others.

    Missing columns become null; positions and `has_tracking` are computed where possible. A capture or refund has the
    position of its row among those of its order; lines and shipments get it from the capture or refund with their id,
    and null if that id is missing or repeated. A frame without any column is an empty table. Personal columns are not
    added.

    Args:
        tables: By name polars frames, or objects with an Arrow stream: pandas frames, pyarrow tables, DuckDB relations.

    Raises:
        TypeError: If one is no frame, or a column has a type that cannot be converted.
        ValueError: If a required column is missing, or a value cannot be converted without changing it.
    """
    given = {table: _polars_frame(table, data) for table, data in tables.items()}
    conformed = {table: _conformed_frame(table, frame) for table, frame in given.items()}
    for table, name in _POSITIONS_OF_OWNERS:
        if name not in given[table].collect_schema():
            conformed[table] = _with_position(conformed, table, name)
    return conformed


def _with_position(tables: Mapping[str, Frame], table: str, name: str) -> Frame:
    """Return lines or shipments with the position of their capture or refund, which is found by its id."""
    frame, key = tables[table], ["order_id", f"{name}_id"]
    owners = tables[f"{name}s"].lazy().filter(pl.len().over(key) == 1).select(*key, name)
    found = frame.lazy().drop(name).join(owners, on=key, how="left", maintain_order="left")
    found = found.select(frame.collect_schema().names())
    return found.collect() if isinstance(frame, pl.DataFrame) else found


def _conformed_frame(table: str, frame: Frame) -> Frame:
    """Return one table on its own."""
    schema = frame.collect_schema()
    if not schema:
        return pl.DataFrame(schema={column.name: column.kind.dtype for column in columns(table)})
    _check_names(table, schema)
    known = [column for column in SCHEMAS[table] if column.name in schema]
    if isinstance(frame, pl.DataFrame):
        _check_numbers(table, frame, known)
    given = [_conformed(table, column, schema[column.name]).alias(column.name) for column in known]
    names = {column.name for column in known}
    missing = [column for column in columns(table) if column.name not in names and column.name != _OPTIONAL_KEY]
    order = [column.name for column in SCHEMAS[table] if column in missing or column.name in names]
    others = [name for name in schema if name not in names]
    return (
        frame.select(*given, *others)
        .with_columns(pl.lit(None, column.kind.dtype).alias(column.name) for column in missing)
        .with_columns(_computed(table, {column.name for column in missing}, names))
        .select(*order, *others)
    )


def has_schema(table: str, frame: Frame) -> bool:
    """Return whether a frame has the columns of a table, with or without the personal ones, and their types."""
    schema = frame.collect_schema()
    return all(
        schema[column.name] == column.kind.dtype
        if column.name in schema
        else column.is_personal or column.name == _OPTIONAL_KEY
        for column in SCHEMAS[table]
    )


def _polars_frame(table: str, data: object) -> Frame:
    """Return the data as a polars frame."""
    if isinstance(data, pl.DataFrame | pl.LazyFrame):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        kind = with_article(type(data).__name__)
        raise TypeError(
            f"{table} is {kind}, not a frame; pass a polars or pandas frame, a pyarrow table or a DuckDB relation"
        )
    try:
        frame = pl.from_arrow(data)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise TypeError(f"{table} cannot be read as an Arrow stream: {error}") from error
    if isinstance(frame, pl.Series) and frame.dtype == pl.Struct:
        frame = frame.struct.unnest()  # polars makes this of a stream of rows
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"{table} is a column, not a frame; pass all columns of the table")
    return frame


def _check_names(table: str, schema: Schema) -> None:
    """Check that no required column is missing and that no name differs from a documented one by case or blanks."""
    documented = {column.name for column in SCHEMAS[table]}
    for name in schema:
        meant = name.strip().lower()
        if name not in documented and meant in documented and meant not in schema:
            raise ValueError(f"{table} has a column {name!r}; rename it to {meant!r}")
    if missing := [name for name in _REQUIRED[table] if name not in schema]:
        raise ValueError(
            f"{table} has no column {missing[0]!r}; add it (help(om.Tables) lists all columns), "
            f"or pass an empty frame if there are no {table.replace('_', ' ')}"
        )


def _conformed(table: str, column: Column, dtype: pl.DataType) -> pl.Expr:
    """Return a column as an expression of the documented type."""
    value = pl.col(column.name)
    if dtype == pl.Null:
        return value.cast(column.kind.dtype)
    if column.kind in (Kind.TEXT, Kind.CODE):
        converted = _text_expr(column, dtype)
    elif column.kind is Kind.TIME:
        converted = _utc_expr(value, dtype)
    elif column.kind is Kind.FLAG:
        converted = value if dtype == pl.Boolean else None
    else:
        converted = _whole_expr(table, column, dtype)
    if converted is None:
        raise TypeError(f"{table}.{column.name} is {dtype}, expected {column.kind.dtype}; {_ADVICE[column.kind]}")
    return converted


def _text_expr(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    """Return text; a whole number becomes its digits."""
    if not (isinstance(dtype, pl.String | pl.Categorical | pl.Enum) or dtype.is_integer()):
        return None
    text = pl.col(column.name).cast(pl.String())
    if column.name in _LOWER:
        text = text.str.strip_chars().str.to_lowercase()
    elif column.kind is Kind.CODE:
        text = text.str.strip_chars().str.to_uppercase()
    return pl.when(text != "").then(text)


def _utc_expr(value: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """Return a time in UTC; a time without a zone is in UTC, and a date is its first instant."""
    if dtype == pl.Date:
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if not isinstance(dtype, pl.Datetime):
        return None
    time = value.dt.cast_time_unit("us")
    return time.dt.convert_time_zone("UTC") if dtype.time_zone else time.dt.replace_time_zone("UTC")


def _whole_expr(table: str, column: Column, dtype: pl.DataType) -> pl.Expr | None:
    """Return whole numbers as Int64; a lazy frame raises the message about any other when it is collected."""
    value = pl.col(column.name)
    if _is_small_integer(dtype):
        return value.cast(pl.Int64())
    if not dtype.is_numeric():
        return None
    refused = pl.when(_is_refused(value, dtype)).then(_refusal(table, column, value))
    return pl.coalesce(refused.cast(pl.Int64()), value.cast(pl.Int64(), strict=False))


def _is_small_integer(dtype: pl.DataType) -> bool:
    return dtype.is_integer() and bool(re.fullmatch("U?Int(8|16|32)|Int64", str(dtype)))


def _is_refused(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return whether a number is a fraction, infinite, or too large to be exact; NaN is a missing value."""
    whole = value.cast(pl.Int64(), strict=False)
    is_exact = (whole.cast(dtype, strict=False) == value).fill_null(value=False)
    if not dtype.is_float():
        return value.is_not_null() & ~is_exact
    return value.is_not_null() & value.is_not_nan() & ~(is_exact & (value.abs() <= _EXACT_TO[str(dtype)]))


def _refusal(table: str, column: Column, value: pl.Expr) -> pl.Expr:
    return pl.format(
        f"{table}.{column.name} is {{}}, not a whole number of 64 bits; {_ADVICE[column.kind]}", value.cast(pl.String())
    )


def _check_numbers(table: str, frame: pl.DataFrame, known: list[Column]) -> None:
    """Check the values of numbers that may be fractions or too large."""
    for column in known:
        dtype = frame.schema[column.name]
        if column.kind.dtype == pl.Int64 and dtype.is_numeric() and not _is_small_integer(dtype):
            value = pl.col(column.name)
            refused = frame.filter(_is_refused(value, dtype)).select(_refusal(table, column, value))
            if not refused.is_empty():
                raise ValueError(refused.item(0, 0))


def _computed(table: str, missing: set[str], given: set[str]) -> Iterator[pl.Expr]:
    """Yield the missing columns that follow from others."""
    position = _POSITION_COLUMNS.get(table, "")
    if position in missing:
        yield pl.int_range(pl.len(), dtype=pl.Int64()).over(_OWNERS[position]).alias(position)
    tracking = [name for name in _TRACKED_BY if name in given]
    if "has_tracking" in missing and tracking:
        yield pl.any_horizontal(pl.col(name).is_not_null() for name in tracking).alias("has_tracking")
