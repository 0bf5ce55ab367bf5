"""Keys of ids: they join what the ids join, and nothing that is missing."""

from __future__ import annotations

import polars as pl

from om_toolkit.metrics.hashes import CAPTURE_HASH, ORDER_HASH, hash_of


def test_rows_have_the_same_key_if_they_have_the_same_ids() -> None:
    frame = pl.DataFrame({"order_id": ["a", "a", "b", "a"], "capture": [0, 1, 0, 0]})
    orders, captures = frame.select(ORDER_HASH.alias("order"), CAPTURE_HASH.alias("capture")).get_columns()
    assert orders[0] == orders[1] == orders[3] != orders[2]
    assert captures.n_unique() == 3
    assert captures[0] == captures[3]


def test_the_order_of_the_parts_counts() -> None:
    frame = pl.DataFrame({"first": ["a", "b"], "second": ["b", "a"]})
    keys = frame.select(key=hash_of(pl.col("first"), pl.col("second")))["key"]
    assert keys[0] != keys[1]
    assert keys.dtype == pl.UInt64


def test_a_missing_part_makes_the_key_missing_so_that_it_never_joins() -> None:
    frame = pl.DataFrame(
        {"order_id": [None, "a", None], "capture": [0, None, None]}, schema_overrides={"capture": pl.Int64}
    )
    keys = frame.select(ORDER_HASH.alias("order"), CAPTURE_HASH.alias("capture"))
    assert keys["order"].is_null().to_list() == [True, False, True]
    assert keys["capture"].is_null().all()
    assert keys.join(keys, on="capture").is_empty()
