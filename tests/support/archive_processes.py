"""What the tests of the archive do with processes, as a script of its own: forked where nothing else runs.

    python archive_processes.py kill|share|open|fill PATH

Each check is an assertion here; the tests only look at the exit code.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import om_toolkit as om
from om_toolkit.orders.models import Order
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KILLS = 50
FIRST, SECOND = (datetime(2026, 10, day, tzinfo=UTC) for day in (1, 2))
Answer = tuple[str, Order, datetime]


def answers(orders: int) -> list[Answer]:
    """Return two answers of each order: the first without its captures."""
    shop = Shop(orders)
    found = [read_order(shop.body(order_id)) for order_id in shop.order_ids]
    return [
        (str(order.order_id), answer, at)
        for order in found
        for answer, at in ((order.model_copy(update={"captures": (), "status": "AUTHORIZED"}), FIRST), (order, SECOND))
    ]


def rows(path: Path) -> list[tuple[object, ...]]:
    """Return all that an archive holds, and hold that SQLite finds no fault with it."""
    connection = sqlite3.connect(path)
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return []  # killed before there was anything
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = connection.execute("SELECT * FROM snapshots ORDER BY order_key, number").fetchall()
    connection.close()
    return found


def forked(work: Callable[[], object]) -> int:
    """Run something in a process of its own; return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - told here, or nowhere
        traceback.print_exc()
    finally:
        os._exit(status)


def all_well(children: Iterable[int]) -> None:
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * len(list(children))


def write(path: Path, given: Iterable[Answer], done: int | None = None) -> None:
    """Add answers, and tell through a pipe of each that is stored."""
    with om.Archive(path) as archive:
        with archive._writing() as writer:
            writer.execute("PRAGMA wal_autocheckpoint = 8")  # so that many kills hit a checkpoint
        for answer in given:
            archive.add(*answer)
            if done is not None:
                os.write(done, b".")


def kill(path: Path) -> None:
    """Kill a writer at many moments, start it again each time, and compare with one that was left alone."""
    given, dice, stored = answers(600), random.Random(4), 0  # noqa: S311 - no secret
    undisturbed = path.with_suffix(".undisturbed")
    write(undisturbed, given)
    for _ in range(KILLS):
        start = max(0, stored - 5)  # some are asked for again
        told, done = os.pipe()
        child = forked(lambda start=start, done=done: write(path, given[start:], done))
        os.close(done)
        for _ in range(dice.randrange(20)):
            start += len(os.read(told, 1))
        time.sleep(dice.uniform(0, 0.002))
        os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "it ended before it was killed"
        while more := os.read(told, 4096):
            start += len(more)
        os.close(told)
        found = len(rows(path))
        assert max(stored, start) <= found <= max(stored, start + 1), "all that was told, and at most one not yet told"
        stored = found
    assert 100 < stored < len(given)
    write(path, given[max(0, stored - 5) :])
    assert rows(path) == rows(undisturbed)


def share(path: Path) -> None:
    """Let two processes add overlapping answers at once."""
    given = answers(400)
    alone = path.with_suffix(".alone")
    write(alone, given)
    halves = given[:500], given[300:]
    for half, seed in zip(halves, (1, 2), strict=True):
        # Shuffled by order; an order's two answers stay in their sequence.
        pairs = [half[start : start + 2] for start in range(0, len(half), 2)]
        random.Random(seed).shuffle(pairs)  # noqa: S311 - no secret
        half[:] = [answer for pair in pairs for answer in pair]
    all_well([forked(lambda half=half: write(path, half)) for half in halves])
    assert rows(path) == rows(alone)


def open_at_once(path: Path) -> None:
    """Let many processes make the same archive at the same moment."""
    given = answers(8)
    start = time.monotonic() + 0.2

    def work(answer: Answer) -> None:
        time.sleep(max(0, start - time.monotonic()))
        write(path, [answer])

    all_well([forked(lambda answer=answer: work(answer)) for answer in given[1::2]])
    assert len(rows(path)) == 8


def fill(path: Path) -> None:
    """Add until there is no more room, make room, and go on."""
    given, ballast = answers(1_000)[1::2], path.with_name("ballast")
    if not ballast.exists():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    archive = om.Archive(path)
    stored = 0
    try:
        for answer in given:
            archive.add(*answer)
            stored += 1
    except om.ArchiveError as error:
        print(error)  # noqa: T201 - for the test
    else:
        raise AssertionError("it was never full")
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
    {"kill": kill, "share": share, "open": open_at_once, "fill": fill}[sys.argv[1]](Path(sys.argv[2]))
