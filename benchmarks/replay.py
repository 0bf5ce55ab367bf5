"""Measure a replayed request: in a recording of many against one of few, and against plain vcrpy.

    uv run python benchmarks/replay.py          # some minutes, nearly all of it vcrpy's
    uv run python benchmarks/replay.py --quick  # fewer requests and rounds: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach.

A replay opens the recording, requests all its orders and validates them. Cost is the CPU time of the whole process with
all threads, per request. Each round measures both ways in turn, and the first way changes from round to round. A ratio
is the median of the rounds' ratios. The smaller recording is replayed repeatedly, so that both ways of a round replay
the same number of requests. Before anything is timed, both ways must have produced equal orders.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import vcr

import om_toolkit as om
from om_toolkit.api.hosts import PLAYGROUND
from om_toolkit.recordings import cassette
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEADERS = {"date": ["Sat, 31 Oct 2026 12:00:00 GMT"], "content-type": ["application/json;charset=utf-8"]}


class Scale(NamedTuple):
    """The amount of data and rounds."""

    few: int = 100
    many: int = 3_000
    against_vcrpy: int = 1_000
    rounds: int = 5


class Replay(NamedTuple):
    """One way to replay a recording."""

    way: Callable[[Path, Sequence[str]], om.Orders]
    path: Path
    order_ids: Sequence[str]
    times: int = 1

    def cost(self) -> float:
        """Return the seconds of CPU time that a request takes."""
        started = time.process_time()
        for _ in range(self.times):
            self.way(self.path, self.order_ids)
        return (time.process_time() - started) / self.times / len(self.order_ids)


def ours(path: Path, order_ids: Sequence[str]) -> om.Orders:
    """Replay with `om.replay`."""
    with om.replay(path) as client:
        return client.orders(order_ids).raise_for_failures()


def plain(path: Path, order_ids: Sequence[str]) -> om.Orders:
    """Replay with plain vcrpy."""
    recording = vcr.use_cassette(str(path), serializer="json", record_mode="none", allow_playback_repeats=True)
    with recording, om.Client("kco_test_x", requests_per_second=None, max_retries=0) as client:
        return client.orders(order_ids).raise_for_failures()


def recorded(folder: Path, orders: int) -> tuple[Path, Sequence[str]]:
    """Write a recording of this many orders."""
    shop = Shop(orders)
    path = folder / f"{orders}.json"
    responses = cassette.Responses(
        {
            f"{PLAYGROUND}/ordermanagement/v1/orders/{order_id}": {
                "status": {"code": 200, "message": "OK"},
                "headers": HEADERS,
                "body": {"string": shop.body(order_id)},
            }
            for order_id in shop.order_ids
        }
    )
    cassette.write(path, responses)
    return path, shop.order_ids


def compared(name: str, one: Replay, other: Replay, limit: float, rounds: int) -> bool:
    """Print a row of the result; return whether it is within the limit."""
    costs = []
    for number in range(rounds):
        first = one.cost() if number % 2 == 0 else None
        second = other.cost()
        costs.append((first or one.cost(), second))
    ratios = [first / second for first, second in costs]
    median = statistics.median(ratios)
    medians = " against ".join(f"{1000 * statistics.median(cost):.2f} ms" for cost in zip(*costs, strict=True))
    missed = "" if median <= limit else ", MISSED"
    print(
        f"| {name} | {medians} | ≤ {limit:g} | {median:.3f} ({min(ratios):.3f}-{max(ratios):.3f}){missed} |", flush=True
    )
    return median <= limit


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="What a replayed request costs.")
    parser.add_argument("--quick", action="store_true", help="fewer requests and rounds")
    scale = Scale(many=1_000, rounds=1) if parser.parse_args().quick else Scale()
    with tempfile.TemporaryDirectory() as folder:
        few, many, some = (recorded(Path(folder), number) for number in (scale.few, scale.many, scale.against_vcrpy))
        if list(ours(*some)) != list(plain(*some)):
            raise AssertionError("both ways must give equal orders")
        versions = " ".join(f"{name} {version(name)}" for name in ("vcrpy", "requests", "pydantic"))
        print(f"{os.cpu_count()} cores, {platform.system()}; Python {platform.python_version()} {versions}.\n")
        print("| CPU time a request | medians | must reach | ratio: median (min-max) |\n|---|---|---|---|")
        reached = [
            compared(
                f"{scale.many} recorded, against {scale.few}",
                Replay(ours, *many),
                Replay(ours, *few, times=scale.many // scale.few),
                1.5,
                scale.rounds,
            ),
            compared(
                f"{scale.against_vcrpy} recorded, against plain vcrpy",
                Replay(ours, *some),
                Replay(plain, *some),
                0.1,
                scale.rounds,
            ),
        ]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
