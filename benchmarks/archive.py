"""Measure the size of an archive, and the time to its tables, against the raw JSON.

    uv run --group benchmarks python benchmarks/archive.py          # 100 000 orders, some minutes, 3 GB of memory
    uv run --group benchmarks python benchmarks/archive.py --quick  # fewer orders and rounds: does it still run?

Prints a Markdown table, and ends with exit code 1 if a ratio is above the one that it must reach. `convert.py` says
how a ratio is measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convert import (
    Measured,
    Way,
    assert_same_frames,
    cpu_ratios,
    log,
    machine,
    polars_alone,
    sizes_of,
    write_responses,
)

import om_toolkit as om
from om_toolkit.orders.parsing import read_order
from om_toolkit.synthetic.shop import AS_OF, Shop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl


@dataclass(frozen=True)
class Scale:
    """The amount of data and rounds."""

    orders: int = 100_000
    in_tables: int = 20_000
    rounds: int = 7


def main() -> int:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description="How small an archive is, and how fast its tables are there.")
    parser.add_argument("--quick", action="store_true", help="fewer orders and rounds")
    scale = Scale(orders=5_000, in_tables=5_000, rounds=3) if parser.parse_args().quick else Scale()
    shop = Shop(scale.orders)
    responses = {order_id: shop.body(order_id) for order_id in shop.order_ids}
    del shop
    print(f"{machine()}. Orders of {sizes_of(list(responses.values()))}.\n")
    print("| what | against | must reach | measured: median (min-max) |\n|---|---|---|---|")
    results = []
    for measured in archived(responses, scale):
        print(measured, flush=True)
        results.append(measured)
    return 0 if all(measured.is_reached for measured in results) else 1


def archived(responses: dict[str, bytes], scale: Scale) -> Iterator[Measured]:
    """Compare the CPU time to tables of some orders, then the size of an archive of all, with those of raw JSON."""
    ids = list(responses)
    some = ids[: scale.in_tables]
    with tempfile.TemporaryDirectory() as folder:
        files = write_responses(Path(folder), [responses[order_id] for order_id in some])
        few, path = Path(folder, "few.archive"), Path(folder, "shop.archive")
        store(few, responses, some[:200])
        made = store(path, responses, some)
        assert_same_frames(made, polars_alone(files[1].read_bytes()))
        del made
        ratios = cpu_ratios(Way(tables_of, Path, few, path), Way(polars_alone, Path.read_bytes, *files), scale.rounds)
        what = f"archive → 5 tables, CPU, {scale.in_tables:,} orders"
        yield Measured(what, "`pl.read_ndjson(schema)` of the raw JSON + flatten", 0.35, ratios)
        store(path, responses, ids[scale.in_tables :])
        ratio = path.stat().st_size / sum(map(len, responses.values()))
        yield Measured(f"archive of {len(ids):,} orders, size", "raw JSON", 0.3, [ratio])


def store(path: Path, responses: dict[str, bytes], order_ids: Iterable[str]) -> om.Tables[pl.DataFrame]:
    """Store responses as a fetch does; return the tables of the whole archive."""
    with om.Archive(path) as archive:
        for order_id in order_ids:
            archive.add(order_id, read_order(responses[order_id]), AS_OF)
        log(repr(archive))
        return archive.tables()


def tables_of(path: Path) -> om.Tables[pl.DataFrame]:
    """Open an archive and make its tables."""
    with om.Archive(path) as archive:
        return archive.tables()


if __name__ == "__main__":
    sys.exit(main())
