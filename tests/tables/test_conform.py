"""Frames made elsewhere give the same numbers as clean ones, or an error that names the column."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from drawn_shops import Rows, awkward, awkward_shops
from polars.testing import assert_frame_equal
from shop_tables import at, shop

import om_toolkit as om
from om_toolkit.tables.schema import SCHEMAS, Column, Kind, columns
from om_toolkit.tables.tables import Tables

METRICS: tuple[Callable[..., pl.DataFrame], ...] = (
    om.capture_latency,
    om.refund_ratio,
    om.shipping_methods,
    om.carriers,
    om.expiring,
    om.at_risk,
    om.key_figures,
    om.audit,
)
NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001 - as databases return it
CLOSE = {"rel_tol": 1e-9, "abs_tol": 1e-9}


def small() -> Tables[pl.DataFrame]:
    order = {
        "status": "PART_CAPTURED",
        "fraud_status": "ACCEPTED",
        "purchase_country": "SE",
        "purchase_currency": "SEK",
    }
    order |= {"order_amount": 900, "captured_amount": 400, "created_at": at(0), "expires_at": at(700)}
    capture = {"captured_amount": 400, "captured_at": at(20), "purchase_currency": "SEK"}
    return shop(
        as_of=at(100),
        orders=[{"order_id": "a1", **order}, {"order_id": "b2", **order}],
        captures=[{"order_id": "a1", "capture_id": "c1", **capture}, {"order_id": "b2", "capture_id": "c2", **capture}],
        shipments=[{"order_id": "a1", "source": "capture", "capture_id": "c1", "shipping_method": "Home"}],
    )


def foreign(tables: Tables[Any], **changed: Any) -> Tables[Any]:
    """Return the tables with some frames replaced by those made elsewhere."""
    return Tables(**{**dict(tables.items()), **changed}, as_of=tables.as_of)


def assert_same_numbers(tables: Tables[Any], clean: Tables[Any], *metrics: Callable[..., pl.DataFrame]) -> None:
    for metric in metrics:
        assert_frame_equal(metric(tables), metric(clean), **CLOSE)


TEXT = (pl.Categorical(), pl.String())
WHOLE = (pl.Int32(), pl.UInt64(), pl.Float64(), pl.Float32(), pl.Decimal(20, 2), pl.Int16(), pl.Int64())
TIME = (
    *(pl.Datetime(unit) for unit in ("ms", "us", "ns")),
    pl.Datetime("ns", "Asia/Tokyo"),
    pl.Datetime("ms", "Etc/UTC"),
)


def mangled(frame: pl.DataFrame, table: str, random: Random) -> pl.DataFrame:
    """Return a frame as another system would hold it: other types, cases, blanks, an additional column, shuffled."""
    changed = [changed_column(column, random) for column in SCHEMAS[table] if column.name in frame.columns]
    random.shuffle(changed)
    return frame.with_columns(extra=pl.lit(1)).select("extra", *changed)


def changed_column(column: Column, random: Random) -> pl.Expr:
    value = pl.col(column.name)
    if column.kind is Kind.TIME:
        dtype = random.choice(TIME)
        if dtype.time_zone is None:
            value = value.dt.replace_time_zone(None)
        return value.cast(dtype)
    if column.kind.dtype == pl.Int64:
        dtype = random.choice(WHOLE)
        return value.cast(dtype).fill_null(float("nan")) if dtype.is_float() else value.cast(dtype)
    if column.kind is Kind.CODE or column.name in ("order_id", "capture_id", "status", "fraud_status"):
        value = pl.concat_str(pl.lit("  "), random.choice([value.str.to_uppercase(), value.str.to_lowercase()])).alias(
            column.name
        )
    return value.cast(random.choice(TEXT)) if column.kind is not Kind.FLAG else value


@awkward_shops(3, seed=range(100), lazy=[False, True])
def test_every_metric_is_the_same_on_mangled_frames(rows: Rows, as_of: int | None, seed: int, lazy: bool) -> None:  # noqa: FBT001
    clean = awkward(rows, as_of)
    random = Random(seed)  # noqa: S311 - no cryptography
    frames: dict[str, Any] = {name: mangled(frame, name, random) for name, frame in clean.items()}
    tables = Tables(**{name: frame.lazy() if lazy else frame for name, frame in frames.items()}, as_of=clean.as_of)
    assert_same_numbers(tables, clean, *METRICS)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("table", "column", "given", "expected"),
    [
        ("captures", "order_id", pl.Series(["A1 ", " b2"], dtype=pl.Categorical()), ["a1", "b2"]),
        ("orders", "status", pl.Series(["captured", None], dtype=pl.Enum(["captured"])), ["CAPTURED", None]),
        ("orders", "purchase_currency", pl.Series(["sek", ""]), ["SEK", None]),
        ("orders", "merchant_reference1", pl.Series([198112189876, None]), ["198112189876", None]),
        ("orders", "order_amount", pl.Series([900.0, float("nan")]), [900, None]),
        ("orders", "order_amount", pl.Series([Decimal("900.00"), None]), [900, None]),
        ("orders", "order_amount", pl.Series([2**63 - 1, 0], dtype=pl.UInt64()), [2**63 - 1, 0]),
        ("orders", "order_amount", pl.Series([None, None]), [None, None]),
        ("orders", "created_at", pl.Series([date(2026, 1, 2), None]), [datetime(2026, 1, 2, tzinfo=UTC), None]),
        ("orders", "created_at", pl.Series([NAIVE, None]), [datetime(2026, 1, 2, tzinfo=UTC), None]),
        (
            "orders",
            "created_at",
            pl.Series([NAIVE, None])
            .dt.replace_time_zone("Europe/Stockholm")
            .cast(pl.Datetime("ns", "Europe/Stockholm")),
            [datetime(2026, 1, 1, 23, tzinfo=UTC), None],
        ),
    ],
)
def test_a_column_is_converted(table: str, column: str, given: pl.Series, expected: list[Any], lazy: bool) -> None:  # noqa: FBT001
    tables = small()
    frame = getattr(tables, table).with_columns(given.alias(column))
    found = getattr(foreign(tables, **{table: frame.lazy() if lazy else frame}).collect(), table)
    assert found[column].to_list() == expected
    assert found.schema == getattr(tables, table).schema


REFUSED = [
    ("orders", "order_amount", pl.Series([1.0, 12.5]), ValueError, r"orders\.order_amount is 12\.5, .*minor units"),
    ("orders", "order_amount", pl.Series([1.0, float("inf")]), ValueError, r"orders\.order_amount is inf"),
    ("orders", "order_amount", pl.Series([1.0, 1e17]), ValueError, r"orders\.order_amount is 1.*17"),
    (
        "orders",
        "order_amount",
        pl.Series([1.0, 2.0**24 + 2], dtype=pl.Float32()),
        ValueError,
        r"orders\.order_amount is ",
    ),
    (
        "captures",
        "captured_amount",
        pl.Series([Decimal("12.50"), None]),
        ValueError,
        r"captures\.captured_amount is 12\.50",
    ),
    ("captures", "captured_amount", pl.Series([2**63, 1], dtype=pl.UInt64()), ValueError, "is 9223372036854775808"),
]
WRONG_TYPES = [
    ("orders", "order_amount", pl.Series(["1", "2"]), r"orders\.order_amount is String, expected Int64; amounts are"),
    ("orders", "order_amount", pl.Series([True, False]), r"orders\.order_amount is Boolean"),
    ("orders", "created_at", pl.Series(["2026-01-01", None]), r"orders\.created_at is String.*parse it first"),
    ("captures", "captured_at", pl.Series([1, 2]), r"captures\.captured_at is Int64"),
    ("captures", "order_id", pl.Series([1.5, 2.5]), r"captures\.order_id is Float64"),
    ("captures", "order_id", pl.Series([["a"], ["b"]]), r"captures\.order_id is List"),
    ("shipments", "has_tracking", pl.Series([1]), r"shipments\.has_tracking is Int64"),
]


@pytest.mark.parametrize(("table", "column", "given", "error", "message"), REFUSED)
def test_a_value_that_would_change_is_refused(
    table: str, column: str, given: pl.Series, error: type[Exception], message: str
) -> None:
    tables = small()
    frame = getattr(tables, table).with_columns(given.alias(column))
    with pytest.raises(error, match=message):
        foreign(tables, **{table: frame})
    lazy = foreign(tables, **{table: frame.lazy()})
    with pytest.raises(pl.exceptions.InvalidOperationError, match=message):
        lazy.collect()


@pytest.mark.parametrize(("table", "column", "given", "message"), WRONG_TYPES)
def test_a_wrong_type_is_refused(table: str, column: str, given: pl.Series, message: str) -> None:
    tables = small()
    frame = getattr(tables, table).with_columns(given.alias(column))
    for one in (frame, frame.lazy()):
        with pytest.raises(TypeError, match=message):
            foreign(tables, **{table: one})


def test_missing_and_misspelled_columns_are_refused_by_name() -> None:
    tables = small()
    with pytest.raises(ValueError, match=r"captures has no column 'captured_at'"):
        foreign(tables, captures=tables.captures.drop("captured_at"))
    with pytest.raises(ValueError, match=r"orders has a column 'ORDER_AMOUNT'; rename it to 'order_amount'"):
        foreign(tables, orders=tables.orders.rename({"order_amount": "ORDER_AMOUNT"}))
    with pytest.raises(TypeError, match="orders is a list, not a frame"):
        foreign(tables, orders=[1])


def test_missing_optional_columns_are_null_and_others_are_kept() -> None:
    tables = small()
    orders = tables.orders.select(
        pl.lit(7).alias("margin"), "created_at", *("order_id", "status", "purchase_currency", "order_amount")
    )
    found = foreign(tables, orders=orders).orders
    assert found.columns == [*tables.orders.columns, "margin"]
    assert found["fraud_status"].null_count() == 2
    assert foreign(tables, refunds=pl.DataFrame()).refunds.schema == tables.refunds.schema


def test_positions_and_tracking_follow_from_other_columns() -> None:
    tables = small()
    shipments = tables.shipments.select("order_id", "source", "capture_id").with_columns(
        tracking_uri=pl.lit("https://x")
    )
    found = foreign(tables, shipments=pl.concat([shipments, shipments.with_columns(tracking_uri=pl.lit(""))])).shipments
    assert found.select("shipment", "has_tracking").rows() == [(0, True), (1, False)]


def test_frames_of_other_libraries_enter_through_their_arrow_stream() -> None:
    clean = small()
    pandas = {name: frame.to_arrow().to_pandas() for name, frame in clean.items()}
    assert_same_numbers(foreign(clean, **pandas), clean, om.key_figures, om.shipping_methods)
    assert_same_numbers(
        foreign(clean, orders=pandas["orders"].set_index("order_id")), clean, om.key_figures, om.shipping_methods
    )
    dictionary = pa.table(clean.captures)
    position = dictionary.schema.get_field_index("order_id")
    dictionary = dictionary.set_column(
        position, "order_id", dictionary["order_id"].cast(pa.string()).dictionary_encode()
    )
    assert_same_numbers(foreign(clean, captures=dictionary), clean, om.key_figures, om.shipping_methods)
    orders = clean.orders
    with duckdb.connect() as connection:
        relation = connection.sql("select * exclude (order_amount), order_amount::hugeint as order_amount from orders")
        assert_same_numbers(foreign(clean, orders=relation), clean, om.key_figures, om.shipping_methods)
    assert orders.height == 2


def test_own_frames_are_not_touched() -> None:
    orders = om.Orders.from_json('[{"order_id": "A-1", "captures": [{"capture_id": "C-1"}]}]')
    tables = orders.tables()
    assert tables.orders["order_id"].item() == "A-1"
    assert tables.lazy().filter(pl.col("order_id") == "A-1").collect().captures["capture_id"].item() == "C-1"
    upper = tables.map(lambda frame: frame.cast({pl.String: pl.Categorical()}))
    assert upper.captures.schema == tables.captures.schema
    assert upper.captures["order_id"].item() == "a-1"


def test_the_schema_of_an_empty_table_is_that_of_others() -> None:
    none = pl.DataFrame()
    tables = Tables(none, none, none, none, none, as_of=NAIVE)
    for name, frame in tables.items():
        assert frame.schema == {column.name: column.kind.dtype for column in columns(name)}
    assert tables.as_of == NAIVE.replace(tzinfo=UTC)
