"""The orders table says when each order was fetched, as far as that is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from archived_orders import T1, T2, T3, order
from two_orders import BOTH

import om_toolkit as om
from om_toolkit.synthetic.shop import AS_OF


def seen_at(data: om.Orders | om.Tables[pl.DataFrame]) -> dict[str, datetime | None]:
    """Return when each order was fetched, and check that both ways to the orders table say the same."""
    tables = data if isinstance(data, om.Tables) else data.tables()
    if isinstance(data, om.Orders):
        assert data.to_polars()["seen_at"].equals(tables.orders["seen_at"])
    return dict(tables.orders.select("order_id", "seen_at").iter_rows())


def saved(*order_ids: str, as_of: datetime | None = None) -> om.Orders:
    lines = [f'{{"order_id": "{one}", "created_at": "2026-09-30T08:00:00Z"}}' for one in order_ids]
    return om.Orders.from_json("\n".join(lines), as_of=as_of)


def test_a_fetched_order_was_seen_at_the_time_of_its_response() -> None:
    with om.sandbox(20) as shop:
        orders = shop.orders(shop.order_ids)
    assert set(seen_at(orders).values()) == {AS_OF}
    assert set(seen_at(orders[3:5]).values()) == {AS_OF}


@pytest.mark.parametrize("as_of", [None, T3])
def test_a_saved_response_was_seen_at_the_given_instant_or_at_an_unknown_time(
    as_of: datetime | None, tmp_path: Path
) -> None:
    file = tmp_path / "orders.json"
    file.write_text(BOTH, "utf-8")
    expected = {"a-1": as_of, "b-2": as_of}
    assert seen_at(om.Orders.from_json(BOTH, as_of=as_of)) == expected
    assert seen_at(om.read_tables(file, as_of=as_of)) == expected


def test_a_naive_instant_is_utc() -> None:
    assert seen_at(saved("a", as_of=datetime(2026, 10, 1, 12))) == {"a": T1}  # noqa: DTZ001 - naive on purpose


def test_an_object_alone_has_no_time() -> None:
    assert saved("a", as_of=T1)[0].to_polars()["seen_at"].item() is None


def test_merged_orders_keep_their_own_times() -> None:
    merged = saved("a", "b", as_of=T1) + saved("b", "c", as_of=T2) + saved("d", "a")
    assert seen_at(merged) == {"a": T1, "b": T2, "c": T2, "d": None}
    assert seen_at(merged.filter(pl.col("order_id") > "b")) == {"c": T2, "d": None}
    assert seen_at(merged[:1] + saved("e")) == {"a": T1, "e": None}


def test_an_inferred_time_stays_unknown_after_every_merge() -> None:
    merged = saved("a") + saved("b") + saved("a", "c")
    assert merged.as_of == datetime(2026, 9, 30, 8, tzinfo=UTC)
    assert seen_at(merged) == {"a": None, "b": None, "c": None}
    assert seen_at(saved("a", as_of=T1) + merged) == {"a": T1, "b": None, "c": None}
    assert seen_at(merged + saved("a", as_of=T1)) == {"a": T1, "b": None, "c": None}


def test_orders_of_an_archive_were_seen_when_they_were_last_fetched(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "shop.archive") as archive:
        for order_id, at in (("a-1", T1), ("B-2", T1), ("a-1", T3), ("c-3", None)):
            archive.add(order_id, order(order_id, status="CANCELLED"), at)
        expected = {"a-1": T3, "B-2": T1, "c-3": None}
        assert seen_at(archive.orders()) == seen_at(archive.tables()) == expected
        assert seen_at(archive.orders(["b-2"])) == {"B-2": T1}
        assert set(seen_at(archive.tables(as_of=T2)).values()) == {T3, T1, None}


def test_fetched_orders_of_an_archive_keep_the_time_of_each(tmp_path: Path) -> None:
    with om.sandbox(5) as shop, om.Archive(tmp_path / "shop.archive") as archive:
        first, *others = shop.order_ids
        archive.add(first, shop.order(first), AS_OF - timedelta(hours=1))
        expected = {first: AS_OF - timedelta(hours=1), **dict.fromkeys(others, AS_OF)}
        assert seen_at(shop.orders(shop.order_ids, archive=archive)) == expected


def test_times_go_to_parquet_and_back(tmp_path: Path) -> None:
    tables = (saved("a", as_of=T1) + saved("b", as_of=T2)).tables()
    tables.write_parquet(tmp_path)
    assert seen_at(om.Tables.read_parquet(tmp_path)) == {"a": T1, "b": T2}
