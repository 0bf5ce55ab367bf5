"""Measure how fast orders are fetched and validated, and how well the rate limit is kept.

    uv run --group benchmarks python benchmarks/fetch.py          # about three minutes
    uv run --group benchmarks python benchmarks/fetch.py --quick  # fewer orders and rounds: does it still run?

Prints a Markdown table, and ends with exit code 1 if a figure misses what it must reach.

A sandbox with a latency of 50 ms serves in a separate process. No client can be faster than workers / latency; the
difference is the cost of client, server and machine. Each round measures both ways in turn, and the first way changes
from round to round. A ratio is the median of the rounds' ratios. The first fetch of each way opens the connections and
is not counted. A rate limit is judged by the worst second, starting at any moment, on the clock of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp

import om_toolkit as om
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from multiprocessing.connection import Connection

LATENCY = 0.05  # seconds
KEY = "kco_test_sandbox"


@dataclass(frozen=True)
class Scale:
    """The amount of data and rounds."""

    rounds: int = 7
    seconds: float = 5
    """The approximate length of each measurement."""
    seconds_paced: float = 30


class Measured(NamedTuple):
    """A row of the result."""

    what: str
    against: str
    limit: float
    ratios: Sequence[float]
    is_floor: bool = True

    @property
    def is_reached(self) -> bool:
        """Whether the median of the rounds is within the limit."""
        median = statistics.median(self.ratios)
        return median >= self.limit if self.is_floor else median <= self.limit

    def __str__(self) -> str:
        found = f"{statistics.median(self.ratios):.3f} ({min(self.ratios):.3f}-{max(self.ratios):.3f})"
        limit = f"{'≥' if self.is_floor else '≤'} {self.limit:.2f}"
        return f"| {self.what} | {self.against} | {limit} | {found}{'' if self.is_reached else ', MISSED'} |"


class WatchedServer(Server):
    """A server that records the time of each request."""

    def __init__(self, orders: int) -> None:
        self.times: list[float] = []
        super().__init__(Shop(orders), latency=LATENCY)

    def respond(self, *request: str) -> Any:  # noqa: ANN401 - as in the base class
        """Respond, and record the time."""
        self.times.append(time.monotonic())
        return super().respond(*request)


def serve(line: Connection, orders: int) -> None:
    """Serve until a message says stop; on each message, send the times of the requests since the last one."""
    with WatchedServer(orders) as server:
        gc.freeze()
        line.send((server.url, server.shop.order_ids))
        while line.recv():
            line.send(server.times)
            server.times = []


class Served(NamedTuple):
    """The address of the server, its orders, and the connection to its process."""

    url: str
    ids: Sequence[str]
    line: Connection

    def times(self) -> list[float]:
        """Return the times of the requests since the last call, in seconds of the server's clock."""
        self.line.send("times")
        return sorted(self.line.recv())


@contextmanager
def serving(orders: int) -> Iterator[Served]:
    """Run the server in a separate process."""
    context = get_context("spawn")
    line, other = context.Pipe()
    process = context.Process(target=serve, args=(other, orders), daemon=True)
    process.start()
    url, order_ids = line.recv()
    yield Served(url, order_ids, line)
    line.send("")
    process.join()


@contextmanager
def ours(url: str, workers: int) -> Iterator[Callable[..., Collection[om.Order]]]:
    """Fetch with the client, without a rate limit."""
    with om.Client(KEY, base_url=url, workers=workers, requests_per_second=None) as client:
        yield client.orders


@contextmanager
def archived(url: str, workers: int) -> Iterator[Callable[[Sequence[str]], Collection[om.Order]]]:
    """Fetch with the client into an archive, a new one each time."""
    with ours(url, workers) as fetch, TemporaryDirectory() as folder:
        files = (Path(folder, f"{number}.archive") for number in count())

        def fetch_into_archive(ids: Sequence[str]) -> Collection[om.Order]:
            with om.Archive(next(files)) as archive:
                return fetch(ids, archive=archive)

        yield fetch_into_archive


@contextmanager
def aiohttp_s(url: str, workers: int) -> Iterator[Callable[[Sequence[str]], Collection[om.Order]]]:
    """Fetch with aiohttp: as many tasks as workers, the same validation, the orders in order of their ids."""
    with asyncio.Runner() as runner:
        headers = {"Authorization": f"Basic {KEY}", "Accept": "application/json", "Accept-Encoding": "gzip"}
        connector = runner.run(_made(aiohttp.TCPConnector, limit=workers))
        session = runner.run(_made(aiohttp.ClientSession, connector=connector, headers=headers))
        yield lambda ids: runner.run(_fetch_with_aiohttp(session, url, ids, workers))
        runner.run(session.close())


async def _made(make: Callable[..., Any], **options: object) -> Any:  # noqa: ANN401 - returns any object
    """Create an object that needs a running event loop."""
    return make(**options)


async def _fetch_with_aiohttp(
    session: aiohttp.ClientSession, url: str, ids: Sequence[str], workers: int
) -> list[om.Order]:
    left, orders = iter(ids), {}

    async def work() -> None:
        for order_id in left:
            async with session.get(f"{url}/ordermanagement/v1/orders/{order_id}") as response:
                response.raise_for_status()
                orders[order_id] = read_order(await response.read(), order_id)

    await asyncio.gather(*(work() for _ in range(workers)))
    return [orders[order_id] for order_id in ids]


def rate(fetch: Callable[[Sequence[str]], Collection[om.Order]], ids: Sequence[str]) -> float:
    """Return the orders per second of one fetch."""
    started = time.perf_counter()
    orders = fetch(ids)
    seconds = time.perf_counter() - started
    if [order.order_id for order in orders] != list(ids):
        raise AssertionError("not every order was fetched")
    return len(orders) / seconds


def throughput(served: Served, scale: Scale) -> Iterator[Measured]:
    """Compare orders per second with what the latency allows, and with aiohttp."""
    what = "fetched and validated orders per second, {} workers"
    for workers in (8, 16):
        best = workers / LATENCY
        ids = served.ids[: int(best * scale.seconds)]
        with ours(served.url, workers) as fetch:
            fetch(ids[: 2 * workers])
            rates = [rate(fetch, ids) for _ in range(scale.rounds)]
        log(f"{workers} workers: {[round(one) for one in rates]} orders/s of {best:.0f}")
        yield Measured(what.format(workers), "workers / latency", 0.9, [one / best for one in rates])
    best = 32 / LATENCY
    ids = served.ids[: int(best * scale.seconds)]
    with ours(served.url, 32) as fetch, aiohttp_s(served.url, 32) as other:
        our_rates, other_rates = _in_turn(partial(rate, fetch), partial(rate, other), ids, scale.rounds)
    yield Measured(what.format(32), "workers / latency", 0.9, [one / best for one in our_rates])
    ratios = [one / other for one, other in zip(our_rates, other_rates, strict=True)]
    yield Measured("the same", "aiohttp doing the same work", 0.95, ratios)
    with ours(served.url, 32) as fetch, archived(served.url, 32) as other:
        our_rates, other_rates = _in_turn(partial(rate, fetch), partial(rate, other), ids, scale.rounds)
    ratios = [one / other for one, other in zip(our_rates, other_rates, strict=True)]
    yield Measured("seconds of a fetch into an archive, 32 workers", "without archive", 1.1, ratios, is_floor=False)


def _in_turn(
    one: Callable[[Sequence[str]], float], other: Callable[[Sequence[str]], float], ids: Sequence[str], rounds: int
) -> tuple[list[float], list[float]]:
    """Measure two ways in turn, the first of them changing from round to round."""
    found: dict[Any, list[float]] = {one: [], other: []}
    for measure in found:
        measure(ids[:64])
    for number in range(rounds):
        for measure in (one, other) if number % 2 == 0 else (other, one):
            found[measure].append(measure(ids))
        log(f"32 workers, round {number + 1}: {found[one][-1]:.0f} orders/s, the other way {found[other][-1]:.0f}")
    return found[one], found[other]


def pace(served: Served, scale: Scale) -> Iterator[Measured]:
    """Count the requests in the worst second of a fetch with a rate limit."""
    per_second = 100
    ids = served.ids[: int(per_second * scale.seconds_paced)]
    served.times()
    with om.Client(KEY, base_url=served.url, requests_per_second=per_second) as client:
        reached = rate(client.orders, ids)
    most = most_in_a_second(served.times())
    log(f"rate limit: {most} requests in the worst second, {reached:.1f} orders/s")
    what = f"rate limit {per_second}/s for {scale.seconds_paced:.0f} s, requests in any one second"
    yield Measured(what, str(per_second), 1.05, [most / per_second], is_floor=False)


def most_in_a_second(times: Sequence[float]) -> int:
    """Return the largest number of requests in any second."""
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="How fast orders are fetched and validated, and how the pace is held.")
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    scale = Scale(rounds=3, seconds=1.5, seconds_paced=5) if parser.parse_args().quick else Scale()
    print(f"{machine()}. Latency {LATENCY * 1000:.0f} ms.\n")
    print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
    results = []
    with serving(int(max(32 / LATENCY * scale.seconds, 100 * scale.seconds_paced))) as served:
        for measured in (*throughput(served, scale), *pace(served, scale)):
            print(measured, flush=True)
            results.append(measured)
    return 0 if all(measured.is_reached for measured in results) else 1


def machine() -> str:
    """Describe the machine and the versions."""
    names = ("requests", "urllib3", "aiohttp", "pydantic")
    versions = (f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(named, platform.machine())}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}"


def log(progress: str) -> None:
    """Print progress to stderr."""
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
