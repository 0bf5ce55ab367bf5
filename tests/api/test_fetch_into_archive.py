"""Fetching into an archive: what is requested, what is stored, and what is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import om_toolkit as om
from om_toolkit.archive.archive import can_change

if TYPE_CHECKING:
    from pathlib import Path


def test_orders_in_the_archive_are_not_requested_again(tmp_path: Path) -> None:
    with om.sandbox(20) as shop, om.Archive(tmp_path / "shop", personal=True) as archive:
        half, ids = shop.order_ids[:10], [*shop.order_ids, "not-1"]
        shop.orders(half, archive=archive)
        whole = shop.orders(ids, archive=archive)
        assert shop.server.served == 21
        assert list(whole) == list(shop.orders(shop.order_ids))
        assert ([one.order_id for one in whole.failures], whole.as_of) == (["not-1"], shop.shop.as_of)
        assert len(archive) == 20


def test_orders_that_can_still_change_are_requested_again(tmp_path: Path) -> None:
    with om.sandbox(40) as shop, om.Archive(tmp_path / "shop") as archive:
        first = shop.orders(shop.order_ids, archive=archive)
        still_open = sum(can_change(order) for order in first)
        assert 0 < still_open < 40
        for refresh, requests in (("missing", 0), ("open", still_open), ("all", 40)):
            before = shop.server.served
            again = shop.orders(shop.order_ids, archive=archive, refresh=refresh)  # type: ignore[arg-type]
            assert (shop.server.served - before, list(again)) == (requests, list(first)), refresh
        with pytest.raises(ValueError, match="refresh='new'"):
            shop.orders(shop.order_ids, archive=archive, refresh="new")  # type: ignore[arg-type]


def test_an_order_that_cannot_be_refreshed_is_returned_as_it_was_and_in_the_failures(tmp_path: Path) -> None:
    with om.Archive(tmp_path / "shop") as archive:
        with om.sandbox(3) as shop:
            first = shop.orders(shop.order_ids, archive=archive)
        with om.sandbox(3, faults={"forbidden": 1}) as closed:
            again = closed.orders(shop.order_ids, archive=archive, refresh="all")
    assert list(again) == list(first)
    assert [failure.kind for failure in again.failures] == ["forbidden"] * 3


def test_a_fetch_into_a_closed_archive_ends_immediately_and_keeps_what_was_stored(tmp_path: Path) -> None:
    stored = []
    with om.sandbox(200) as shop, om.Archive(tmp_path / "shop") as archive:
        add = archive.add

        def add_and_close(*snapshot: Any) -> None:
            add(*snapshot)
            stored.append(snapshot[0])
            archive.close()

        archive.add = add_and_close  # type: ignore[method-assign]
        with pytest.raises(om.ArchiveError, match="was closed"):
            shop.orders(shop.order_ids, archive=archive)
        assert shop.server.served < 100
    with om.Archive(tmp_path / "shop") as archive:
        assert {order.order_id for order in archive.orders()} == set(stored)
