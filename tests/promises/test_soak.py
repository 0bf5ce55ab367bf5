"""A long fetch through every fault, and one that is killed repeatedly, lose nothing and send no useless request."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest
from archived_orders import rows
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.api import client as client_module
from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

RETRIED = {
    "server_error": ("server_error", 0.05),
    "bad_gateway": ("server_error", 0.05),
    "unavailable": ("server_error", 0.05),
    "gateway_timeout": ("server_error", 0.04),
    "reset": ("connection", 0.04),
    "truncated": ("connection", 0.04),
    "page": ("invalid_body", 0.015),
    "not_json": ("invalid_body", 0.015),
    "hang": ("timeout", 0.001),
    "drip": ("timeout", 0.001),
    "rate_limited": ("rate_limited", 0.0001),
    "rate_limited_seconds": ("rate_limited", 0.0001),
    "rate_limited_date": ("rate_limited", 0.0001),
}
FINAL = {
    "invalid_id": ("invalid_id", 0.005),
    "forbidden": ("forbidden", 0.005),
    "firewall": ("forbidden", 0.005),
    "not_found": ("not_found", 0.005),
    "redirect": ("forbidden", 0.005),
    "wrong_type": ("invalid_order", 0.0058),
    "oversize": ("invalid_body", 0.0005),
}
GOOD = {None, "used_up"}
"""The faults of the server: the kind of failure that each becomes, and its share. 401 is left out: it stops a batch."""

FAULTS = {name: share for name, (_, share) in (RETRIED | FINAL).items()} | {"used_up": 0.0001}

Request = tuple[float, str, str | None]  # when, its path, and the fault that was the response


class WatchedServer(Server):
    """Record the requests."""

    def __init__(self, orders: int, faults: Mapping[str, float] = FAULTS) -> None:
        self.received: list[tuple[float, str]] = []
        super().__init__(Shop(orders), faults=faults)

    def respond(self, method: str, path: str, authorization: str) -> Any:
        self.received.append((time.monotonic(), path))
        return super().respond(method, path, authorization)

    def history(self) -> list[Request]:
        attempts = Counter[str]()
        found = []
        for at, path in self.received:
            attempts[path] += 1
            found.append((at, path, self.fault_at(path, attempts[path])))
        return found


def serve(line: Connection, orders: int) -> None:
    """Serve in a separate process until a message arrives; then send the requests."""
    with WatchedServer(orders) as server:
        gc.freeze()
        line.send((server.url, server.shop.order_ids))
        line.recv()
        line.send(server.history())


def fetched(url: str, ids: tuple[str, ...], rate: float, timeout: float) -> om.Orders:
    options: dict[str, Any] = {"requests_per_second": rate, "workers": 32, "timeout": (timeout, timeout)}
    with om.Client("kco_test_soak", base_url=url, **options) as client:
        return client.orders(ids)


def assert_nothing_is_lost_or_requested_in_vain(
    orders: om.Orders, ids: tuple[str, ...], requests: list[Request]
) -> None:
    responses: defaultdict[str, list[str | None]] = defaultdict(list)
    for _, path, fault in requests:
        responses[path.rpartition("/")[2]].append(fault)
    assert sorted([*(order.order_id or "" for order in orders), *(one.order_id for one in orders.failures)]) == sorted(
        ids
    )
    for order in orders:
        *before, last = responses[order.order_id or ""]
        assert last in GOOD
        assert set(before) <= set(RETRIED)
    for failure in orders.failures:
        *before, last = responses[failure.order_id]
        assert (RETRIED | FINAL)[last or ""][0] == failure.kind
        assert set(before) <= set(RETRIED)
        assert failure.attempts == len(before) + 1
        assert last in FINAL or failure.attempts == 6


def most_in_a_second(requests: list[Request]) -> int:
    times = sorted(at for at, *_ in requests)
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_five_hundred_orders_through_every_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_FIRST_BACK_OFF", 0.01)
    with WatchedServer(500) as server:
        ids = server.shop.order_ids
        orders = fetched(server.url, ids, 300, 1)
        requests = server.history()
    assert_nothing_is_lost_or_requested_in_vain(orders, ids, requests)
    assert 0.29 < sum(fault is not None for *_, fault in requests) / len(requests) < 0.38
    assert len(requests) > 600


@pytest.mark.slow
def test_twenty_thousand_orders_through_every_fault_within_the_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_FIRST_BACK_OFF", 0.01)
    context = get_context("spawn")
    line, other = context.Pipe()
    process = context.Process(target=serve, args=[other, 20_000])
    process.start()
    try:
        url, ids = line.recv()
        orders = fetched(url, ids, 450, 1.5)
        line.send("")
        requests = line.recv()
    finally:
        process.join(10)
        process.terminate()
    assert_nothing_is_lost_or_requested_in_vain(orders, ids, requests)
    found = Counter(fault for *_, fault in requests)
    assert set(found) == {*RETRIED, *FINAL, *GOOD}
    assert abs(1 - found[None] / len(requests) - 1 / 3) < 0.01
    assert most_in_a_second(requests) <= 1.05 * 450


FETCH = """
import sys
import om_toolkit as om
with om.Client("kco_test_soak", base_url=sys.argv[1], requests_per_second=None, workers=8) as client:
    client.orders(sys.argv[3:], archive=om.Archive(sys.argv[2], personal=True))
"""


def fetching(url: str, path: Path, ids: Sequence[str]) -> subprocess.Popen[bytes]:
    """Fetch into an archive in a separate process."""
    return subprocess.Popen([sys.executable, "-W", "error", "-c", FETCH, url, path, *ids])


def assert_contains_all(path: Path, undisturbed: Path, ids: Sequence[str]) -> None:
    with om.Archive(path) as archive, om.Archive(undisturbed) as other:
        assert [order.order_id for order in archive.orders(ids)] == list(ids)
        assert list(archive.orders(ids)) == list(other.orders(ids))
        for name, table in other.tables().items():
            keys = [column for column in table.columns if column.endswith("_id") or column in ("line", "shipment")]
            assert_frame_equal(getattr(archive.tables(), name).sort(keys), table.sort(keys))


@pytest.mark.slow
def test_a_fetch_killed_fifty_times_and_restarted_loses_no_response_and_ends_as_if_undisturbed(
    tmp_path: Path,
) -> None:
    path, undisturbed, dice = tmp_path / "shop.archive", tmp_path / "undisturbed.archive", random.Random(4)  # noqa: S311
    stored: set[tuple[Any, ...]] = set()
    with WatchedServer(2_000, faults={}) as server:
        ids = server.shop.order_ids
        for _ in range(50):
            enough = len(server.received) + dice.randrange(1, 60)
            process = fetching(server.url, path, ids)
            while len(server.received) < enough:
                time.sleep(0.001)
                assert process.poll() is None
            time.sleep(dice.uniform(0, 0.01))
            process.kill()
            assert process.wait() < 0, "the process ended before it was killed"
            found = set(rows(path))
            assert stored <= found, "a stored snapshot is lost"
            stored = found
        assert 200 < len(stored) < len(ids)
        for whole in (path, undisturbed):
            assert fetching(server.url, whole, ids).wait() == 0
        assert_contains_all(path, undisturbed, ids)


@pytest.mark.slow
def test_two_processes_that_fetch_overlapping_ids_into_one_archive_lose_nothing_and_store_nothing_twice(
    tmp_path: Path,
) -> None:
    path, alone = tmp_path / "shop.archive", tmp_path / "alone.archive"
    with Server(Shop(1_000)) as server:
        ids = server.shop.order_ids
        both = [fetching(server.url, path, some) for some in (ids[:700], ids[300:])]
        assert [process.wait() for process in both] == [0, 0]
        assert fetching(server.url, alone, ids).wait() == 0
    assert len(rows(path)) == len(ids)
    assert_contains_all(path, alone, ids)
