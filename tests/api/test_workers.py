"""The worker pool fetches every id, however many threads the system allows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import om_toolkit as om
from om_toolkit.api.workers import WorkerPool

IDS = [str(number) for number in range(20)]
REST = "could be started; fetching goes on without more"
LOGGED = {0: [f"0 threads {REST}"], 1: [f"1 thread {REST}"], 3: []}


@pytest.mark.parametrize("allowed", LOGGED)
def test_every_id_is_fetched_where_the_system_refuses_threads(
    allowed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "om_toolkit")
    start, started = threading.Thread.start, []

    def start_or_refuse(thread: threading.Thread) -> None:
        if len(started) == allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    fetched_in = set()

    def fetch(order_id: str, _in_flight: Any) -> str:
        fetched_in.add(threading.current_thread())
        return f"order {order_id}"

    monkeypatch.setattr(threading.Thread, "start", start_or_refuse)
    with WorkerPool(fetch, workers=3) as pool:
        assert dict(pool.run(IDS)) == pool.results == {order_id: f"order {order_id}" for order_id in IDS}
    assert len(started) == allowed
    assert caplog.messages == LOGGED[allowed]
    assert fetched_in <= set(started or [threading.current_thread()])


def test_without_threads_an_error_is_the_failure_of_its_order_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(order_id: str, _in_flight: Any) -> str:
        if order_id == "3":
            raise ValueError(order_id)
        return order_id

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with WorkerPool(fetch, workers=3) as pool:
        results = dict(pool.run(IDS))
    assert [order_id for order_id, result in results.items() if isinstance(result, om.errors.Failure)] == ["3"]
    assert list(results) == IDS
