"""Compare the speed of two checkouts of the project: reading, replaying, fetching, archives.

    uv run python benchmarks/two_commits.py BEFORE AFTER          # some ten minutes
    uv run python benchmarks/two_commits.py BEFORE AFTER --quick  # fewer orders and rounds: does it still run?

BEFORE and AFTER are checkouts. Each is imported in a process of its own for each measurement, with the libraries of
this environment, and used through its public names only. Both work on the same files and the same server, which runs
in a separate process with a latency of 50 ms. Each round measures both in turn; the first changes from round to round.
Prints a Markdown table of ratios AFTER / BEFORE, the median of the rounds, and ends with exit code 1 if one is above
the limit of `--limit`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from checkout_ways import WAYS

from om_toolkit.api.hosts import PLAYGROUND
from om_toolkit.recordings import cassette
from om_toolkit.synthetic.server import Server
from om_toolkit.synthetic.shop import Shop

LATENCY = 0.05  # seconds


class Scale(NamedTuple):
    """The amount of data and rounds."""

    orders: int = 20_000
    fetched: int = 3_200
    replayed: int = 3_000
    rounds: int = 7


def measured(name: str, checkout: Path, folder: Path, url: str) -> tuple[float, float]:
    """Measure a way in a checkout; return its elapsed time and its CPU time, in seconds."""
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    command = [sys.executable, str(Path(__file__).with_name("checkout_ways.py")), name, str(folder), url]
    run = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own script
    elapsed, spent = map(float, run.stdout.split()[-2:])
    return elapsed, spent


def serve(line: Connection, orders: int) -> None:
    """Serve until a message says stop."""
    with Server(Shop(orders), latency=LATENCY) as server:
        line.send(server.url)
        line.recv()


def write_inputs(folder: Path, scale: Scale) -> None:
    """Write the responses, the recording and the order ids that both checkouts use."""
    shop = Shop(scale.orders)
    (folder / "all.ndjson").write_bytes(b"\n".join(shop.body(order_id) for order_id in shop.order_ids))
    (folder / "ids.txt").write_text("\n".join(Shop(scale.fetched).order_ids), "utf-8")
    recorded = {
        f"{PLAYGROUND}/ordermanagement/v1/orders/{order_id}": {
            "status": {"code": 200, "message": "OK"},
            "headers": {"date": ["Sat, 31 Oct 2026 12:00:00 GMT"], "content-type": ["application/json"]},
            "body": {"string": shop.body(order_id)},
        }
        for order_id in shop.order_ids[: scale.replayed]
    }
    cassette.write(folder / "recording.json", cassette.Responses(recorded))


def main() -> int:
    """Measure each way in both checkouts, and print the table."""
    parser = argparse.ArgumentParser(description="Compare the speed of two checkouts.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    parser.add_argument("--only", choices=WAYS, nargs="+", default=list(WAYS), help="only these ways")
    parser.add_argument("--limit", type=float, default=1.05, help="the largest ratio allowed (default: 1.05)")
    options = parser.parse_args()
    scale = Scale(1_000, 320, 200, 1) if options.quick else Scale()
    print("| what | CPU time: median (min-max) | elapsed: median (min-max) |\n|---|---|---|")
    slower = 0
    context = get_context("spawn")
    line, other = context.Pipe()
    process = context.Process(target=serve, args=(other, scale.fetched), daemon=True)
    process.start()
    url = line.recv()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder, scale)
        for way in options.only:
            elapsed, spent = [], []
            for number in range(scale.rounds):
                both = (options.before, options.after) if number % 2 == 0 else (options.after, options.before)
                found = {checkout: measured(way, checkout, folder, url) for checkout in both}
                before, after = found[options.before], found[options.after]
                elapsed.append(after[0] / before[0])
                spent.append(after[1] / before[1])
            slower += statistics.median(spent) > options.limit
            columns = (
                f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})" for ratios in (spent, elapsed)
            )
            print(f"| {way} | {' | '.join(columns)} |", flush=True)
    line.send("stop")
    process.join()
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
