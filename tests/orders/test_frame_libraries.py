"""No frame library opens a customer by itself: it gets the columns of `to_polars()`, or fields that can be shown."""

import json
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from two_orders import SECOND

import om_toolkit as om

ADDRESS = {
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "ada@example.org",
    "street_address": "Storgatan 1",
    "phone": "+46701234567",
    "country": "SE",
}
PERSONAL = ("Ada", "Lovelace", "example.org", "Storgatan", "+4670")
DOCUMENT = {
    **SECOND,
    "billing_address": ADDRESS,
    "shipping_address": ADDRESS,
    "merchant_data": "for Ada Lovelace",
    "customer": {"date_of_birth": "1815-12-10 Ada"},
    "captures": [{**one, "billing_address": ADDRESS, "description": "Ada"} for one in SECOND["captures"]],  # type: ignore[attr-defined]
    "refunds": [{**SECOND["refunds"][0], "description": "Ada"}],  # type: ignore[index]
    "order_lines": [{"type": "physical", "merchant_data": "Ada"}],
    "loyalty": {"name": "Ada"},
}


def orders() -> om.Orders:
    return om.Orders.from_json(json.dumps(DOCUMENT))


def failures() -> Any:
    return om.Orders.from_json('[{"order_id": "1", "order_amount": 1.5}]').failures


def from_duckdb(data: Any) -> pl.DataFrame:
    assert data is not None
    with duckdb.connect() as connection:
        return connection.sql("from data").pl()


STREAMS: dict[str, Callable[[Any], Any]] = {
    "polars": pl.DataFrame,
    "lazy polars": lambda data: pl.LazyFrame(data).collect(),
    "a polars series": lambda data: pl.Series(data).struct.unnest(),
    "pyarrow": lambda data: pl.DataFrame(pa.table(data)),
    "a pyarrow reader": lambda data: pl.DataFrame(pa.RecordBatchReader.from_stream(data).read_all()),
    "duckdb": from_duckdb,
    "narwhals": lambda data: nw.from_arrow(data, backend="polars").to_native(),
}


@pytest.mark.parametrize("library", STREAMS)
def test_a_library_that_reads_arrow_streams_gets_the_table(library: str) -> None:
    for data in (orders(), orders().captures, orders()[:1], failures()):
        frame, expected = STREAMS[library](data), data.to_polars()
        assert frame.columns == expected.columns
        assert frame.rows() == expected.rows()


OTHERS: dict[str, Callable[[Any], Any]] = {
    "polars": pl.DataFrame,
    "lazy polars": lambda data: pl.LazyFrame(data).collect(),
    "a polars series": lambda data: pl.Series(values=data).to_frame(),
    "a polars column": lambda data: pl.DataFrame({"data": data}),
    "polars records": pl.from_records,
    "polars dicts": pl.from_dicts,
    "pandas": pd.DataFrame,
    "a pandas series": pd.Series,
    "pandas records": pd.DataFrame.from_records,
    "json_normalize": pd.json_normalize,
    "pyarrow": pa.array,
    "narwhals": nw.from_native,
    "numpy": np.array,
}


def shown(result: Any) -> str:
    if isinstance(result, pl.DataFrame):
        return str(result.rows())
    return str(result.to_dict()) if hasattr(result, "to_dict") else repr(result)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("library", OTHERS)
def test_no_library_finds_a_person_in_objects(library: str) -> None:
    order = orders()[0]
    parts = (
        order.captures,
        order.refunds,
        order.order_lines,
        order.shipping_info,
        [order.billing_address],
        [order.customer],
    )
    for data in (orders(), list(orders()), [order], order, order.billing_address, orders().captures, *parts):
        try:
            found = shown(OTHERS[library](data))
        except (NotImplementedError, TypeError, ValueError, pa.ArrowException, pl.exceptions.PolarsError):
            continue  # not opened at all
        assert not [value for value in PERSONAL if value in found]


def test_a_list_of_objects_gives_the_columns_that_can_be_shown() -> None:
    captures = orders()[0].captures
    frame = pl.DataFrame(captures)
    assert frame.select("capture_id", "captured_amount", "purchase_currency").rows() == [
        ("c-1", 60, "SEK"),
        ("c-2", None, "SEK"),
    ]
    assert set(frame.columns) <= set(orders().captures.to_polars().columns)
    assert pd.DataFrame(list(captures))["capture_id"].to_list() == ["c-1", "c-2"]


def test_orders_are_like_a_tuple_but_no_sequence() -> None:
    both = orders() + om.Orders.from_json('{"order_id": "a-1"}')
    assert not isinstance(both, Sequence)
    assert [one.order_id for one in reversed(both)] == [one.order_id for one in both][::-1]
    assert both[-1] in both
    assert "a-1" in both
    assert len(both[:1]) == 1
    assert pickle.loads(pickle.dumps(both)).to_polars().equals(both.to_polars())


def test_failures_are_like_a_tuple_but_no_sequence() -> None:
    some = failures()
    assert not isinstance(some, tuple | Sequence)
    assert some == tuple(some) == (some[0],)
    assert some[:1] == some != ()
    assert hash(some) == hash(tuple(some))
    assert pickle.loads(pickle.dumps(some)) == some
