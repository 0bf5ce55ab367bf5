"""Prove that two checkouts of the project compute the same: equal frames, equal files.

    uv run python benchmarks/same_results.py BEFORE AFTER
    uv run python benchmarks/same_results.py BEFORE AFTER --folder payloads --folder cases --keep results

BEFORE and AFTER are checkouts. Each is imported in a process of its own, with the libraries of this environment, and
used through its public names only. What it computes on the shipped recording, on a synthetic shop of 2,000 orders and
on each JSON file of the given folders is written to a folder: each table, each metric in several groupings, the frames
of failures, drift and changes, Parquet files, archives, and cassettes. Both checkouts also read the archives and
cassettes that BEFORE wrote. Then frames are compared exactly, and files byte for byte.

The exit code is 1 if a frame or a file differs in more than its texts (messages of findings and failures).
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LARGE = 100_000  # minor units
AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
"""The instant of saved responses: later than all their times."""

TEXT_COLUMNS = {"audit": ["message"], "failures": ["messages", "order_id"]}
"""Columns whose texts may be rewritten. A document without an id is named in `order_id` of the failures."""

EQUAL, TEXTS = "equal", "only the texts differ"

CLOCK_COLUMNS = ["elapsed_seconds"]

METRICS: dict[str, list[dict[str, Any]]] = {
    "capture_latency": [{}, {"event": "full"}, {"quantiles": (0.1, 0.75), "within": ("36h", "7d")}],
    "capture_curve": [{}, {"event": "full"}],
    "refund_ratio": [{}, {"basis": "refund_date"}, {"basis": "refund_date", "time_zone": "Asia/Tokyo"}],
    "time_to_refund": [{}],
    "shipping_methods": [{}, {"grain": "shipment"}, {"grain": "order"}, {"grain": "order", "source": "chosen"}],
    "carriers": [{}, {"grain": "shipment"}, {"grain": "order"}],
}
"""The metrics that take `by`, with the other options they are called with."""

UNGROUPED: dict[str, list[dict[str, Any]]] = {
    "expiring": [{}, {"within": None}, {"within": "30d"}],
    "at_risk": [{}, {"within": None}, {"within": "30d"}],
    "key_figures": [{}],
    "audit": [{}],
}

GROUPINGS: dict[str, Any] = {
    "all": (),
    "country": "purchase_country",
    "country, currency": ["purchase_country", "purchase_currency"],
    "week": om.by_period("1w", time_zone="Europe/Stockholm"),
    "large": (pl.col("order_amount") > LARGE).alias("large"),
    "payment, status": ["initial_payment_method_type", "status"],
}


class Results:
    """The folder that one checkout fills, and the folder of the first one, whose files both read."""

    def __init__(self, folder: Path, first: Path) -> None:
        self.folder = folder
        self.first = first

    def path(self, name: str) -> Path:
        """Return the path of a new result."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def frame(self, name: str, compute: Callable[..., Any], *data: object, **options: Any) -> None:  # noqa: ANN401 - any metric's
        """Write the frame that a call returns, or the type and the text of the error that it raises."""
        try:
            found = compute(*data, **options)
        except Exception as error:  # noqa: BLE001 - an error is a result, too
            self.path(f"{name}.error").write_text(f"{type(error).__name__}\n{error}", "utf-8")
        else:
            found.drop(CLOCK_COLUMNS, strict=False).write_parquet(self.path(f"{name}.frame"))

    def tables(self, name: str, tables: om.Tables[pl.DataFrame]) -> None:
        """Write each of the tables."""
        for table, frame in tables.items():
            self.frame(f"{name}/{table}", frame.clone)


def write_all(results: Results, folders: Iterable[Path], port: int) -> None:
    """Compute everything with the checkout that is imported, and write it."""
    with om.replay("quickstart") as client:
        write_orders(results, "quickstart", client.orders(client.recorded_order_ids))
    with om.sandbox(2_000, port=port, workers=1) as shop:
        orders = shop.orders(shop.order_ids)
        write_orders(results, "sandbox", orders)
        write_captures(results, "sandbox", shop.captures(shop.order_ids[:200]))
        write_recordings(results, shop.base_url, shop.order_ids[:50])
        write_archives(results, shop, orders)
    write_comparisons(results, orders)
    write_faults(results, port)
    files = [file for folder in folders for file in sorted(folder.rglob("*.json"))]
    for file in files:
        saved = om.Orders.from_json(file, as_of=AS_OF)
        write_orders(results, f"saved/{file.parent.name}/{file.stem}", saved)
    write_responses(results, files, port)


def write_orders(results: Results, name: str, orders: om.Orders) -> None:
    """Write what can be computed of some orders."""
    tables = orders.tables()
    for personal in (False, True):
        results.tables(f"{name}/tables, personal={personal}", orders.tables(personal=personal))
    tables.write_parquet(results.path(f"{name}/parquet"))
    results.frame(f"{name}/to_polars", orders.to_polars, personal=True)
    results.frame(f"{name}/failures", orders.failures.to_polars)
    results.frame(f"{name}/drift", orders.drift.clone)
    text = "\n".join([str(orders.as_of), *(order.model_dump_json(by_alias=True) for order in orders)])
    results.path(f"{name}/documents.ndjson").write_text(text, "utf-8")
    saved = results.path(f"{name}/documents, as sent.ndjson")
    saved.write_text("\n".join(order.model_dump_json(by_alias=True, exclude_unset=True) for order in orders), "utf-8")
    results.tables(f"{name}/read_tables", om.read_tables(saved, as_of=orders.as_of) if len(orders) else tables)
    write_metrics(results, name, orders)
    write_metrics(results, f"{name}/lazy", om.Tables.scan_parquet(results.path(f"{name}/parquet")))


def write_metrics(results: Results, name: str, data: object) -> None:
    """Write each metric in several groupings."""
    for metric, calls in METRICS.items():
        for grouping, by in GROUPINGS.items():
            for options in calls:
                call = f"{name}/{metric}/by {grouping} {options or ''}"
                results.frame(call, getattr(om, metric), data, by=by, **options)
    for metric, calls in UNGROUPED.items():
        for options in calls:
            results.frame(f"{name}/{metric}/{options or 'default'}", getattr(om, metric), data, **options)


def write_comparisons(results: Results, orders: om.Orders) -> None:
    """Write each metric of two countries compared, and how many orders a row leads back to."""
    sides = [orders.filter(pl.col("purchase_country") == code) for code in ("SE", "DE")]
    for metric in (*METRICS, "key_figures", "at_risk"):
        results.frame(f"compare/{metric}", om.compare, getattr(om, metric), *sides)
    for metric in METRICS:
        found = getattr(om, metric)(orders, by="purchase_country")
        for number in range(min(found.height, 20)):
            results.frame(f"where/{metric}/{number}", where, orders, found[number])


def where(orders: om.Orders, row: pl.DataFrame) -> pl.DataFrame:
    """Return the orders that a row of a result leads back to."""
    return orders.where(row).to_polars()


def write_captures(results: Results, name: str, captures: om.Captures) -> None:
    """Write the frames of captures that were fetched without their orders."""
    results.frame(f"{name}/captures", captures.to_polars, personal=True)
    results.frame(f"{name}/captures, failures", captures.failures.to_polars)


def write_recordings(results: Results, url: str, order_ids: Iterable[str]) -> None:
    """Record cassettes; then replay the first checkout's."""
    order_ids = [*order_ids, "unknown"]
    options: dict[str, Any] = {
        "api_key": "kco_test_sandbox",
        "base_url": url,
        "workers": 1,
        "requests_per_second": None,
    }
    for name, masked in (("plain.yaml", False), ("plain.json", False), ("masked.yaml", True)):
        with om.record(results.path(f"cassettes/{name}"), mask_ids=masked, **options) as client:
            client.orders(order_ids)
            client.captures(order_ids[:5])
    with om.vcr.use_cassette(str(results.path("cassettes/vcr.yaml"))), om.Client(**options) as plain:
        plain.orders(order_ids)
    for path in sorted((results.first / "cassettes").iterdir()):
        with om.replay(path) as replayed:
            write_orders(results, f"replayed/{path.name}", replayed.orders(replayed.recorded_order_ids))


def write_archives(results: Results, shop: om.Client, orders: om.Orders) -> None:
    """Fill archives, by fetching and by adding; then read the first checkout's."""
    order_ids = [str(order.order_id) for order in orders]
    for name, personal in (("masked", False), ("personal", True)):
        with om.Archive(results.path(f"archives/{name}.archive"), personal=personal) as archive:
            shop.orders(order_ids[:300], archive=archive)
            for order in orders[:400]:
                archive.add(str(order.order_id), order, orders.as_of)
            for order in orders[:50]:
                changed = order.model_copy(update={"status": "CLOSED", "captures": order.captures[:1]})
                archive.add(str(order.order_id), changed, AS_OF)
        write_rows(results, f"archives/{name}")
        copy = results.path(f"archives/copy of {name}")
        shutil.copy(results.first / f"archives/{name}.archive", copy)
        with om.Archive(copy) as archive:
            write_orders(results, f"archived/{name}", archive.orders())
            write_orders(results, f"archived/{name}, earlier", archive.orders(as_of=orders.as_of))
            results.frame(f"archived/{name}/changes", archive.changes)
            results.tables(f"archived/{name}/own tables", archive.tables(personal=personal))
        copy.unlink()


def write_rows(results: Results, name: str) -> None:
    """Write an archive's rows as SQL, to see whether two files of different bytes have equal rows."""
    with closing(sqlite3.connect(results.path(f"{name}.archive"))) as connection:
        results.path(f"{name}.sql").write_text("\n".join(connection.iterdump()), "utf-8")


def write_faults(results: Results, port: int) -> None:
    """Write what becomes of responses that no order can be read from."""
    faults = ["invalid_id", "forbidden", "firewall", "not_found", "wrong_type", "page", "not_json", "server_error"]
    with om.sandbox(200, port=port, workers=1, max_retries=0, faults=dict.fromkeys(faults, 0.05)) as shop:
        orders = shop.orders(shop.order_ids)
        results.frame("faults/failures", orders.failures.to_polars)
        results.frame("faults/orders", orders.to_polars)


def write_responses(results: Results, files: Iterable[Path], port: int) -> None:
    """Fetch each saved file as the response to a request for an order and for its captures."""
    bodies = {f"{number:03}-{file.stem}": file.read_bytes() for number, file in enumerate(files)}
    with serve(bodies, port) as url, om.Client("kco_test_x", base_url=url, workers=1, max_retries=0) as client:
        orders = client.orders(bodies)
        results.frame("responses/orders", orders.to_polars, personal=True)
        results.frame("responses/failures", orders.failures.to_polars)
        write_captures(results, "responses", client.captures(bodies))


class serve:  # noqa: N801 - used like a function
    """Serve bodies by order id from this machine."""

    def __init__(self, bodies: dict[str, bytes], port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removesuffix("/captures").rpartition("/")[2]
                self.send_response_only(200)
                self.send_header("Date", "Sun, 01 Nov 2026 00:00:00 GMT")
                self.send_header("Content-Length", str(len(bodies[name])))
                self.end_headers()
                self.wfile.write(bodies[name])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def run(checkout: Path, results: Path, first: Path, folders: Iterable[Path], port: int) -> None:
    """Write the results of a checkout, in a process of its own and an empty current folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("OM_")}
    own |= {"PYTHONPATH": str(checkout), "OM_PSEUDONYM_KEY": "a key for the comparison only, long enough"}
    results.mkdir(parents=True)
    options = ["--write", results, "--port", str(port), *(part for folder in folders for part in ("--folder", folder))]
    command = [sys.executable, "-W", "ignore", __file__, checkout, first, *options]
    with tempfile.TemporaryDirectory() as empty:
        subprocess.run(command, env=own, cwd=empty, check=True)  # noqa: S603 - this script itself


def compare(before: Path, after: Path) -> Iterator[tuple[str, str]]:
    """Yield each result's name with `EQUAL`, `TEXTS`, or how it differs."""
    names = {str(file.relative_to(root)) for root in (before, after) for file in root.rglob("*") if file.is_file()}
    for name in sorted(names):
        one, other = before / name, after / name
        if not one.exists() or not other.exists():
            yield name, f"only {'after' if other.exists() else 'before'}"
        elif one.read_bytes() == other.read_bytes():
            yield name, EQUAL
        elif name.endswith(".frame"):
            yield name, difference(name, pl.read_parquet(one), pl.read_parquet(other))
        elif name.endswith(".error") and error_type(one) == error_type(other):
            yield name, TEXTS
        else:
            yield name, "other bytes"


def error_type(path: Path) -> str:
    """Return the type of a kept error, without its text."""
    return path.read_text("utf-8").partition("\n")[0]


def difference(name: str, before: pl.DataFrame, after: pl.DataFrame) -> str:
    """Return how two frames differ."""
    if before.schema != after.schema:
        return f"other columns: {[*set(before.schema.items()) ^ set(after.schema.items())]}"
    if before.equals(after):
        return EQUAL
    texts = {column for kind, columns in TEXT_COLUMNS.items() if kind in name for column in columns}
    if before.drop(texts, strict=False).equals(after.drop(texts, strict=False)):
        return TEXTS
    changed = [column for column in before.columns if not before[column].equals(after[column])]
    return f"{before.height} and {after.height} rows, other values in {', '.join(changed)}"


def main() -> int:
    """Compare two checkouts, or write the results of the one that is imported."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="BEFORE", help="a checkout")
    parser.add_argument("after", type=Path, metavar="AFTER", help="another one")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="of JSON files; may be repeated")
    parser.add_argument("--keep", type=Path, help="a new folder that keeps the results")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    folders = [folder.absolute() for folder in chosen.folder]
    if chosen.write:
        assert Path(om.__file__).is_relative_to(chosen.before), om.__file__
        write_all(Results(chosen.write, chosen.after), folders, chosen.port)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        results = (chosen.keep or Path(scratch, "results")).absolute()
        port = free_port()
        for name, checkout in (("before", chosen.before), ("after", chosen.after)):
            run(checkout.absolute(), results / name, results / "before", folders, port)
        found = dict(compare(results / "before", results / "after"))
    return report(found)


def report(found: dict[str, str]) -> int:
    """Print how many results are equal, and how the others differ; return the exit code."""
    kinds = Counter(verdict if verdict in (EQUAL, TEXTS) else "different" for verdict in found.values())
    print(
        "| results | number |", "|---|---:|", *(f"| {kind} | {number:,} |" for kind, number in kinds.items()), sep="\n"
    )
    rewritten = Counter(family(name) for name, verdict in found.items() if verdict == TEXTS)
    print("", *(f"{TEXTS}: {number:,} of {name}" for name, number in sorted(rewritten.items())), sep="\n")
    print("", *(f"{name}: {verdict}" for name, verdict in found.items() if verdict not in (EQUAL, TEXTS)), sep="\n")
    return 1 if kinds["different"] else 0


def family(name: str) -> str:
    """Return what a result is, whichever orders it is of: the metric, or the kind of file."""
    metrics = [part for part in Path(name).parts if part in {*METRICS, *UNGROUPED}]
    return metrics[0] if metrics else Path(name).stem


def free_port() -> int:
    """Return a port that nothing listens on; both checkouts use it, since a cassette keeps the address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
