"""The pictures of the metrics beyond latency, refund ratio and shipping: they draw their frames and compute nothing."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from PIL import Image

import om_toolkit as om
from om_toolkit.views import plots

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes


def difference_of_shares(data: Any) -> pl.DataFrame:
    """Compare the shipping methods of two countries, without their tracking."""
    sides = [data.filter(pl.col("purchase_country") == country) for country in ("SE", "DE")]
    return om.compare(om.shipping_methods, *sides).select("shipping_method", pl.col("^share_.*$"))


MONTH = om.by_period("1mo")
CALLS: dict[str, Callable[[Any], pl.DataFrame]] = {
    "at_risk": lambda data: om.at_risk(data, within="30d", every="1d").filter(purchase_currency="EUR"),
    "capture_curve": lambda data: om.capture_curve(data, by="purchase_country"),
    "capture_latency": lambda data: om.capture_latency(data, by=MONTH),
    "capture_times": om.capture_times,
    "carriers": lambda data: om.carriers(data, by="purchase_country"),
    "chosen_vs_shipped": om.chosen_vs_shipped,
    "compare": difference_of_shares,
    "expiring": lambda data: om.expiring(data, within=None).filter(purchase_currency="EUR"),
    "key_figures": om.key_figures,
    "mix": lambda data: om.mix(data, "initial_payment_method_type", by=MONTH),
    "products": om.products,
    "refund_curve": lambda data: om.refund_curve(data, by=MONTH),
    "refund_funnel": lambda data: om.refund_ratio(data, by="purchase_country"),
    "refund_ratio": lambda data: om.refund_ratio(data, by=MONTH),
    "shipping_methods": om.shipping_methods,
    "time_to_refund": lambda data: om.time_to_refund(data, by="purchase_country"),
    "vat": lambda data: om.vat(data).filter(purchase_currency="EUR"),
}
CALLS |= {name: getattr(om, name) for name in plots.__all__ if name not in {*CALLS, "svg", "timeline"}}
"""For each picture a frame, of any data: that of its metric unless another shows more."""

TOO_MANY = 7  # groups: more than there are colours


@pytest.fixture(scope="module")
def tables() -> om.Tables[pl.DataFrame]:
    with om.replay("quickstart") as client:
        return client.orders(client.recorded_order_ids).tables()


def events(tables: om.Tables[pl.DataFrame]) -> pl.DataFrame:
    order_id = tables.refunds["order_id"][0]
    return om.timeline(tables.filter(pl.col("order_id") == order_id))


def bars(ax: Axes) -> list[tuple[float, float]]:
    """Return the left end and the width of each bar."""
    return [(bar.get_x(), bar.get_width()) for bar in ax.patches]  # type: ignore[attr-defined]


def days_at_risk(ax: Axes) -> list[tuple[float, str | None]]:
    """Return the height of each bar from 0, and its hatching; plain ones first."""
    paths = [(path, drawn.get_hatch()) for drawn in ax.collections for path in drawn.get_paths()]
    return [
        (float(corners[:, 1].max()), hatch)
        for path, hatch in paths
        for corners in np.asarray(path.vertices).reshape(-1, 5, 2)
    ]


def names(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def title(ax: Axes) -> str:
    figure = ax.get_figure(root=True)
    return (figure.get_suptitle() if figure else "") or ax.get_title(loc="left")


def test_each_picture_is_listed() -> None:
    assert dir(plots) == sorted(plots.__all__)


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_says_how_many_it_shows_or_what_its_author_found(name: str, tables: om.Tables[pl.DataFrame]) -> None:
    frame, plot = CALLS[name](tables), getattr(plots, name)
    assert any(character.isdigit() for character in title(plot(frame)))
    assert title(plot(frame, title="Cost $5, not $x^2$")) == r"Cost \$5, not \$x^2\$"
    assert plots.svg(plot(frame)) == plots.svg(plot(frame))


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_draws_into_given_axes(name: str, tables: om.Tables[pl.DataFrame]) -> None:
    ax = plots.canvas.new_axes()
    assert getattr(plots, name)(CALLS[name](tables), ax=ax) is ax


@pytest.mark.parametrize("name", CALLS)
def test_an_empty_frame_is_an_empty_picture(name: str) -> None:
    assert title(getattr(plots, name)(CALLS[name](om.Orders()))) == "no data"


@pytest.mark.parametrize("name", [*(name for name in CALLS if name != "compare"), "timeline"])
def test_the_frame_of_another_metric_is_refused(name: str, tables: om.Tables[pl.DataFrame]) -> None:
    plot, other = getattr(plots, name), om.audit(tables)
    with pytest.raises(ValueError, match=r"the frame has no column '\w+'; pass the result of om\.\w+$"):
        plot(other)
    with pytest.raises(TypeError, match=r"needs a polars DataFrame, not LazyFrame; pass the result of om\.\w+$"):
        plot(other.lazy())
    assert "ValueError" in inspect.getdoc(plot)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["capture_latency", "mix", "refund_funnel", "refund_curve", "key_figures", "carriers"])
def test_awkward_labels_are_drawn_literally(name: str, tables: om.Tables[pl.DataFrame]) -> None:
    by = pl.col("purchase_country").replace_strict(
        ["SE", "DE", "FI", "NL", "US", "JP"],
        ["日本語", "العربية", "🙂", "$x^2$", "_hidden", "a" * 200],
        default="other",
    )
    metric = {
        "mix": lambda: om.mix(tables, "customer_type", by=by),
        "refund_funnel": lambda: om.refund_ratio(tables, by=by),
    }.get(name, lambda: getattr(om, name)(tables, by=by))
    ax = getattr(plots, name)(metric())
    assert "mathdefault" not in plots.svg(ax)
    ax._repr_png_()  # type: ignore[attr-defined]


def groups_of_curves(groups: int) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"group": f"$g{group}", "hours": 1.0, "at_risk": 1200, "captured": 1, "captured_share": group / 20}
            for group in range(groups)
        ]
    ).with_columns(captured_share_low=None, captured_share_high=None)


def annotations(ax: Axes, *, linked: bool) -> list[Annotation]:  # type: ignore[no-redef]
    """Return the names of curves, which are linked to them, or the numbers under the axis."""
    found = [text for text in ax.texts if isinstance(text, Annotation)]
    return [text for text in found if (text.arrow_patch is not None) is linked]


def test_more_groups_than_colours_have_a_picture_each() -> None:
    first = plots.capture_curve(groups_of_curves(TOO_MANY))
    panels = first.get_figure().axes  # type: ignore[union-attr]
    assert [ax.get_title(loc="left") for ax in panels] == [rf"\$g{group}" for group in range(TOO_MANY)]
    for group, ax in enumerate(panels):
        (line,) = (line for line in ax.lines if line.get_label() != "_others")
        assert (line.get_label(), line.get_color()) == (rf"\$g{group}", "#0072B2")
        assert line.get_ydata()[-1] == group / 20  # type: ignore[index]
        assert ax.get_ylim() == (0, 1)
    assert title(first) == f"{TOO_MANY} captured orders"


def test_in_given_axes_more_groups_than_colours_differ_in_their_lines_and_names() -> None:
    ax = plots.capture_curve(groups_of_curves(TOO_MANY), ax=plots.canvas.new_axes())
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == TOO_MANY
    assert {text.get_text() for text in annotations(ax, linked=True)} == {line.get_label() for line in ax.lines}


def test_names_at_the_right_of_curves_keep_their_distance_and_order() -> None:
    ax = plots.capture_curve(groups_of_curves(6).with_columns(captured_share=0.99 + pl.col("captured_share") / 100))
    names = annotations(ax, linked=True)
    heights = [text.get_position()[1] for text in names]
    assert [text.get_text() for text in names] == [rf"\$g{group}" for group in range(6)]
    assert np.diff(heights) == pytest.approx([0.07] * 5)
    assert heights[-1] == pytest.approx(1)


def test_the_orders_at_risk_are_those_of_the_next_event() -> None:
    frame = pl.DataFrame({"hours": [3.0, 10.0], "at_risk": [1200, 8], "captured": [1, 1], "captured_share": [0.1, 0.2]})
    ax = plots.capture_curve(frame.with_columns(captured_share_low=None, captured_share_high=None))
    heading, *numbers = annotations(ax, linked=False)
    assert heading.get_text() == "at risk"
    assert {number.xy[0]: number.get_text() for number in numbers} == {
        tick: "1,200" if tick <= 3 else "8" for tick in ax.get_xticks() if tick <= 10
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_picture_is_readable_on_light_and_dark(name: str, tables: om.Tables[pl.DataFrame]) -> None:
    ax = getattr(plots, name)(CALLS[name](tables))
    png, _ = ax._repr_png_()
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGBA"))
    assert (pixels[0, :, 3] == 0).sum() > 0.3 * pixels.shape[1]  # no background
    picture = plots.svg(ax)
    assert "currentColor" in picture
    assert plots.canvas.INK not in picture
    for text in [
        ax.title,
        ax._left_title,
        ax.xaxis.label,
        ax.yaxis.label,
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
    ]:
        assert not text.get_text() or to_hex(text.get_color()) == plots.canvas.INK


def test_orders_that_cannot_be_captured_are_hatched_where_all_are() -> None:
    frame = pl.DataFrame(
        {
            "purchase_currency": ["EUR", "EUR"],
            "expires_at_1d": [date(2026, 11, 2), date(2026, 11, 4)],
            "orders": [2, 2],
            "remaining_authorized_amount": [1250, 5000],
            "blocked_orders": [1, 2],
        }
    )
    assert days_at_risk(plots.at_risk(frame)) == [(12.5, None), (50, "////")]


def test_an_unknown_amount_at_risk_is_no_bar_of_zero() -> None:
    frame = pl.DataFrame(
        {"purchase_currency": ["EUR"] * 2, "expires_at_1d": [date(2026, 11, 2), date(2026, 11, 4)], "orders": [1, 1]}
        | {"remaining_authorized_amount": [None, 0], "blocked_orders": [0, 0]}
    )
    assert days_at_risk(plots.at_risk(frame)) == [(0, None)]


def test_many_days_with_blocked_orders_have_one_sum_instead_of_labels() -> None:
    days = [date(2026, 11, day) for day in range(1, 10)]
    frame = pl.DataFrame({"purchase_currency": ["EUR"] * 9, "expires_at_1d": days, "orders": [3] * 9}).with_columns(
        remaining_authorized_amount=100, blocked_orders=2
    )
    few, many = plots.at_risk(frame.head(8)), plots.at_risk(frame)
    assert [text.get_text() for text in few.texts] == ["2 blocked"] * 8
    assert few.get_xlabel() == "day of expiry"
    assert not many.texts
    assert many.get_xlabel() == "day of expiry; 18 orders blocked"


def test_making_an_svg_leaves_the_figure_as_it_was() -> None:
    figure = Figure(layout="constrained")
    ax = figure.add_subplot()
    inner = ax.inset_axes((0.5, 0.5, 0.2, 0.2))
    inner.patch.set_visible(False)
    before = figure.canvas, figure.dpi
    picture = plots.svg(ax)
    assert "#ffffff" not in picture
    assert (figure.canvas, figure.dpi) == before
    assert [one.patch.get_visible() for one in (figure, ax, inner)] == [True, True, False]


def test_refunds_by_their_own_date_are_drawn_without_intervals(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.refund_ratio(tables, basis="refund_date").filter(purchase_currency="EUR")
    ax = plots.refund_ratio(frame)
    assert names(ax) == [f"{month:%Y-%m}" for month in frame["month"]]
    drawn = [float(x) for one in ax.collections for x, _ in np.asarray(one.get_offsets()) if len(one.get_offsets())]
    assert set(frame["amount_ratio"]) <= set(drawn)


def test_a_young_group_is_hollow_and_says_so(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.capture_latency(tables, by=MONTH)
    assert frame["mature"].to_list() == [True, True, False]
    ax = plots.capture_latency(frame)
    assert [name.endswith("(too young)") for name in names(ax)] == [False, False, True]
    (medians,) = (drawn for drawn in ax.collections if drawn.get_label() == "median")
    assert [to_hex(colour) for colour in medians.get_facecolor()] == ["#0072b2", "#0072b2", "#000000"]  # type: ignore[union-attr]
    assert [colour[3] for colour in medians.get_facecolor()] == [1, 1, 0]  # type: ignore[union-attr]


def test_the_refund_curve_is_that_of_its_frame(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.refund_curve(tables).filter(purchase_currency="EUR")
    (line,) = plots.refund_curve(frame).lines
    assert line.get_xdata()[-1] == frame["days"][-1]  # type: ignore[index]
    assert line.get_ydata()[-1] == frame["refunded_share"][-1]  # type: ignore[index]
    assert line.get_ydata()[0] == 0  # type: ignore[index]


def test_a_refund_curve_ends_where_few_orders_are_at_risk() -> None:
    frame = om.refund_curve(om.Orders()).clear()
    rows = [
        {"purchase_currency": "EUR", "days": days, "at_risk": at_risk, "refunded_share": share}
        for days, at_risk, share in [(1.0, 90, 0.1), (20.0, 5, 0.2), (90.0, 4, 0.9)]
    ]
    (line,) = plots.refund_curve(pl.DataFrame(rows, schema=frame.schema)).lines
    assert (line.get_xdata()[-1], line.get_ydata()[-1]) == (20, 0.2)  # type: ignore[index]
    (line,) = plots.refund_curve(pl.DataFrame(rows[2:], schema=frame.schema)).lines
    assert (line.get_xdata()[-1], line.get_ydata()[-1]) == (90, 0.9)  # type: ignore[index]


def test_the_funnel_marks_only_the_group_outside_of_the_limits() -> None:
    frame = pl.DataFrame(
        {
            "carrier": ["a", "b", "c"],
            "purchase_currency": ["EUR"] * 3,
            "orders_captured": [1000, 1000, 10],
            "orders_refunded": [100, 160, 2],
            "amount_ratio": [0.1, 0.16, 0.2],
            "count_ratio": [0.1, 0.16, 0.2],
        }
    )  # pooled 262 / 2010 = 0.130; limits 0.109 to 0.151 at 1000, 0 to 0.339 at 10
    ax = plots.refund_funnel(frame)
    assert [text.get_text() for text in ax.texts] == ["a", "b"]
    inside, outside = ax.collections[1:3]
    assert np.asarray(inside.get_offsets()).tolist() == [[10, 0.2]]
    assert np.asarray(outside.get_offsets()).tolist() == [[1000, 0.1], [1000, 0.16]]


def test_where_the_money_went_adds_up() -> None:
    frame = (
        om.key_figures(om.Orders())
        .clear()
        .vstack(
            pl.DataFrame(
                {"purchase_currency": ["JPY"], "orders": [4], "order_amount": [1000], "captured_amount": [500]}
                | {"refunded_amount": [100], "open_amount": [200], "expired_amount": [100], "cancelled_amount": [50]}
            ).select(
                pl.col(name).cast(dtype)
                if name
                in {"purchase_currency", "orders", "order_amount", "captured_amount"}
                | {"refunded_amount", "open_amount", "expired_amount", "cancelled_amount"}
                else pl.lit(None, dtype).alias(name)
                for name, dtype in om.key_figures(om.Orders()).schema.items()
            )
        )
    )
    ax = plots.key_figures(frame)
    assert np.allclose(bars(ax), [(0, 0.5), (0.5, 0.2), (0.7, 0.1), (0.8, 0.05), (0.85, 0.15), (0, 0.1)])
    assert names(ax) == ["JPY\n1,000 JPY"]


def test_products_names_what_no_line_explains(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.products(tables).filter(purchase_currency="EUR")
    unexplained = frame.filter(category="(no lines)")["refunded_amount"].item() / frame["refunded_amount"].sum()
    ax = plots.products(frame)
    assert [text.get_text() for text in ax.texts] == [
        f"no order line explains of the refunded amount: EUR {unexplained:.0%}"
    ]
    assert all("(no lines)" not in name for name in names(ax))


def test_the_cross_table_has_every_number(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.chosen_vs_shipped(tables)
    ax = plots.chosen_vs_shipped(frame)
    across = [text.get_text() for text in ax.get_xticklabels()]
    drawn = {
        (names(ax)[int(text.get_position()[1])], across[int(text.get_position()[0])]): int(text.get_text())
        for text in ax.texts
    }
    assert drawn == {
        (chosen, shipped): orders for chosen, shipped, orders in frame.select("chosen", "shipped", "orders").rows()
    }
    with pytest.raises(ValueError, match="shows one group"):
        plots.chosen_vs_shipped(om.chosen_vs_shipped(tables, by="purchase_country"))


def test_money_at_risk_is_in_major_units_and_never_mixes_currencies() -> None:
    day = date(2026, 11, 2)
    frame = pl.DataFrame(
        {
            "purchase_currency": ["EUR", "EUR", "JPY"],
            "expires_at_1d": [day, date(2026, 11, 4), day],
            "orders": [1, 2, 1],
            "remaining_authorized_amount": [1250, 5000, 980],
            "blocked_orders": [0, 2, 0],
        }
    )
    ax = plots.at_risk(frame)
    euro, yen = ax.get_figure().axes  # type: ignore[union-attr]
    assert days_at_risk(euro) == [(12.5, None), (50, "////")]
    assert days_at_risk(yen) == [(980, None)]
    assert [any(text.get_visible() for text in one.get_xticklabels()) for one in (euro, yen)] == [False, True]
    assert [one.get_xlabel() for one in (euro, yen)] == ["", "day of expiry"]
    assert [title(one) for one in (euro, yen)] == ["62.50 EUR in 3 orders", "980 JPY in 1 order"]
    assert [text.get_text() for text in euro.texts] == ["2 blocked"]
    with pytest.raises(ValueError, match="several currencies"):
        plots.at_risk(frame, ax=ax)
    with pytest.raises(ValueError, match="every='1d'"):
        plots.at_risk(frame.drop("expires_at_1d"))


def dots(ax: Axes) -> list[tuple[float, float, bool]]:
    """Return where each dot is, and whether it is filled."""
    return [
        (float(x), float(y), bool(len(drawn.get_facecolor())))
        for drawn in ax.collections
        if isinstance(drawn, PathCollection) and len(drawn.get_sizes())
        for x, y in np.asarray(drawn.get_offsets())
    ]


def test_expiring_orders_are_dots_and_what_is_unknown_is_counted() -> None:
    at = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 3, 4)]
    frame = pl.DataFrame(
        {"purchase_currency": ["EUR"] * 5 + ["JPY"], "remaining_authorized_amount": [1250, 5000, None, 10, 20, 980]}
        | {"expires_at": [*at, None, at[2], at[1]], "hours_left": [-24.0, 24.0, 48.0, None, 48.0, 24.0]}
        | {"can_capture": [True, True, True, True, False, True]}
    )
    ax = plots.expiring(frame)
    euro, yen = ax.get_figure().axes  # type: ignore[union-attr]
    first = date2num(at[0])  # type: ignore[no-untyped-call]
    assert sorted(dots(euro)) == [(first, 12.5, True), (first + 2, 50, True), (first + 3, 0.2, False)]
    assert dots(yen) == [(first + 2, 980, True)]
    assert {float(line.get_xdata()[0]) for one in (euro, yen) for line in one.lines} == {first + 1}  # type: ignore[index]
    assert [title(one) for one in (euro, yen)] == ["62.80 EUR in 5 orders", "980 JPY in 1 order"]
    assert euro.get_xlabel() == "2 orders without deadline or amount"
    assert [text.get_text() for text in yen.get_legend().get_texts()] == [
        *("time of the data", "can be captured", "blocked", "deadline passed")
    ]
    with pytest.raises(ValueError, match="several currencies"):
        plots.expiring(frame, ax=ax)


def amounts_of_bars(ax: Axes) -> list[tuple[str, float, float, float]]:
    """Return the colour, the opacity, the lower and the upper end of each bar."""
    return [
        (to_hex(colour), float(colour[3]), float(corners[:, 1].min()), float(corners[:, 1].max()))
        for drawn in ax.collections
        if isinstance(drawn, PathCollection)
        for colour in np.asarray(drawn.get_facecolor())
        for path in drawn.get_paths()
        for corners in np.asarray(path.vertices).reshape(-1, 5, 2)
    ]


def test_vat_is_net_and_tax_by_rate_summed_over_countries() -> None:
    september, october = date(2026, 9, 1), date(2026, 10, 1)
    frame = pl.DataFrame(
        {"purchase_currency": ["EUR"] * 5, "purchase_country": ["DE", "FI", "DE", "DE", "DE"]}
        | {"month": [september, september, october, october, october], "tax_rate": [19.0, 19.0, 19.0, 7.0, None]}
        | {"lines": [2, 1, 4, 1, 0], "net_amount": [10000, 5000, 20000, 1000, 0]}
        | {"tax_amount": [1900, 950, 3800, 70, 0], "without_lines_amount": [0, 0, 0, 0, 1234]}
    )
    ax = plots.vat(frame)
    blue, orange = (colour.lower() for colour in plots.canvas.COLOURS[:2])
    assert amounts_of_bars(ax) == [
        *((blue, 0.4, 0, 10), (blue, 1, 10, 10.7)),
        *((orange, 0.4, 0, 150), (orange, 0.4, 0, 200), (orange, 1, 150, 178.5), (orange, 1, 200, 238)),
    ]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["7 %", "19 %"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2026-09", "2026-10"]
    assert title(ax) == "67.20 EUR tax on 8 order lines"
    assert ax.get_xlabel() == "month (net light, tax full colour); 12.34 EUR without order lines"


def test_an_amount_below_0_without_a_currency_is_drawn() -> None:
    frame = pl.DataFrame(
        {"purchase_currency": [None, None], "month": [date(2026, 9, 1)] * 2, "tax_rate": [19.0, 7.0], "lines": [1, 1]}
        | {"net_amount": [-100, 100], "tax_amount": [0, 7], "without_lines_amount": [0, 0]},
        schema_overrides={"purchase_currency": pl.String},
    )
    ax = plots.vat(frame)
    assert ax.get_ylim()[0] == -100
    assert title(ax) == "7 minor units of ? tax on 2 order lines"


def test_vat_has_the_least_common_rates_together(tables: om.Tables[pl.DataFrame]) -> None:
    frame = pl.DataFrame({"tax_rate": [float(rate) for rate in range(8)], "lines": [9, 8, 7, 6, 5, 4, 3, 2]}).select(
        pl.lit("EUR").alias("purchase_currency"),
        pl.lit(date(2026, 9, 1)).alias("period"),
        "tax_rate",
        "lines",
        net_amount=100,
        tax_amount=pl.col("lines"),
        without_lines_amount=0,
    )
    ax = plots.vat(frame)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        *(f"{rate} %" for rate in range(6)),
        "other rates",
    ]
    grey = plots.canvas.REST_GREY
    assert [bar[2:] for bar in amounts_of_bars(ax) if bar[0] == grey] == [(0, 2), (2, pytest.approx(2.05))]
    with pytest.raises(ValueError, match="several currencies"):
        plots.vat(om.vat(tables), ax=ax)


def test_differences_are_those_of_the_frame_and_grey_where_the_interval_contains_0() -> None:
    frame = pl.DataFrame(
        {"country": ["A", "B", "C", "D"], "n_before": [1, 1, 1, 1], "n_difference": [1, 1, 1, 1]}
        | {"count_ratio_before": [0.5] * 4, "count_ratio_difference": [0.2, 0.4, -0.1, -0.3]}
        | {"count_ratio_difference_low": [0.1, None, -0.2, -0.4]}
        | {"count_ratio_difference_high": [0.3, None, 0.1, -0.2]}
    )
    ax = plots.compare(frame)
    intervals, points = ax.collections
    assert isinstance(intervals, LineCollection)
    assert np.allclose(np.asarray(points.get_offsets()), [(20, 0), (40, 1), (-10, 2), (-30, 3)])
    ends = [[float(x) for x, _ in segment] for segment in intervals.get_segments()]
    assert [pytest.approx(one) for one in ends] == [[10, 30], [], [-20, 10], [-40, -20]]
    blue, grey = plots.canvas.COLOURS[0].lower(), plots.canvas.GREY
    for drawn in (points.get_facecolor(), intervals.get_color()):
        assert [to_hex(colour) for colour in np.asarray(drawn)] == [blue, grey, grey, blue]
    assert names(ax) == ["A", "B", "C", "D"]
    assert ax.get_xlabel() == "refunded share of orders: difference in % points, 95 % interval"
    assert title(ax) == "differs in 2 of 4 groups"


def test_each_figure_of_a_comparison_has_a_picture() -> None:
    sides = ("before", "difference", "difference_low", "difference_high")
    both = pl.DataFrame({f"{name}_{side}": [1.0] for name in ("p50_hours", "within_24h") for side in sides})
    ax = plots.compare(both, title="May and June")
    one, other = ax.get_figure().axes  # type: ignore[union-attr]
    assert [ax.get_xlabel() for ax in (one, other)] == [
        "half within: difference in hours, 95 % interval",
        "within 24 h: difference in % points, 95 % interval",
    ]
    assert [title(one), title(other)] == ["May and June", "differs in 1 of 1 group"]
    assert names(one) == ["all orders"]
    with pytest.raises(ValueError, match="several figures"):
        plots.compare(both, ax=ax)
    for no_intervals in (both.select("p50_hours_before", "p50_hours_difference"), om.audit(om.Orders())):
        with pytest.raises(ValueError, match=r"no interval of a difference; pass the result of om\.compare"):
            plots.compare(no_intervals)
    with pytest.raises(TypeError, match=r"not LazyFrame; pass the result of om\.compare$"):
        plots.compare(both.lazy())  # type: ignore[arg-type]


def test_the_week_has_the_captures_of_its_frame(tables: om.Tables[pl.DataFrame]) -> None:
    frame = om.capture_times(tables, time_zone="Europe/Stockholm")
    drawn = np.asarray(plots.capture_times(frame).images[0].get_array())
    assert drawn.shape == (7, 24)
    assert {(day + 1, hour, int(count)) for (day, hour), count in np.ndenumerate(drawn)} == set(frame.rows())
    with pytest.raises(ValueError, match="shows one group"):
        plots.capture_times(om.capture_times(tables, by="purchase_country"))


def test_the_timeline_has_its_events_and_amounts(tables: om.Tables[pl.DataFrame]) -> None:
    frame = events(tables)
    ax = plots.timeline(frame.with_columns(purchase_currency=pl.lit("JPY")))
    shown = [
        event if not amount else f"{event}: {amount:,} JPY" for event, amount in frame.select("event", "amount").rows()
    ]
    assert names(ax) == shown
    assert title(ax) == f"{frame.height} events"


def test_many_currencies_leave_room_for_the_bars() -> None:
    lines = [{"type": "physical", "quantity": 1, "total_amount": 100}]
    documents = [
        {"order_id": code, "purchase_currency": code, "captured_amount": 100, "refunded_amount": 10}
        | {"captures": [{"captured_amount": 100, "order_lines": lines}], "refunds": [{"refunded_amount": 10}]}
        for code in "EUR SEK NOK DKK CHF GBP USD JPY PLN CZK HUF RON".split()
    ]
    ax = plots.products(om.products(om.Orders.from_json(json.dumps(documents)), by="type"))
    plots.svg(ax)  # warns if the layout has no room
    assert ax.get_position().width > 0.4
