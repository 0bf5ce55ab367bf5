"""Measure how long the explorer takes from the change of a control to the new view, and to open.

    uv run --group benchmarks python benchmarks/explorer.py                   # 100,000 orders, a minute or two
    uv run --group benchmarks python benchmarks/explorer.py --orders 1000000  # ten times as many

Prints a Markdown table, and ends with exit code 1 if a time is above the one that it must reach. A change is timed in
Python, in a process without a browser: filters, metric, picture and page, up to the message to the browser.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from convert import log, machine
from metrics import some_orders
from metrics_sql import AS_OF

import om_toolkit as om
from om_toolkit.views.explorer import Explorer
from om_toolkit.views.explorer.answers import TABS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 3
MANY = 1_000_000


def changes(explorer: Explorer) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield a change of each control under each tab, and the change back."""
    assert explorer.period
    everything = (0, len(explorer.period.options) - 1)
    for tab in TABS:
        yield tab, lambda tab=tab: setattr(explorer.tab, "value", tab)  # type: ignore[misc]
        for control in explorer.filters.values():
            if len(control.options) > 2:  # noqa: PLR2004 - all, and at least two values
                for place in (1, 2, 0):
                    yield tab, lambda control=control, place=place: setattr(control, "index", place)  # type: ignore[misc]
        yield tab, lambda: setattr(explorer.period, "index", (everything[1] // 3, everything[1] // 2))
        yield tab, lambda: setattr(explorer.period, "index", everything)


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=100_000)
    orders = parser.parse_args().orders
    made = some_orders(np.random.default_rng(1), orders)
    tables: om.Tables[Any] = om.Tables(**made, as_of=AS_OF)  # type: ignore[arg-type]
    om.explore(tables.map(lambda frame: frame.head(1000)))  # imports and templates
    opening = min(seconds(lambda: om.explore(tables)) for _ in range(ROUNDS))
    explorer = om.explore(tables)
    assert isinstance(explorer, Explorer)
    times: dict[str, list[float]] = {tab: [] for tab in TABS}
    for _ in range(ROUNDS):
        for tab, change in changes(explorer):
            times[tab].append(seconds(change))
        log("a round is over")
    print(f"{machine()}; {orders:,} orders\n")
    print("| tab | median | 95 % below |\n|---|---|---|")
    for tab, taken in times.items():
        print(f"| {tab} | {np.median(taken):.3f} s | {np.quantile(taken, 0.95):.3f} s |")
    every = np.concatenate([*times.values()])
    median, p95 = np.median(every), np.quantile(every, 0.95)
    print(f"| **all** | {median:.3f} s | {p95:.3f} s |\n\nopening: {opening:.3f} s")
    is_reached = every.max() <= 1 if orders >= MANY else median <= 0.2 and p95 <= 0.4 and opening <= 1.5  # noqa: PLR2004
    sys.exit(0 if is_reached else 1)


if __name__ == "__main__":
    main()
