"""TODO."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from om_toolkit.privacy.detectors import PERSONAL_FIELD, Hit, find_in_field, shown_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def find_in_tables(text: str, where: str) -> Iterator[Hit]:
    """Look at the cells of tables in HTML and of those that are drawn or printed, by the names of their columns."""
    printed = re.sub(r"(?i)</?pre\b[^<>]*>", "\n", text).splitlines()
    for name, cell in chain(_in_rows(_rows(text)), _in_frames(printed), _in_series(printed)):
        yield from find_in_field(name, cell, f"{where} table, {shown_name(name)}")


def _in_rows(rows: Iterator[list[str]]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    for cells in rows:
        if any(PERSONAL_FIELD.search(cell.strip().lower()) for cell in cells):
            names = [cell.strip() for cell in cells]
        else:
            yield from zip(names, cells, strict=False)


def _rows(text: str) -> Iterator[list[str]]:
    for row in re.split(r"(?i)<tr\b", text)[1:]:
        cells = (cell.partition("</t")[0] for cell in re.split(r"(?i)<t[dh]\b[^<>]*>", row)[1:])
        yield [re.sub(r"<[^<>]*>", "", cell) for cell in cells]
    head: list[list[str]] | None = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("┌"):
            head = []
        elif line.startswith("╞") and head:  # above, polars breaks long names, and writes --- and the type below them
            yield ["".join(parts).partition("---")[0] for parts in zip(*head, strict=False)]
            head = None
        elif line.startswith(("│", "|")):
            cells_of_line = [cell.strip() for cell in re.split("[┆│|]", line.strip("│|"))]
            if head is None:
                yield cells_of_line
            else:
                head.append(cells_of_line)


def _in_frames(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and cells of frames as pandas prints them: an index, and columns that end where their names do.

    A line that does not keep to that is of none.
    """
    names: list[re.Match[str]] = []
    for line in lines:
        if line.startswith(" "):
            words = list(re.finditer(r"\S+", line))
            names = words if any(PERSONAL_FIELD.search(word[0].lower()) for word in words) else []
        elif line and names and not any(line[name.end() : name.end() + 1].strip() for name in names):
            start = len(line.partition(" ")[0])
            for name in names:
                if line[name.end() - 1 : name.end()].strip():
                    yield name[0], line[start : name.end()]
                start = name.end()
        else:
            names = []


def _in_series(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and cells of what pandas and polars print of one row or one column, and of polars' glimpse."""
    cells: list[tuple[str, str]] = []  # of pandas, which tells the name below
    column = ""  # of polars
    for line in lines:
        if found := _POLARS_SERIES.match(line):
            column = found[1] or ""
        elif column and line.startswith("\t"):
            yield column, line
        elif found := _GLIMPSE.match(line):
            yield from ((found[1], cell) for cell in found[2].split(", "))
        elif found := _PANDAS_SERIES.match(line):
            yield from chain(cells, ((found[1], cell) for _, cell in cells))
            cells = []
        elif line.strip():
            index, _, cell = line.partition("  ")
            cells.append((index, cell))
        else:
            cells, column = [], ""


_POLARS_SERIES: Final = re.compile(r"Series: '(.*)' \[|\]$")  # its beginning or its end


_PANDAS_SERIES: Final = re.compile(r"Name: ([^,]+), .*dtype: ")


_GLIMPSE: Final = re.compile(r"\$ (\S+) +<[^<>]+> (.*)")
