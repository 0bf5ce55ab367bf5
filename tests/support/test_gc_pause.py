"""The garbage collector is paused during a batch, and its state is restored."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import om_toolkit as om
from om_toolkit.support.gc_pause import paused

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cycle:
    itself: object


@pytest.fixture(autouse=True)
def _enabled() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


def test_it_resumes_after_the_outermost_block() -> None:
    with paused():
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_resumes_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), paused():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_it_stays_off_if_it_was_off() -> None:
    gc.disable()
    with paused():
        pass
    assert not gc.isenabled()


def test_it_resumes_with_the_last_of_several_threads() -> None:
    barrier = threading.Barrier(8)

    def work(_: int) -> bool:
        barrier.wait()
        with paused():
            barrier.wait()
            return gc.isenabled()

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(work, range(8)))
    assert gc.isenabled()


def test_new_objects_are_in_the_oldest_generation_afterwards_and_nothing_is_frozen() -> None:
    with paused():
        made: list[list[object]] = [[] for _ in range(100_000)]
    assert gc.get_freeze_count() == 0
    assert gc.get_count()[0] < 5_000
    old = {id(thing) for thing in gc.get_objects(generation=2)}
    assert all(id(thing) in old for thing in made)


def test_it_collects_cycles_between_small_batches() -> None:
    dead = []
    for _ in range(2_000):
        cycle = Cycle()
        cycle.itself = cycle
        dead.append(weakref.ref(cycle))
        om.Orders.from_json('{"order_id": "1"}')
    assert sum(cycle() is not None for cycle in dead) < 1_000


def test_frozen_objects_stay_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        with paused():
            pass
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()


def test_a_batch_restores_its_state() -> None:
    orders = om.Orders.from_json('[{"order_id": "a-1"}, {"order_id": 1.5}, {"x"')
    orders.tables()
    assert gc.isenabled()
    with pytest.raises(FileNotFoundError):
        om.Orders.from_json("missing.json")
    assert gc.isenabled()
