"""How small an archive is, and how fast its tables are there, measured against the raw JSON.

    uv run --group benchmarks python benchmarks/archive.py          # 100 000 orders, some minutes, 3 GB of memory
    uv run --group benchmarks python benchmarks/archive.py --quick  # fewer orders and rounds: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach. How a ratio is
measured is told in `convert.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from convert import Measured, assert_same_frames, cpu_ratios, polars_alone, tell, told_machine, told_sizes

import om_toolkit as om
from om_toolkit.models import read_order
from om_toolkit.shop import AS_OF, Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    orders: int = 100_000
    in_tables: int = 20_000
    rounds: int = 7


def main() -> int:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description="How small an archive is, and how fast its tables are there.")
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    scale = Scale(orders=5_000, in_tables=5_000, rounds=3) if parser.parse_args().quick else Scale()
    shop = Shop(scale.orders)
    answers = {order_id: shop.body(order_id) for order_id in shop.order_ids}
    del shop
    print(f"{told_machine()}. Orders of {told_sizes(list(answers.values()))}.\n")
    print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
    results = []
    for measured in archived(answers, scale):
        print(measured, flush=True)
        results.append(measured)
    return 0 if all(measured.is_reached for measured in results) else 1


def archived(answers: dict[str, bytes], scale: Scale) -> Iterator[Measured]:
    """Compare the CPU time to tables of some orders, then the size of an archive of all, with those of raw JSON."""
    ids = list(answers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.archive")
        with om.Archive(path) as archive:
            add(archive, answers, ids[: scale.in_tables])
            other = partial(polars_alone, b"\n".join(answers[order_id] for order_id in ids[: scale.in_tables]))
            assert_same_frames(archive.tables(), other())
            ratios = cpu_ratios(archive.tables, other, scale.rounds)
            what = f"archive → 5 tables, CPU, {scale.in_tables:,} orders"
            yield Measured(what, "`pl.read_ndjson(schema)` of the raw JSON + flatten", 0.35, ratios)
            add(archive, answers, ids[scale.in_tables :])
        ratio = path.stat().st_size / sum(map(len, answers.values()))
        yield Measured(f"archive of {len(ids):,} orders, size", "raw JSON", 0.3, [ratio])


def add(archive: om.Archive, answers: dict[str, bytes], order_ids: Iterable[str]) -> None:
    """Store answers as a fetch does."""
    for order_id in order_ids:
        archive.add(order_id, read_order(answers[order_id]), AS_OF)
    tell(repr(archive))


if __name__ == "__main__":
    sys.exit(main())
