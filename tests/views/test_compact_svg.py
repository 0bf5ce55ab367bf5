"""A compact picture has the same lines and texts."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

import om_toolkit as om
from om_toolkit.views.compact_svg import compact


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("M 0 0 L 1 0 L 2 0 L 3 0 L 3 1 L 3 2", "M 0 0 L 3 0 L 3 2"),
        ("M 0 0 L 5 0 L 2 0", "M 0 0 L 5 0 L 2 0"),  # there and back
        ("M 0 0 L 1 1 L 2 2", "M 0 0 L 1 1 L 2 2"),
        ("M 0 0 L 1 0", "M 0 0 L 1 0"),
        ("M 0 0 L 0 0 L 0 1 z", "M 0 0 L 0 1 z"),
    ],
)
def test_only_points_within_a_straight_line_are_removed(lines: str, expected: str) -> None:
    assert compact(f'<path d="{lines}"/>') == f'<path d="{expected}"/>'


def length(points: list[tuple[float, float]]) -> float:
    return sum(abs(x - u) + abs(y - v) for (x, y), (u, v) in pairwise(points))


def test_the_lines_of_a_curve_are_as_long_as_before() -> None:
    with om.replay("quickstart") as client:
        orders = client.orders(client.recorded_order_ids)
    picture = om.plots.svg(om.plots.capture_curve(om.capture_curve(orders)))
    small = compact(picture)
    assert len(small) < len(picture) / 2
    lengths = []
    for svg in (picture, small):
        curves = re.findall(r'd="(M [^"z]*)"', svg)
        numbers = [re.findall(r"(-?[\d.]+) (-?[\d.]+)", curve) for curve in curves]
        lengths.append([length([(float(x), float(y)) for x, y in points]) for points in numbers])
    before, after = lengths
    assert after == pytest.approx(before, abs=30)
    assert max(before) > 400
