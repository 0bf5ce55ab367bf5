"""Failures, findings and frames in; lines on stdout for results, on stderr for what went wrong, out."""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

import om_toolkit as om
from om_toolkit.cli.parser import EVERYTHING, SOME_FAILED
from om_toolkit.cli.sources import Data, Source
from om_toolkit.errors import KINDS, Failure
from om_toolkit.privacy.messages import shown_order_id
from om_toolkit.support.csv_files import write_csv
from om_toolkit.support.text import count_of

_HINTS: Final = {"not_found": "Wrong host, environment or merchant?"}
"""Shorter advice than that of the error, for a batch."""


def read(source: Source, options: Namespace) -> Data:
    """Return the orders of a source, after the failures are printed on stderr.

    Raises:
        ValueError: If there are no orders.
    """
    data = source()
    for line in failure_lines(data.failures):
        print(line, file=sys.stderr)
    if options.failures:
        write_csv(om.Failures(data.failures).to_polars(), Path(options.failures))
    if not size_of(data):
        raise ValueError("found no orders; check the input and the failures listed above, if any")
    return data


def print_frame(frame: pl.DataFrame, options: Namespace, nothing: str, data: Data | None = None) -> None:
    """Print a frame: for `--json` an object per row, with amounts in minor units; else a table for readers.

    Args:
        frame: The result of a metric, or another frame.
        options: The options of the command.
        nothing: What to print for readers if there are no rows.
        data: The orders that it was made from, for the caption.
    """
    if options.json:
        for row in frame.iter_rows(named=True):
            print(json.dumps(row, default=datetime.isoformat))
    elif frame.height:
        print(om.show(frame, data=data, rows=frame.height))
    else:
        print(nothing)


def size_of(data: Data) -> int:
    """Return the number of orders."""
    return len(data) if isinstance(data, om.Orders) else data.orders.height


def exit_code(failures: Collection[Failure]) -> int:
    """Return the exit code of a command that found orders."""
    return SOME_FAILED if failures else EVERYTHING


def failure_lines(failures: Iterable[Failure]) -> Iterator[str]:
    """Describe failures, in one line for each kind.

    Example:
        >>> print(*failure_lines([Failure("a-1", "not_found", status=404), Failure("b-2", "not_found", status=404)]))
        2 ids: not found (404). Wrong host, environment or merchant? First: a-1.
    """
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.kind, []).append(failure)
    for kind, group in groups.items():
        first = group[0]
        count = count_of(len(group), "document" if re.search(r" #\d+$", first.order_id) else "id")
        statuses = ", ".join(sorted({str(failure.status) for failure in group if failure.status}))
        status = f" ({statuses})" if statuses else ""
        advice = _HINTS.get(kind, KINDS[kind].advice)
        yield f"{count}: {kind.replace('_', ' ')}{status}. {advice} First: {_described(first)}."


def _described(failure: Failure) -> str:
    """Return the id of a failure, with what the server said about it unless the kind says it already."""
    facts = [shown_order_id(failure.order_id), *(failure.messages[:1] if failure.kind not in _HINTS else ())]
    if failure.correlation_id:
        facts.append(f"correlation id {failure.correlation_id}")
    return ", ".join(fact.rstrip(".") for fact in facts)
