"""A frame in; the table of a section out, with as many rows as a page has room for."""

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from om_toolkit.views.report.scope import Scope
from om_toolkit.views.show import Shown, show


def readable(frame: pl.DataFrame, scope: Scope, *, most: int = 25, hidden: Collection[str] = ()) -> Shown:
    """Return a frame as the table of a section.

    Args:
        frame: The result of a metric; local times are those of the scope.
        scope: The orders of the report.
        most: How many rows are shown; the caption says that there are more.
        hidden: Columns that are not shown, such as a currency that the amounts already have.
    """
    shown = show(frame, time_zone=scope.time_zone, rows=most)
    places = [place for place, heading in enumerate(shown.headings) if heading.name not in hidden]
    note = f"The first {most} of {frame.height:,} rows; the Excel file has all of them."
    return replace(
        shown,
        headings=[shown.headings[place] for place in places],
        rows=[[row[place] for place in places] for row in shown.rows],
        note=note if frame.height > most else "",
    )
