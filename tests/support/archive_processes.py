"""Tests of the archive with several processes: a script, because only a process without threads can be forked safely.

    python archive_processes.py kill|share|open|fill PATH

Each check is an assertion here; the tests look at the exit code only.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from archived_orders import rows

import om_toolkit as om
from om_toolkit.archive import store
from om_toolkit.orders.models import Order
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KILLS = 50
FIRST, SECOND = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2))
Sighting = tuple[str, Order, datetime]


def sightings(orders: int) -> list[Sighting]:
    """Return two documents of each order with their times: the first without its captures."""
    shop = Shop(orders)
    found = [read_order(shop.body(order_id)) for order_id in shop.order_ids]
    return [
        (str(order.order_id), version, at)
        for order in found
        for version, at in ((order.model_copy(update={"captures": (), "status": "AUTHORIZED"}), FIRST), (order, SECOND))
    ]


def forked(work: Callable[[], object]) -> int:
    """Run something in a forked process; return its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - the parent sees only the exit code
        traceback.print_exc()
    finally:
        os._exit(status)


def assert_success(children: Iterable[int]) -> None:
    """Wait for processes and check their exit codes."""
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(list(children))


def write(path: Path, given: Iterable[Sighting], done: int | None = None) -> None:
    """Add documents, and write a byte to a pipe after each that is stored."""
    with om.Archive(path, personal=True) as archive:  # placeholders of two archives differ
        for sighting in given:
            archive.add(*sighting)
            if done is not None:
                os.write(done, b".")


def kill(path: Path) -> None:
    """Kill a writer at many moments, restart it each time, and compare with one that is not disturbed."""
    given, dice, stored = sightings(600), random.Random(4), 0  # noqa: S311 - no secret
    store._ADDS_PER_MARK = 3  # so that many kills hit a checkpoint
    undisturbed = path.with_suffix(".undisturbed")
    write(undisturbed, given)
    for _ in range(KILLS):
        start = max(0, stored - 5)  # some are added again
        stored_bytes, done = os.pipe()
        child = forked(lambda start=start, done=done: write(path, given[start:], done))
        os.close(done)
        for _ in range(dice.randrange(20)):
            start += len(os.read(stored_bytes, 1))
        time.sleep(dice.uniform(0, 0.002))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, (
            "the process ended before it was killed"
        )
        while more := os.read(stored_bytes, 4096):
            start += len(more)
        os.close(stored_bytes)
        found = len(rows(path))
        assert max(stored, start) <= found <= max(stored, start + 1), (
            "every order that was reported stored, and at most one more"
        )
        stored = found
    assert 100 < stored < len(given)
    write(path, given[max(0, stored - 5) :])
    assert rows(path) == rows(undisturbed)


def share(path: Path) -> None:
    """Let two processes add overlapping documents at the same time."""
    given = sightings(400)
    alone = path.with_suffix(".alone")
    write(alone, given)
    halves = given[:500], given[300:]
    for half, seed in zip(halves, (1, 2), strict=True):
        # Shuffled by order; the two documents of an order stay in sequence.
        pairs = [half[start : start + 2] for start in range(0, len(half), 2)]
        random.Random(seed).shuffle(pairs)  # noqa: S311 - no secret
        half[:] = [sighting for pair in pairs for sighting in pair]
    assert_success([forked(lambda half=half: write(path, half)) for half in halves])
    assert rows(path) == rows(alone)


def create_together(path: Path) -> None:
    """Let many processes create the same archive at the same time."""
    given = sightings(8)
    start = time.monotonic() + 0.2

    def work(sighting: Sighting) -> None:
        time.sleep(max(0, start - time.monotonic()))
        write(path, [sighting])

    assert_success([forked(lambda sighting=sighting: work(sighting)) for sighting in given[1::2]])
    assert len(rows(path)) == 8


def fill(path: Path) -> None:
    """Add until the disk or the quota is full, free space, and continue."""
    given, ballast = sightings(1_000)[1::2], path.with_name("ballast")
    if not ballast.exists():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    archive = om.Archive(path)
    stored = 0
    try:
        for sighting in given:
            archive.add(*sighting)
            stored += 1
    except om.ArchiveError as error:
        print(error)  # noqa: T201 - the test reads it
    else:
        raise AssertionError("the disk was never full")
    assert 20 < len(archive) == stored
    with suppress(om.ArchiveError):
        archive.add(*given[stored])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ballast.unlink(missing_ok=True)
    later = SECOND + timedelta(hours=1)
    for order_id, order, _ in given[: stored + 10]:
        archive.add(order_id, order, later)
    archive.close()
    found = rows(path)
    assert len(found) == stored + 10
    assert {row[3] for row in found} == {int(later.timestamp() * 1e6)}


if __name__ == "__main__":
    {"kill": kill, "share": share, "open": create_together, "fill": fill}[sys.argv[1]](Path(sys.argv[2]))
