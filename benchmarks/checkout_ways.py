"""The ways that `two_commits.py` measures in a checkout; run by it, with PYTHONPATH set to that checkout."""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import om_toolkit as om

KEY = "kco_test_sandbox"
WORKERS = 32
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)


def convert(folder: Path, _: str) -> Callable[[], object]:
    """Convert responses to objects and tables, and keep both."""
    ndjson = (folder / "all.ndjson").read_bytes()

    def work() -> object:
        orders = om.Orders.from_json(ndjson)
        return orders, orders.tables()

    return work


def read_tables(folder: Path, _: str) -> Callable[[], object]:
    """Read responses into tables."""
    return lambda: om.read_tables(folder / "all.ndjson", as_of=AS_OF)


def replay(folder: Path, _: str) -> Callable[[], object]:
    """Open a recording, and request all its orders."""

    def work() -> object:
        with om.replay(folder / "recording.json") as client:
            return client.orders(client.recorded_order_ids).raise_for_failures()

    return work


def fetch(folder: Path, url: str) -> Callable[[], object]:
    """Fetch orders over connections that are open."""
    ids = (folder / "ids.txt").read_text("utf-8").split()
    client = om.Client(KEY, base_url=url, workers=WORKERS, requests_per_second=None)
    client.orders(ids[: 2 * WORKERS])
    return lambda: client.orders(ids).raise_for_failures()


def fetch_into_archive(folder: Path, url: str) -> Callable[[], object]:
    """Fetch orders into a new archive."""
    ids = (folder / "ids.txt").read_text("utf-8").split()
    client = om.Client(KEY, base_url=url, workers=WORKERS, requests_per_second=None)
    client.orders(ids[: 2 * WORKERS])
    path = Path(tempfile.mkdtemp(dir=folder)) / "shop.archive"

    def work() -> object:
        with om.Archive(path) as archive:
            return client.orders(ids, archive=archive).raise_for_failures()

    return work


def archive_to_tables(folder: Path, _: str) -> Callable[[], object]:
    """Read the tables of an archive, which each checkout has written itself."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "shop.archive"
    with om.Archive(path) as archive:
        for order in om.Orders.from_json(folder / "all.ndjson"):
            archive.add(order.order_id or "", order, AS_OF)

    def work() -> object:
        with om.Archive(path) as archive:
            return archive.tables()

    return work


WAYS = {way.__name__: way for way in (convert, read_tables, replay, fetch, fetch_into_archive, archive_to_tables)}


def measure(name: str, folder: Path, url: str) -> None:
    """Print the seconds of elapsed time and of CPU time that a way takes in the checkout that is imported."""
    for public in om.__all__:
        getattr(om, public)  # a public name may import its module when it is first used: not what is measured
    work = WAYS[name](folder, url)
    started, spent = time.perf_counter(), time.process_time()
    kept = work()
    print(time.perf_counter() - started, time.process_time() - spent)
    del kept


if __name__ == "__main__":
    measure(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
