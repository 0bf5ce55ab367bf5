"""A picture of matplotlib in; the same picture as half as much SVG out, for pages that have several."""

import re
from itertools import pairwise
from typing import Final, TypeAlias

Point: TypeAlias = tuple[str, str]

_TAG: Final = re.compile(r"<[^>]*>")

_FONTS: Final = re.compile(r"font-family: [^;\"]*;? ?")

_NUMBERED_ID: Final = re.compile(r" id=\"[A-Za-z0-9]+_\d+\"")

_COORDINATE: Final = re.compile(r"(\d\d\.\d)\d+")

_LONG_NUMBER: Final = re.compile(r"(\d\.\d\d)\d+")

_BETWEEN_TAGS: Final = re.compile(r">\s+<")

_POLYLINES: Final = re.compile(r"M [-\d.]+ [-\d.]+(?: L [-\d.]+ [-\d.]+)+")

_POINT: Final = re.compile(r"([-\d.]+) ([-\d.]+)")


def compact(svg: str) -> str:
    """Return a picture without the fonts, which are then those of the page, and with coordinates to 0.1 points.

    Points within a horizontal or vertical line, of which the steps of a curve have many, are removed. So are the ids
    that matplotlib gives its parts, such as `text_1`: nothing refers to them, and two pictures of a page have the same.
    Texts stay as they are.

    Example:
        >>> compact('<g id="text_1"> <text style="font-family: serif; fill: red" x="1.2345">1.2345</text> </g>')
        '<g><text style="fill: red" x="1.23">1.2345</text></g>'
    """
    return _BETWEEN_TAGS.sub("><", _TAG.sub(lambda tag: _compact_tag(tag[0]), svg))


def _compact_tag(tag: str) -> str:
    tag = _NUMBERED_ID.sub("", _FONTS.sub("", tag))
    tag = _LONG_NUMBER.sub(r"\1", _COORDINATE.sub(r"\1", tag))
    return _POLYLINES.sub(lambda lines: _without_middles(lines[0]), tag.replace(" \n", " ").replace("\n", " "))


def _without_middles(lines: str) -> str:
    """Return the same lines without the points between two others of one horizontal or vertical line."""
    points = [(found[1], found[2]) for found in _POINT.finditer(lines)]
    kept = [points[0]]
    for before, (point, after) in zip(points, pairwise(points[1:]), strict=False):
        if not _is_middle(before, point, after):
            kept.append(point)
    return "M " + " L ".join(f"{x} {y}" for x, y in [*kept, points[-1]])


def _is_middle(before: Point, point: Point, after: Point) -> bool:
    """Whether a point is between two others of one horizontal or vertical line."""
    for along, across in ((0, 1), (1, 0)):
        if before[across] == point[across] == after[across]:
            ends = sorted((float(before[along]), float(after[along])))
            return ends[0] <= float(point[along]) <= ends[1]
    return False
