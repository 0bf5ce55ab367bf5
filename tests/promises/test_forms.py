"""Every metric gives the same result whatever form the tables have: in memory, in Parquet, lazy or streamed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from drawn_shops import Rows, awkward, awkward_shops, contradictory_shop
from polars.testing import assert_frame_equal
from test_plans import CALLS

import om_toolkit as om

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from om_toolkit.tables.tables import Tables

IN_TURN = 3
"""How many of `CALLS` each shop is used for, in turn, and one more: all of them would take half an hour."""


@dataclass
class OrdersLike:
    """An object with tables, as `Orders` are."""

    in_memory: Tables[pl.DataFrame]

    def tables(self) -> Tables[pl.DataFrame]:
        return self.in_memory


def results(tables: Tables[pl.DataFrame], folder: Path, name: str) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the result of a call for each form of the tables, that of tables in memory first."""
    metric, options = CALLS[name]
    given_frames: Any = om.Tables(**dict(tables.items()), as_of=tables.as_of)
    # `timeline` and `shipped_uncaptured` are changed by `CALLS`, which needs the tables themselves.
    in_memory = tables if name in ("timeline", "shipped_uncaptured") else OrdersLike(tables)
    yield "in memory", metric(in_memory, **options)
    yield "frames", metric(given_frames, **options)
    yield "read from Parquet", metric(om.Tables.read_parquet(folder), **options)
    yield "lazy", metric(om.Tables.scan_parquet(folder), **options)
    pl.Config.set_engine_affinity("streaming")
    try:
        yield "streamed", metric(om.Tables.scan_parquet(folder), **options)
    finally:
        pl.Config.set_engine_affinity("auto")


class Comparison:
    """Compares the forms of one shop after another; counts the calls, and those with rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = cycle(CALLS)
        self.made, self.filled = Counter[str](), Counter[str]()

    def check(self, tables: Tables[pl.DataFrame]) -> None:
        """Check that all forms have the same result: floats to 1e-9, everything else exactly."""
        tables.write_parquet(self.folder)
        rarest = min(CALLS, key=lambda name: (self.filled[name], self.made[name]))
        for name in {rarest: 0} | dict.fromkeys(islice(self.names, IN_TURN)):
            (_, expected), *others = results(tables, self.folder, name)
            for form, found in others:
                try:
                    assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=1e-9)
                except AssertionError as error:
                    error.add_note(f"{name}, {form}")
                    raise
            self.made[name] += 1
            self.filled[name] += expected.height > 0

    def rarest(self) -> int:
        """Return how often the call that had rows least often had some; print it for the table."""
        name = min(CALLS, key=self.filled.__getitem__)
        least = self.filled[name]
        print(f"five forms: {self.made.total()} calls; {name} had rows in {least} of {self.made[name]}")  # noqa: T201 - how many
        return least


@pytest.mark.slow
def test_awkward_shops_have_the_same_results_in_every_form(tmp_path: Path) -> None:
    comparison = Comparison(tmp_path)

    @awkward_shops(300)
    def compare(rows: Rows, as_of: int | None) -> None:
        comparison.check(awkward(rows, as_of))

    compare()
    assert comparison.rarest() >= 1
    assert min(comparison.made[name] for name in CALLS) >= 300 * IN_TURN // len(CALLS)


@pytest.mark.slow
def test_contradictory_shops_have_the_same_results_in_every_form(tmp_path: Path) -> None:
    comparison = Comparison(tmp_path)
    for seed in range(60):
        comparison.check(contradictory_shop(seed))
    assert comparison.rarest() >= 1
