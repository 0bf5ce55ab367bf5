"""Measure the time and memory of a report on up to a million orders in Parquet, and the size of its page.

    uv run --group benchmarks python benchmarks/report.py          # two minutes, 200 MB of disk, 3 GB of memory
    uv run --group benchmarks python benchmarks/report.py --quick  # up to 3,000 orders: does it still run?

Prints a Markdown table, and ends with exit code 1 if a limit is exceeded.

Each report is made in a fresh process that has made a small one before: imports and templates do not count. CPU time is
that of all threads. Memory (Linux only: it reads /proc) is the extra peak of the process, the tables included, compared
with what the tables alone take in memory in another process; of few orders it says nothing, and has no limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from convert import in_fresh_process, log, machine, peak_bytes, restart_peak
from metrics import CHUNK, run, write_orders

import om_toolkit as om

SIZES: Final = (0, 1, 200, 3_000, CHUNK)
FEW: Final = 200
MOST_MEMORY: Final = 2.0


class Limits(NamedTuple):
    """The most that a report may take."""

    seconds: float
    cpu_seconds: float
    kilobytes: float


LIMITS: Final = {5: Limits(20, 30, 200), 1: Limits(30, 45, 250)}
"""The limits by `min_cell`: with 1, the page has twice as many sections."""


class Made(NamedTuple):
    """What a report took."""

    seconds: float
    cpu_seconds: float
    extra: int
    kilobytes: float


def opened(folder: Path) -> om.Tables[Any]:
    """Return the tables of a folder; without a folder, empty ones."""
    return om.Tables.scan_parquet(folder) if folder.exists() else om.Orders().tables()


def made(folder: Path, few: Path, min_cell: int) -> Made:
    """Make a report of the orders in a folder, after one of a few orders."""
    om.Report(opened(few), min_cell=min_cell).html  # noqa: B018 - imports and templates
    before = restart_peak()
    started, cpu_started = time.perf_counter(), time.process_time()
    page = om.Report(opened(folder), min_cell=min_cell).html
    took = time.perf_counter() - started, time.process_time() - cpu_started
    return Made(*took, peak_bytes() - before, len(page.encode()) / 1e3)


def size_in_memory(folder: Path) -> int:
    """Return the bytes that the tables of a folder take in memory."""
    before = restart_peak()
    tables = opened(folder).collect()
    size = restart_peak() - before
    del tables
    return size


def row(folder: Path, few: Path, orders: int, min_cell: int) -> bool:
    """Print the row of one report, and return whether it is within the limits."""
    report: Made = in_fresh_process(run, partial(made, folder, few=few, min_cell=min_cell))
    limits = LIMITS[min_cell]
    memory = report.extra / in_fresh_process(run, partial(size_in_memory, folder)) if orders >= CHUNK else None
    is_within = (
        report.seconds <= limits.seconds
        and report.cpu_seconds <= limits.cpu_seconds
        and report.kilobytes <= limits.kilobytes
        and (memory is None or memory <= MOST_MEMORY)
    )
    shown = f"{report.extra / 1e6:.0f} MB" + ("" if memory is None else f", {memory:.2f} of the tables")
    print(
        f"| {orders:,} | {min_cell} | {report.seconds:.1f} s | {report.cpu_seconds:.1f} s | {shown} "
        f"| {report.kilobytes:.0f} KB | {'yes' if is_within else 'NO'} |",
        flush=True,
    )
    return is_within


def main() -> int:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description="How fast reports are, and how much memory they take.")
    parser.add_argument("--quick", action="store_true", help="at most 3,000 orders")
    sizes = SIZES[:-1] if parser.parse_args().quick else SIZES
    with tempfile.TemporaryDirectory() as scratch:
        folders = {size: Path(scratch, str(size)) for size in sizes}
        for size, folder in folders.items():
            write_orders(folder, size)
        log("measuring")
        print(f"{machine()}. At most {MOST_MEMORY:g} times the tables in memory.")
        for min_cell, limits in LIMITS.items():
            seconds, cpu_seconds, kilobytes = limits
            print(f"min_cell={min_cell}: at most {seconds} s, {cpu_seconds} s of CPU time, {kilobytes} KB.")
        print()
        print("| orders | min_cell | time | CPU time | extra peak memory | page | within the limits |")
        print("|---|---|---|---|---|---|---|")
        results = [row(folder, folders[FEW], size, min_cell) for size, folder in folders.items() for min_cell in LIMITS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
