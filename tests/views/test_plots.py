"""The pictures show the values of their frames."""

from __future__ import annotations

import html
import re
import struct
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import om_toolkit as om
from om_toolkit.views import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

COUNTRY = "purchase_country"
NAIVE = "median of captured orders only (too short)"


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


def made(metric: Any, rows: list[dict[str, Any]], *, by: str | tuple[str, ...] = COUNTRY) -> pl.DataFrame:
    """Make a frame as a metric would, of what matters to its picture."""
    schema = metric(om.Orders(), by=by).schema
    return pl.DataFrame([[row.get(name) for name in schema] for row in rows], schema=schema, orient="row")


def latencies(*rows: tuple[str | None, float | None, float | None, float | None, float | None]) -> pl.DataFrame:
    names = (COUNTRY, "p50_hours", "p50_hours_low", "p50_hours_high", "captured_only_p50_hours")
    return made(om.capture_latency, [dict(zip(names, row, strict=True)) for row in rows])


def curves(groups: dict[str | None, list[tuple[float, float]]]) -> pl.DataFrame:
    return made(
        om.capture_curve,
        [
            {COUNTRY: name, "hours": hours, "captured_share": share}
            for name, steps in groups.items()
            for hours, share in steps
        ],
    )


def shares(groups: dict[str | None, dict[str, int]]) -> pl.DataFrame:
    return made(
        om.shipping_methods,
        [
            {COUNTRY: name, "shipping_method": method, "count": count, "share": count / sum(methods.values())}
            for name, methods in groups.items()
            for method, count in methods.items()
        ],
    )


def texts(ax: Axes) -> list[str]:
    """Return all that can be read in the picture."""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", plots.svg(ax))]


def row_names(ax: Axes) -> dict[float, str]:
    return {float(y): text.get_text() for y, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}


def intervals(ax: Axes) -> dict[str, tuple[float, float]]:
    """Return the bars that are drawn, by the name of their row."""
    (bars,) = (drawn for drawn in ax.collections if isinstance(drawn, LineCollection))
    assert bars.get_visible()
    assert min(np.ravel(bars.get_linewidth())) > 1
    assert bars.get_alpha() is None or bars.get_alpha() > 0.1
    names = row_names(ax)
    found = {}
    for (left, y), (right, same) in (np.ma.filled(segment, np.nan) for segment in bars.get_segments() if len(segment)):
        assert y == same
        if np.isfinite([left, right]).all():
            found[names[y]] = (left, right)
    return found


def marks(ax: Axes, *, label: str | None = None, arrows: bool = False) -> dict[str, float]:
    """Return where the marks of one kind are drawn, by the name of their row."""
    names, found = row_names(ax), {}
    for drawn in (drawn for drawn in ax.collections if isinstance(drawn, PathCollection)):
        points = np.ma.filled(drawn.get_offsets().astype(float), np.nan)
        is_arrow = len(drawn.get_paths()[0].vertices) == 4  # a triangle, closed
        if is_arrow == arrows and (label is None or drawn.get_label() == label):
            found |= {names[y]: x for x, y in points if np.isfinite(x)}
    return found


def of_frame(frame: pl.DataFrame, *columns: str, name: str = COUNTRY) -> dict[str, Any]:
    """Return columns of a frame by the name of their group, without what is missing."""
    rows = frame.select(pl.col(name).fill_null("(none)"), *columns).drop_nulls().rows()
    return {row[0]: row[1:] if len(columns) > 1 else row[1] for row in rows}


def assert_nothing_is_cut_off(ax: Axes, drawn: list[float]) -> None:
    left, right = ax.get_xlim()
    assert left == 0
    assert max(drawn) <= right <= 1.3 * max(drawn)


def assert_per_cent(axis: Any) -> None:
    ticks = axis.get_ticklocs()
    written = axis.get_major_formatter().format_ticks(ticks)
    assert [float(text.removesuffix("%")) for text in written] == pytest.approx(100 * ticks, abs=0.51)
    assert len(set(written)) == len(written) > 2
    assert all(text.endswith("%") for text in written)


class TestIntervals:
    def test_of_the_latency_are_those_of_the_frame(self, tables: om.Tables[pl.DataFrame]) -> None:
        frame = om.capture_latency(tables, by=COUNTRY)
        ax = plots.capture_latency(frame)
        assert list(row_names(ax).values()) == frame[COUNTRY].to_list()
        arrows = marks(ax, arrows=True)
        bars = {name: bar for name, bar in intervals(ax).items() if name not in arrows}
        assert bars == of_frame(frame, "p50_hours_low", "p50_hours_high")
        assert marks(ax, label="median") == of_frame(frame, "p50_hours")
        assert marks(ax, label=NAIVE) == of_frame(frame, "captured_only_p50_hours")
        assert list(arrows) == frame.filter(pl.col("p50_hours_high").is_null())[COUNTRY].to_list() == ["US"]
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["median", NAIVE]
        assert ax.get_xlabel().startswith("hours ")
        assert_nothing_is_cut_off(ax, [*frame["p50_hours_high"].drop_nulls(), *arrows.values()])

    def test_of_the_refunds_are_those_of_the_amounts(self, tables: om.Tables[pl.DataFrame]) -> None:
        frame = om.refund_ratio(tables, by=COUNTRY)
        ax = plots.refund_ratio(frame)
        names = [f"{country}, {currency}" for country, currency in frame.select(COUNTRY, "purchase_currency").rows()]
        named = frame.with_columns(pl.Series("row", names))
        assert list(row_names(ax).values()) == names
        assert intervals(ax) == of_frame(named, "amount_ratio_low", "amount_ratio_high", name="row")
        assert marks(ax) == of_frame(named, "amount_ratio", name="row")
        assert "amount" in ax.get_xlabel()
        assert_nothing_is_cut_off(ax, frame["amount_ratio_high"].to_list())
        assert_per_cent(ax.xaxis)

    @pytest.mark.parametrize(
        ("metric", "kind"), [(om.shipping_methods, "shipping_method"), (om.carriers, "shipping_company")]
    )
    def test_of_the_shares_are_those_of_the_frame(
        self, tables: om.Tables[pl.DataFrame], metric: Any, kind: str
    ) -> None:
        frame = metric(tables)
        ax = plots.shipping_methods(frame)
        assert list(row_names(ax).values()) == frame[kind].to_list()
        assert intervals(ax) == of_frame(frame, "share_low", "share_high", name=kind)
        assert marks(ax) == of_frame(frame, "share", name=kind)
        assert_nothing_is_cut_off(ax, frame["share_high"].to_list())
        assert_per_cent(ax.xaxis)

    def test_what_is_missing_is_not_drawn(self) -> None:
        ax = plots.capture_latency(
            latencies(("A", 10, 5, 20, 9), ("B", 10, None, None, 8), (None, None, None, None, None))
        )
        assert list(row_names(ax).values()) == ["A", "B", "(none)"]
        assert intervals(ax) == {"A": (5, 20)}
        assert marks(ax, label="median") == {"A": 10, "B": 10}
        assert marks(ax, label=NAIVE) == {"A": 9, "B": 8}
        assert marks(ax, arrows=True) == {}

    def test_a_high_that_was_not_reached_is_at_the_right_edge(self) -> None:
        ax = plots.capture_latency(
            latencies(("A", 10, 5, 20, 9), ("B", 12, 8, None, 11), ("C", None, 30, None, 25), ("D", 3, 2, 40, 3))
        )
        drawn = intervals(ax)
        assert {name: left for name, (left, _) in drawn.items()} == {"A": 5, "B": 8, "C": 30, "D": 2}
        assert (drawn["A"][1], drawn["D"][1]) == (20, 40)
        arrows = marks(ax, arrows=True)
        assert set(arrows) == {"B", "C"}
        for name, end in arrows.items():
            assert drawn[name][1] == end > 40
            assert end <= ax.get_xlim()[1] <= 1.1 * end

    def test_the_first_group_is_at_the_top(self) -> None:
        ax = plots.capture_latency(latencies(("A", 10, 5, 20, 9), ("B", 10, 5, 20, 9), ("C", 10, 5, 20, 9)))
        assert row_names(ax) == {0: "A", 1: "B", 2: "C"}
        bottom, top = ax.get_ylim()
        assert top < 0
        assert bottom > 2


class TestStackedBars:
    def bars(self, ax: Axes) -> dict[str, dict[str, tuple[float, float]]]:
        """Return where each bar of a group begins and ends, by group and method."""
        found: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        for container in ax.containers:
            for patch in container.patches:
                group = row_names(ax)[patch.get_y() + patch.get_height() / 2]
                found[group][container.get_label()] = (patch.get_x(), patch.get_x() + patch.get_width())
        return dict(found)

    @pytest.mark.parametrize(
        ("metric", "kind"), [(om.shipping_methods, "shipping_method"), (om.carriers, "shipping_company")]
    )
    def test_are_the_shares_of_their_groups(self, tables: om.Tables[pl.DataFrame], metric: Any, kind: str) -> None:
        frame = metric(tables, by=COUNTRY)
        ax = plots.shipping_methods(frame)
        drawn = self.bars(ax)
        assert list(drawn) == frame[COUNTRY].unique(maintain_order=True).to_list()
        totals = dict(frame.group_by(kind).agg(pl.col("count").sum()).rows())
        legend = [text.get_text() for text in ax.get_legend().get_texts()]
        assert len(legend) == 7
        assert legend[6] == "all others"
        assert [totals[name] for name in legend[:6]] == sorted(totals.values(), reverse=True)[:6]
        for (group,), part in frame.group_by(COUNTRY):
            bars, of_kind = drawn[str(group)], dict(part.select(kind, "share").rows())
            widths = {name: right - left for name, (left, right) in bars.items()}
            assert widths.pop("all others") == pytest.approx(1 - sum(widths.values()))
            assert widths == pytest.approx({name: of_kind.get(name, 0) for name in legend[:6]})
            assert bars[legend[0]][0] == 0
            assert all(bars[one][1] == pytest.approx(bars[other][0]) for one, other in pairwise(legend))
            assert bars["all others"][1] == pytest.approx(1)
        assert ax.get_xlim() == (0, 1)
        assert_per_cent(ax.xaxis)

    def test_worked_by_hand(self) -> None:
        ax = plots.shipping_methods(shares({"SE": {"Home": 1, "Postal": 3}, None: {"Home": 4}}))
        assert self.bars(ax) == {
            "SE": {"Home": (0, 0.25), "Postal": (0.25, 1)},
            "(none)": {"Home": (0, 1), "Postal": (1, 1)},
        }
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Home", "Postal"]  # the most common first
        assert "all others" not in texts(ax)

    def test_each_method_has_a_colour_of_its_own(self) -> None:
        ax = plots.shipping_methods(shares({"SE": {f"method {number}": 20 - number for number in range(9)}}))
        assert [container.get_label() for container in ax.containers] == [
            *(f"method {number}" for number in range(6)),
            "all others",
        ]
        colours = [container.patches[0].get_facecolor() for container in ax.containers]
        assert len(set(colours)) == 7
        handles = [handle.get_facecolor() for handle in ax.get_legend().get_patches()]
        assert handles == colours


class TestCurves:
    def hours_of_unit(self, ax: Axes) -> int:
        unit = ax.get_xlabel().split()[0]
        return {"days": 24, "hours": 1}[unit]

    def assert_drawn(self, ax: Axes, line: Line2D, frame: pl.DataFrame) -> None:
        """Compare a line with its curve: never above it, and late by at most 1/200 of the axis."""
        hours, share = frame["hours"].to_numpy(), frame["captured_share"].to_numpy()
        unit = self.hours_of_unit(ax)
        end = ax.get_xlim()[1] * unit
        x, y = np.asarray(line.get_xdata()) * unit, np.asarray(line.get_ydata())
        assert line.get_drawstyle() == "steps-post"
        assert (x[0], y[0]) == (0, 0)
        assert (np.diff(x) >= 0).all()
        assert x[-1] == pytest.approx(min(hours[-1], end))

        def computed(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return np.array([0.0, *share])[np.searchsorted(hours, at * (1 + 1e-9), side="right")]

        def drawn(at: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return y[np.searchsorted(x, at * (1 + 1e-9), side="right") - 1]

        assert (y <= computed(x) + 1e-12).all()
        shown = hours[hours <= end]
        assert (drawn(shown + end / 200) >= computed(shown) - 1e-12).all()
        assert y[-1] == pytest.approx(computed(np.array([end]))[0])
        assert y[-1] >= 0.98 * share[-1]

    @pytest.mark.parametrize("by", [(), COUNTRY, "customer_type", "initial_payment_method_type"])
    def test_are_those_of_the_frame(self, tables: om.Tables[pl.DataFrame], by: Any) -> None:
        frame = om.capture_curve(tables, by=by)
        ax = plots.capture_curve(frame)
        parts = frame.partition_by(by, maintain_order=True) if by else [frame]
        names = ["(none)" if part[by][0] is None else part[by][0] for part in parts] if by else ["all orders"]
        lines = [line for one in ax.get_figure().axes for line in one.get_lines() if line.get_label() != "_others"]  # type: ignore[union-attr]
        assert [line.get_label() for line in lines] == names
        for line, part in zip(lines, parts, strict=True):
            self.assert_drawn(ax.get_figure().axes[-1], line, part)  # type: ignore[union-attr]
        if 1 < len(names) <= 6:
            assert {name for name in texts(ax) if name in names} == set(names)
        assert ax.get_ylim() == (0, 1)
        assert_per_cent(ax.yaxis)

    def test_the_axis_ends_where_the_last_curve_has_settled(self) -> None:
        frame = curves({"A": [(1, 0.5), (10, 0.99), (500, 1.0)], "B": [(2, 0.1), (240, 0.495), (480, 0.5), (990, 0.5)]})
        ax = plots.capture_curve(frame)
        assert ax.get_xlabel().startswith("days ")
        assert ax.get_xlim() == (0, 10)  # 240 h: 0.495 is more than 98 % of 0.5
        for line, part in zip(ax.get_lines(), frame.partition_by(COUNTRY, maintain_order=True), strict=True):
            self.assert_drawn(ax, line, part)

    @pytest.mark.parametrize(
        ("settled", "unit", "end"), [(6.0, "hours", 6.0), (72.0, "hours", 72.0), (96.0, "days", 4.0)]
    )
    def test_what_is_over_in_three_days_is_shown_in_hours(self, settled: float, unit: str, end: float) -> None:
        ax = plots.capture_curve(curves({"A": [(settled / 4, 0.25), (settled, 0.75)]}))
        assert ax.get_xlabel() == f"{unit} since the order was placed"
        assert ax.get_xlim() == (0, end)
        x, y = ax.get_lines()[0].get_data()
        assert (x[-1], y[-1]) == (end, 0.75)
        assert y[np.searchsorted(x, end / 4 - 1e-9) - 1] == 0
        assert y[np.searchsorted(x, end / 4 + end / 200 + 1e-9) - 1] == 0.25

    def test_a_group_captured_within_a_second_is_visible(self) -> None:
        frame = curves({"at once": [(0.0001, 0.5), (0.0002, 1.0)], "slow": [(100, 0.3), (300, 0.6)]})
        ax = plots.capture_curve(frame)
        line = ax.get_lines()[0]
        self.assert_drawn(ax, line, frame.filter(pl.col(COUNTRY) == "at once"))
        assert line.get_ydata()[-1] == 1
        figure = ax.get_figure(root=True)
        assert isinstance(figure, Figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
        red, _, blue = to_rgb(line.get_color())
        bluish = (pixels[..., 2] - pixels[..., 0] > (blue - red) / 4).any(axis=1)
        assert bluish.sum() > 0.5 * len(pixels)  # as high as the axes, all but their margins

    def test_captures_at_the_very_moment_of_the_order_are_drawn(self) -> None:
        ax = plots.capture_curve(curves({"A": [(0.0, 0.4), (10.0, 0.8)]}))
        x, y = ax.get_lines()[0].get_data()
        assert y[np.searchsorted(x, 1.0) - 1] == 0.4
        assert y[-1] == 0.8
        only = plots.capture_curve(curves({"A": [(0.0, 1.0)]}))
        assert only.get_lines()[0].get_ydata()[-1] == 1
        assert only.get_xlim() == (0, 1)

    def test_a_group_without_captures_stays_at_zero(self) -> None:
        ax = plots.capture_curve(curves({"A": [(5.0, 0.0), (9.0, 0.0)], "B": [(2.0, 0.5), (48.0, 1.0)]}))
        never, soon = ax.get_lines()
        assert set(never.get_ydata()) == {0}
        assert never.get_xdata()[-1] == 9
        assert (soon.get_xdata()[-1], soon.get_ydata()[-1]) == (48, 1)

    def test_each_group_has_a_colour_of_its_own(self) -> None:
        ax = plots.capture_curve(curves({name: [(1.0, 0.5), (2.0, 1.0)] for name in "ABCDEF"}))
        colours = {str(line.get_label()): line.get_color() for line in ax.get_lines()}
        assert len(set(colours.values())) == 6
        links = {text.get_text(): text.arrow_patch for text in ax.texts if getattr(text, "arrow_patch", None)}  # type: ignore[attr-defined]
        assert {name: to_rgb(link.get_edgecolor()) for name, link in links.items()} == {
            name: to_rgb(colour) for name, colour in colours.items()
        }


CUT = "L" * 29 + "…"
NAMES = {
    r"$x$ $\bad$": r"$x$ $\bad$",
    "_hidden": "_hidden",
    "L" * 300: CUT,
    "M" * 30: "M" * 30,
    "荷物 通常便": "荷物 通常便",
    "a <b> & c": "a <b> & c",
    "": "",
    None: "(none)",
}


def odd(function: Any) -> Axes:
    """Draw groups with odd names."""
    if function is plots.capture_curve:
        return plots.capture_curve(curves({name: [(1.0, 0.5), (30.0, 1.0)] for name in NAMES}))
    if function is plots.capture_latency:
        return plots.capture_latency(latencies(*((name, 10, 5, 20, 8) for name in NAMES)))
    if function is plots.refund_ratio:
        rows = [
            {COUNTRY: name, "amount_ratio": 0.3, "amount_ratio_low": 0.1, "amount_ratio_high": 0.5} for name in NAMES
        ]
        return plots.refund_ratio(made(om.refund_ratio, rows).drop("purchase_currency"))
    return plots.shipping_methods(shares({name: {"Home": 1} for name in NAMES}))


ALL = (plots.capture_curve, plots.capture_latency, plots.refund_ratio, plots.shipping_methods)
METRICS = (om.capture_curve, om.capture_latency, om.refund_ratio, om.shipping_methods)
BOTH = list(zip(ALL, METRICS, strict=True))


class TestNames:
    @pytest.mark.parametrize("function", ALL)
    def test_are_shown_as_they_are(self, function: Any) -> None:
        read = [text.strip() for text in texts(odd(function))]
        for shown in filter(None, NAMES.values()):
            assert read.count(shown) == 1, shown
        assert not any(text.startswith("L" * 30) for text in read)

    def test_of_methods_are_shown_in_the_legend(self) -> None:
        methods = [name for name in NAMES if name]
        for shown in (methods[:4], methods[3:]):
            ax = plots.shipping_methods(shares({"SE": {name: 10 - rank for rank, name in enumerate(shown)}}))
            legend = [text.strip() for text in texts(ax)[-len(shown) :]]
            assert legend == [NAMES[name] for name in shown]

    def test_of_methods_without_groups_name_the_rows(self) -> None:
        rows = [
            {"shipping_method": name, "share": 0.1, "share_low": 0.05, "share_high": 0.2, "count": 1}
            for name in NAMES
            if name
        ]
        read = [text.strip() for text in texts(plots.shipping_methods(made(om.shipping_methods, rows, by=())))]
        assert [text for text in read if text in NAMES.values() and text] == [
            NAMES[row["shipping_method"]] for row in rows
        ]

    @pytest.mark.parametrize("function", ALL)
    def test_leave_room_for_the_picture(self, function: Any) -> None:
        ax = odd(function)
        plots.svg(ax)
        assert ax.get_position().width > 1 / 3

    def test_of_several_columns_are_joined(self) -> None:
        by = (COUNTRY, "customer_type")
        row = {"amount_ratio": 0.5, "purchase_currency": "SEK"}
        rows = [row | {COUNTRY: "SE", "customer_type": None}, row | {COUNTRY: None, "customer_type": "person"}]
        ax = plots.refund_ratio(made(om.refund_ratio, rows, by=by))
        assert list(row_names(ax).values()) == ["SE, (none)", "(none), person"]

    def test_have_the_currency_where_there_are_several(self) -> None:
        rows = [{"amount_ratio": 0.5, COUNTRY: "SE", "purchase_currency": code} for code in ("EUR", "SEK")]
        assert list(row_names(plots.refund_ratio(made(om.refund_ratio, rows, by=COUNTRY))).values()) == [
            "SE, EUR",
            "SE, SEK",
        ]
        only = made(om.refund_ratio, rows[:1], by=())
        assert list(row_names(plots.refund_ratio(only)).values()) == ["EUR"]


class TestFrames:
    @pytest.mark.parametrize(("function", "metric"), BOTH)
    @pytest.mark.parametrize("by", [(), COUNTRY])
    def test_without_rows_make_an_empty_picture(self, function: Any, metric: Any, by: Any) -> None:
        ax = function(metric(om.Orders(), by=by))
        assert plots.svg(ax).startswith("<svg")
        assert [line for line in ax.get_lines() if len(line.get_xdata())] == []
        assert [patch for container in ax.containers for patch in container.patches] == []
        assert [points for drawn in ax.collections for points in np.ma.compressed(drawn.get_offsets())] in ([], [0, 0])
        assert ax.get_xlabel()

    def test_of_one_row(self) -> None:
        latency = plots.capture_latency(latencies(("SE", 10, 5, 20, 9)))
        assert (intervals(latency), marks(latency, label="median")) == ({"SE": (5, 20)}, {"SE": 10})
        curve = plots.capture_curve(curves({"SE": [(30.0, 0.5)]}))
        assert curve.get_xlim() == (0, 30)
        assert (curve.get_lines()[0].get_xdata()[-1], curve.get_lines()[0].get_ydata()[-1]) == (30, 0.5)
        alone = made(om.refund_ratio, [{"purchase_currency": "SEK", "amount_ratio": 0.2}], by=())
        ratio = plots.refund_ratio(alone)
        assert (intervals(ratio), marks(ratio)) == ({}, {"SEK": 0.2})
        assert "SEK" in texts(ratio)

    def test_without_group_columns_are_of_all_orders(self, tables: om.Tables[pl.DataFrame]) -> None:
        frame = om.capture_latency(tables)
        ax = plots.capture_latency(frame)
        assert intervals(ax) == {"all orders": frame.select("p50_hours_low", "p50_hours_high").row(0)}
        assert "all orders" in texts(ax)


class TestAxes:
    @pytest.mark.parametrize(("function", "metric"), BOTH)
    def test_that_are_given_are_drawn_into(self, tables: om.Tables[pl.DataFrame], function: Any, metric: Any) -> None:
        frame = metric(tables, by=COUNTRY)
        figure = Figure(figsize=(5, 3), layout="constrained")
        left, right = figure.subplots(ncols=2)
        assert function(frame, ax=right) is right
        assert not left.has_data()
        assert (figure.axes, tuple(figure.get_size_inches())) == ([left, right], (5, 3))
        own = function(frame)
        assert len(right.get_lines()) == len(own.get_lines())
        assert len(right.patches) == len(own.patches)
        assert [kind.get_offsets().shape for kind in right.collections] == [
            kind.get_offsets().shape for kind in own.collections
        ]
        assert right.get_xlabel() == own.get_xlabel()

    @pytest.mark.parametrize(("function", "metric"), BOTH)
    def test_of_the_same_frame_are_the_same_picture(
        self, tables: om.Tables[pl.DataFrame], function: Any, metric: Any
    ) -> None:
        frame = metric(tables, by=COUNTRY)
        before = dict(mpl.rcParams)
        picture = plots.svg(function(frame))
        assert picture == plots.svg(function(frame.clone()))
        assert picture != plots.svg(function(frame.head(1)))
        assert dict(mpl.rcParams) == before

    @pytest.mark.parametrize(("function", "metric"), BOTH)
    def test_show_themselves_in_a_notebook(self, tables: om.Tables[pl.DataFrame], function: Any, metric: Any) -> None:
        ax = function(metric(tables, by=COUNTRY))
        png, shown = ax._repr_png_()
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", png[16:24])
        assert shown["width"] == 600
        assert width == 2 * shown["width"]  # sharp on screens of two pixels to the point
        assert height == pytest.approx(2 * shown["height"], abs=2)
        assert ax.get_xlabel() in shown["alt"]
        assert ax.get_ylabel() in shown["alt"]

    def test_are_higher_for_more_rows(self) -> None:
        few, many = (
            plots.capture_latency(latencies(*((str(row), 10, 5, 20, 9) for row in range(rows)))) for rows in (2, 20)
        )
        heights = [ax._repr_png_()[1]["height"] for ax in (few, many)]  # type: ignore[attr-defined]
        assert heights[1] > 2 * heights[0]
