"""Measure the time and memory from responses to objects and tables, against other libraries.

    uv run --group benchmarks python benchmarks/convert.py          # 20 000 orders, some minutes, 3 GB of memory
    uv run --group benchmarks python benchmarks/convert.py --quick  # fewer orders and rounds: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach.

Speed is the CPU time of a process with all its threads. Each round runs both ways in turn, each in a fresh process
that has warmed up on a few orders; in one process the second way would profit from memory that the first has taken from
the system. The first way changes from round to round. A ratio is the median of the rounds' ratios. Before anything is
timed, both ways must have produced the same frames: names, dtypes and values; for `json_normalize`, whose dtypes
differ, rows and sums of amounts. Memory is measured in a fresh process, too (Linux only: it reads /proc).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from ctypes import CDLL
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson
import pandas as pd
import polars as pl
from polars.testing import assert_frame_equal

import om_toolkit as om
from om_toolkit.support.gc_pause import paused
from om_toolkit.synthetic.shop import Shop
from om_toolkit.tables import schema as tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")
Frames = dict[str, pl.DataFrame]
Kept = tuple[om.Orders, om.Tables[pl.DataFrame]]


@dataclass(frozen=True)
class Scale:
    """The amount of data and rounds."""

    orders: int = 20_000
    rounds: int = 7
    copies: int = 10
    """How often the larger of the two files of `read_tables` contains the orders."""


class Measured(NamedTuple):
    """A row of the result."""

    what: str
    against: str
    limit: float
    ratios: Sequence[float]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.ratios)

    @property
    def is_reached(self) -> bool:
        """Whether the median is within the limit."""
        return self.median <= self.limit

    def __str__(self) -> str:
        found = f"{self.median:.2f} ({min(self.ratios):.2f}-{max(self.ratios):.2f})"
        return f"| {self.what} | {self.against} | ≤ {self.limit:g} | {found}{'' if self.is_reached else ', MISSED'} |"


def ours(ndjson: bytes) -> Kept:
    """Convert responses to validated objects and five tables, and keep both."""
    orders = om.Orders.from_json(ndjson)
    return orders, orders.tables()


def polars_alone(ndjson: bytes) -> Frames:
    """Make the same five frames without objects: read only what the tables need, and flatten it."""
    responses = pl.read_ndjson(ndjson, schema=_response_schema())
    order = {"order_id": "order_id", "purchase_currency": "purchase_currency"}
    captures = _exploded(responses, "captures", order)
    refunds = _exploded(responses, "refunds", order)
    of_capture, of_refund = order | {"capture_id": "captures.capture_id"}, order | {"refund_id": "refunds.refund_id"}
    lines = (
        _exploded(responses, "order_lines", order, source="order"),
        _exploded(captures, "captures.order_lines", of_capture, source="capture"),
        _exploded(refunds, "refunds.order_lines", of_refund, source="refund"),
    )
    shipments = (
        _exploded(responses, "shipping_info", order, source="order"),
        _exploded(captures, "captures.shipping_info", of_capture, source="capture"),
    )
    return {
        "orders": _flat("orders", responses),
        "captures": _flat("captures", captures, "captures"),
        "refunds": _flat("refunds", refunds, "refunds"),
        "order_lines": _flat("order_lines", _stacked(lines), "order_lines"),
        "shipments": _flat("shipments", _stacked(shipments).with_columns(_has_tracking()), "shipping_info"),
    }


def _response_schema() -> pl.Schema:
    """Return the schema of a response, as far as the tables need it."""
    lines, shipments = _fields("order_lines"), _fields("shipments")
    shipments |= dict.fromkeys(("tracking_number", "tracking_uri"), pl.String())  # for has_tracking
    below = {
        "order_lines": _array(lines),
        "shipping_info": _array(shipments),
        "captures": _array(_fields("captures") | {"order_lines": _array(lines), "shipping_info": _array(shipments)}),
        "refunds": _array(_fields("refunds") | {"order_lines": _array(lines)}),
    }
    return pl.Schema(_fields("orders") | below)


def _fields(table: str) -> dict[str, pl.DataType]:
    """Return the fields of the object that is a row of a table, with nested objects as structs."""
    tree: dict[str, Any] = {}
    for column in tables.columns(table):
        *parents, name = column.field.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        if column.path is not None:
            place[name] = column.kind.dtype
    return {name: _as_struct(below) for name, below in tree.items()}


def _as_struct(tree: dict[str, Any] | pl.DataType) -> pl.DataType:
    return pl.Struct({name: _as_struct(below) for name, below in tree.items()}) if isinstance(tree, dict) else tree


def _array(fields: dict[str, pl.DataType]) -> pl.DataType:
    return pl.List(pl.Struct(fields))


def _exploded(frame: pl.DataFrame, array: str, keys: dict[str, str], source: str | None = None) -> pl.DataFrame:
    """Return a row per item of an array, with the keys of its owner, its source and its position."""
    items, name = _at(array), array.rpartition(".")[2]
    return frame.select(
        *(_at(path).alias(key) for key, path in keys.items()),
        pl.lit(source, pl.String).alias("source"),
        items.alias(name),
        pl.int_ranges(items.list.len()).alias("place"),
    ).explode(name, "place", empty_as_null=False, keep_nulls=False)


def _stacked(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(parts, how="diagonal")


def _at(path: str) -> pl.Expr:
    first, *rest = path.split(".")
    place = pl.col(first)
    for name in rest:
        place = place.struct.field(name)
    return place


def _has_tracking() -> pl.Expr:
    tracked = [
        (_at(f"shipping_info.{name}") != "").fill_null(value=False) for name in ("tracking_number", "tracking_uri")
    ]
    return (tracked[0] | tracked[1]).alias("has_tracking")


_OWNED = ("order_id", "purchase_currency")  # responses have them on the order only
_PLACES = ("line", "shipment")


def _flat(table: str, rows: pl.DataFrame, item: str = "") -> pl.DataFrame:
    """Return the columns of a table; `item` names the struct with the fields of a row."""
    return rows.select(_column(column, item) for column in tables.columns(table))


def _column(column: tables.Column, item: str) -> pl.Expr:
    if column.name in _PLACES:
        value = pl.col("place")
    elif column.path is None or column.name in _OWNED:
        value = pl.col(column.name)
    else:
        value = _at(f"{item}.{column.field}".lstrip("."))
    if column.kind in (tables.Kind.TEXT, tables.Kind.CODE):
        value = pl.when(value != "").then(value)
    if column.kind is tables.Kind.CODE:
        value = value.str.to_uppercase()
    return value.alias(column.name)


def pandas_normalized(responses: Iterable[bytes]) -> tuple[list[Any], dict[str, pd.DataFrame]]:
    """Make five pandas frames as notebooks do: lines of orders and shipments of captures only."""
    documents = [json.loads(response) for response in responses]
    owner = ["order_id", "purchase_currency"]
    normalize = partial(pd.json_normalize, documents)
    return documents, {
        "orders": normalize(),
        "captures": normalize("captures", owner),
        "refunds": normalize("refunds", owner),
        "order_lines": normalize("order_lines", owner),
        "shipments": normalize(["captures", "shipping_info"], [*owner, ["captures", "capture_id"]]),
    }


_KEYS = {
    "orders": ("order_id",),
    "captures": ("order_id", "capture_id"),
    "refunds": ("order_id", "refund_id"),
    "order_lines": ("order_id", "source", "capture_id", "refund_id", "line"),
    "shipments": ("order_id", "source", "capture_id", "shipment"),
}


def assert_same_frames(found: om.Tables[pl.DataFrame], expected: Frames) -> None:
    """Assert that all five frames have the same columns, dtypes and values."""
    for name, frame in found.items():
        keys = _KEYS[name]
        if frame.select(pl.struct(keys).is_duplicated().any()).item():
            raise AssertionError(f"{name}: {keys} do not identify the rows")
        assert_frame_equal(frame.sort(keys), expected[name].sort(keys), check_exact=True)


def assert_same_sums(found: om.Tables[pl.DataFrame], expected: dict[str, pd.DataFrame]) -> None:
    """Assert that pandas has the same rows, and that each amount has the same sum."""
    for name, frame in found.items():
        source = {"order_lines": "order", "shipments": "capture"}.get(name)
        rows = frame.filter(pl.col("source") == source) if source else frame
        if rows.height != len(expected[name]):
            raise AssertionError(f"{name}: {rows.height} rows, of pandas {len(expected[name])}")
        for column in tables.columns(name):
            if column.kind is tables.Kind.AMOUNT and column.field in expected[name]:
                assert rows[column.name].sum() == expected[name][column.field].sum(), f"{name}.{column.name}"


class Way(NamedTuple):
    """A way that is measured.

    Attributes:
        work: What is measured.
        read: What makes of a file what it works on.
        few: A file to be warm by.
        all: The file that counts.
        is_paused: Whether the collector is paused all the while.
    """

    work: Callable[[Any], object]
    read: Callable[[Path], Any]
    few: Path
    all: Path
    is_paused: bool = False


def speed(responses: Sequence[bytes], rounds: int) -> Iterator[Measured]:
    """Compare the CPU time of this package with that of three others."""
    with tempfile.TemporaryDirectory() as folder:
        files = few, together = write_responses(Path(folder), responses)
        ndjson = together.read_bytes()
        _, made = ours(ndjson)
        assert_same_frames(made, polars_alone(ndjson))
        assert_same_sums(made, pandas_normalized(responses)[1])
        del made, ndjson
        what = f"bytes → validated, kept objects → 5 tables, {len(responses):,} orders"
        our_way = Way(ours, Path.read_bytes, few, together)
        polars_way = Way(polars_alone, Path.read_bytes, *files)
        ratios = cpu_ratios(our_way, polars_way, rounds)
        yield Measured(what, "`pl.read_ndjson(schema)` + flatten", 0.35, ratios)
        loads = Way(all_loaded, lines_of, *files, is_paused=True)
        ratios = cpu_ratios(our_way._replace(is_paused=True), loads, rounds)
        yield Measured("the same, collector paused", "`orjson.loads` alone, paused", 4.5, ratios)
        ratios = cpu_ratios(our_way, Way(pandas_normalized, lines_of, *files), rounds)
        yield Measured("the same", "`json.loads`, five `pandas.json_normalize`", 0.4, ratios)


def write_responses(folder: Path, responses: Sequence[bytes]) -> tuple[Path, Path]:
    """Write a file of a few responses and one of all, one response per line."""
    few, together = folder / "few.ndjson", folder / "all.ndjson"
    few.write_bytes(b"\n".join(responses[:200]))
    together.write_bytes(b"\n".join(responses))
    return few, together


def lines_of(file: Path) -> list[bytes]:
    """Return the responses of a file one by one, as they are after a fetch."""
    return file.read_bytes().split(b"\n")


def all_loaded(responses: Sequence[bytes]) -> list[object]:
    """Parse the responses only."""
    return [orjson.loads(response) for response in responses]


def cpu_ratios(way: Way, other: Way, rounds: int) -> list[float]:
    """Measure both ways in turn; return the ratio of their CPU times for each round."""
    ratios = []
    for number in range(rounds):
        ways = (way, other) if number % 2 == 0 else (other, way)
        spent = {measured: in_fresh_process(cpu_seconds, measured) for measured in ways}
        ratios.append(spent[way] / spent[other])
        log(f"round {number + 1}: {spent[way]:.2f} s of {spent[other]:.2f} s = {ratios[-1]:.2f}")
    return ratios


def cpu_seconds(way: Way) -> float:
    """Return the CPU time of the whole process until the result exists, without freeing it."""
    way.work(way.read(way.few))
    given = way.read(way.all)
    gc.collect()
    with paused() if way.is_paused else nullcontext():
        start = time.process_time()
        kept = way.work(given)
        spent = time.process_time() - start
        del kept
    return spent


def memory(responses: Sequence[bytes], scale: Scale) -> Iterator[Measured]:
    """Measure the memory beyond the tables themselves, each time in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.ndjson"), Path(folder, "large.ndjson")
        write_ndjson(small, responses, copies=1)
        write_ndjson(large, responses, copies=scale.copies)
        many, times = len(responses), range(min(scale.rounds, 3))
        extra = [in_fresh_process(extra_of_tables, small) for _ in times]
        what = f"objects → 5 tables, extra peak memory, {many:,} orders"
        yield Measured(what, "`estimated_size` of the frames", 5, extra)
        growth = [in_fresh_process(extra_of_reading, large) / in_fresh_process(extra_of_reading, small) for _ in times]
        what = f"`read_tables`, peak memory beyond the frames, {many * scale.copies:,} orders"
        yield Measured(what, f"the same of {many:,} orders", 1.5, growth)


def write_ndjson(file: Path, responses: Sequence[bytes], *, copies: int) -> None:
    """Write the orders repeatedly, with different ids each time."""
    with file.open("wb") as sink:
        for copy in range(copies):
            for response in responses:
                sink.write(response.replace(b'"order_id":"', b'"order_id":"%d-' % copy, 1) + b"\n")


def in_fresh_process(measure: Callable[[T], R], given: T) -> R:
    """Return what a function measures in a process that has only imported modules."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as processes:
        return processes.submit(measure, given).result()


def extra_of_tables(file: Path) -> float:
    """Return the extra peak memory of `Orders.tables`, the frames included, in estimated sizes of the frames."""
    orders = om.Orders.from_json(file)
    before = restart_peak()
    made = orders.tables()
    extra = peak_bytes() - before
    size, in_memory = sum(frame.estimated_size() for _, frame in made.items()), _in_memory(made)
    log(f"tables: {extra / 1e6:.0f} MB extra, frames of {size / 1e6:.0f} MB, {in_memory / 1e6:.0f} MB in memory")
    return extra / size


def extra_of_reading(file: Path) -> float:
    """Return the peak memory of `read_tables` beyond imports and the frames, in bytes."""
    before = restart_peak()
    made = om.read_tables(file)
    peak, size = peak_bytes(), _in_memory(made)
    extra = peak - before - size
    log(f"read_tables of {made.orders.height:,}: {extra / 1e6:.0f} MB beyond {size / 1e6:.0f} MB of frames")
    return extra


def _in_memory(made: om.Tables[pl.DataFrame]) -> int:
    """Return the bytes of the frames; `estimated_size` leaves out the 16 bytes of each text's view."""
    layout = pl.CompatLevel.newest()
    return sum(frame.write_ipc(None, compat_level=layout).getbuffer().nbytes for _, frame in made.items())


def restart_peak() -> int:
    """Reset the peak memory of this process to its current memory, and return that in bytes.

    What was freed goes back to the system first: taken again later, it would not show as extra.
    """
    gc.collect()
    CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    return _status("VmRSS")


def peak_bytes() -> int:
    """Return the peak resident memory of this process since `restart_peak`."""
    return _status("VmHWM")


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(
        description="How fast responses become objects and tables, and in how much memory."
    )
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    scale = Scale(orders=10_000, rounds=3, copies=4) if parser.parse_args().quick else Scale()
    responses = _answers(scale.orders)
    print(f"{machine()}. Orders of {sizes_of(responses)}.\n")
    print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
    results = []
    for measured in (*speed(responses, scale.rounds), *memory(responses, scale)):
        print(measured, flush=True)
        results.append(measured)
    return 0 if all(measured.is_reached for measured in results) else 1


_SIZES = range(4_000, 8_001)  # bytes


def _answers(count: int) -> list[bytes]:
    """Generate orders of 4 to 8 KB; about half of the shop's orders are."""
    shop = Shop(3 * count)
    bodies = (shop.body(order_id) for order_id in shop.order_ids)
    return list(islice((body for body in bodies if len(body) in _SIZES), count))


def machine() -> str:
    """Describe the machine and the versions."""
    names = ("polars", "pydantic", "pydantic-core", "orjson", "pandas")
    versions = (f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names))
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def sizes_of(responses: Sequence[bytes]) -> str:
    """Describe the size of the responses."""
    sizes = sorted(map(len, responses))
    low, high = (sizes[len(sizes) * percent // 100] / 1000 for percent in (5, 95))
    return f"{statistics.mean(sizes) / 1000:.1f} KB on average, nine of ten between {low:.1f} and {high:.1f} KB"


def log(progress: str) -> None:
    """Print progress to stderr."""
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
