"""Each picture is compared with a stored one, on light and dark, with names in many scripts.

A picture that changed on purpose: delete its file, run this module once, look at the new file and commit it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import polars as pl
import pytest
from matplotlib.testing.compare import compare_images
from PIL import Image, ImageFilter

import om_toolkit as om
from om_toolkit.views import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STORED = Path(__file__).parent / "images"
BACKGROUNDS = {"light": "white", "dark": "#111111"}
BLUR = 12
"""Pixels of the 1,200 across: letters that another version of matplotlib places elsewhere weigh less."""

TOLERANCE = 1 if mpl.__version__.startswith("3.11.") else 7
"""Root mean square of 0 to 255: tight for the versions that drew the stored pictures, else what 3.10 differs by."""

NAMES = ["日本語", "العربية", "🙂", "$x^2$ $5"]
EURO = ["EUR"] * 4
RATIOS = [0.0, 0.2, 0.35, None]


def made(metric: Any, columns: dict[str, list[Any]], *parameters: str, **options: Any) -> pl.DataFrame:
    """Make a frame as a metric would, of what matters to its picture; the rest is null."""
    schema = metric(om.Orders(), *parameters, **options).schema
    rows = len(next(iter(columns.values())))
    return pl.DataFrame({name: columns.get(name, [None] * rows) for name in schema}, schema=schema)


def interval(figure: str) -> dict[str, list[Any]]:
    return {figure: RATIOS, f"{figure}_low": [0.0, 0.1, 0.2, None], f"{figure}_high": [0.1, 0.3, 0.6, None]}


def shares(metric: Any, label: str) -> pl.DataFrame:
    columns = {label: NAMES, "count": [40, 30, 20, 10], "share": [0.4, 0.3, 0.2, 0.1]}
    return made(metric, columns | {"share_low": [0.3, 0.2, 0.1, 0.0], "share_high": [0.5, 0.4, 0.3, 0.2]})


def curve(metric: Any, time: str, share: str, groups: int) -> pl.DataFrame:
    """Return a frame of curves with three steps each."""
    keys = {
        "purchase_country": [(NAMES * 2)[group] + str(group) for group in range(groups) for _ in range(3)],
        "purchase_currency": ["EUR"] * 3 * groups,
    }
    heights = [(group + 1) * step / 40 for group in range(groups) for step in (1, 2, 3)]
    return made(
        metric,
        keys
        | {time: [1.0, 10.0, 40.0] * groups, "at_risk": [1200, 300, 20] * groups, "captured": [100] * 3 * groups}
        | {share: heights, f"{share}_low": [0.8 * y for y in heights], f"{share}_high": [1.2 * y for y in heights]},
        by="purchase_country",
    )


def latency() -> Axes:
    hours = {"p50_hours": [0.0, 20.0, 35.0, None], "p50_hours_low": [0.0, 10.0, 20.0, 30.0]}
    hours |= {"p50_hours_high": [1.0, 30.0, 60.0, None], "captured_only_p50_hours": [0.0, 15.0, 20.0, 5.0]}
    frame = made(om.capture_latency, {"purchase_country": NAMES, "orders": [9] * 4, **hours}, by="purchase_country")
    return plots.capture_latency(frame.with_columns(mature=pl.Series([True, None, False, True])))


def ratio(plot: Any) -> Axes:
    counts = {"orders_captured": [1000, 900, 50, 10], "orders_refunded": [100, 180, 17, 0]}
    columns = {"purchase_country": NAMES, "purchase_currency": EURO, **counts, **interval("amount_ratio")}
    columns["count_ratio"] = [0.1, 0.2, 0.34, 0.0]
    return plot(made(om.refund_ratio, columns, by="purchase_country"))  # type: ignore[no-any-return]


def refund_times() -> Axes:
    days = {"p50_days": [0.0, 8.0, 9.0, None], "p50_days_low_bound": [0.0, 6.0, 9.0, None]}
    columns = {"purchase_country": NAMES, "refunds": [5] * 4, **days, "p50_days_high_bound": [1.0, 9.0, 9.0, None]}
    return plots.time_to_refund(made(om.time_to_refund, columns, by="purchase_country"))


def products() -> Axes:
    columns = {"category": [*NAMES[:3], "(no lines)"], "purchase_currency": EURO, "captured_quantity": [7, 8, 9, 0]}
    return plots.products(made(om.products, columns | interval("amount_ratio") | {"refunded_amount": [0, 20, 30, 50]}))


def mix() -> Axes:
    months = [date(2026, month, 1) for month in (9, 9, 10, 10)]
    columns = {"created_at_1mo": months, "month": months, "purchase_currency": EURO, "customer_type": NAMES[:2] * 2}
    columns |= {"count": [6, 4, 5, 5], "share": [0.6, 0.4, 0.5, 0.5]}
    return plots.mix(made(om.mix, columns, "customer_type", by=om.by_period("1mo")))


def cross_table() -> Axes:
    columns = {"chosen": NAMES, "shipped": [NAMES[0], NAMES[1], NAMES[1], NAMES[3]], "orders": [50, 40, 3, 9]}
    return plots.chosen_vs_shipped(made(om.chosen_vs_shipped, columns))


def money() -> Axes:
    amounts = {"order_amount": [100_000, 9_000], "captured_amount": [60_000, 5_000], "refunded_amount": [20_000, 0]}
    amounts |= {"open_amount": [20_000, 2_000], "expired_amount": [5_000, 0], "cancelled_amount": [15_000, 1_000]}
    return plots.key_figures(made(om.key_figures, {"purchase_currency": ["EUR", "JPY"], "orders": [9, 3], **amounts}))


def at_risk() -> Axes:
    days = [date(2026, 11, 2), date(2026, 11, 4), date(2026, 11, 2)]
    columns = {"purchase_currency": ["EUR", "EUR", "JPY"], "expires_at_1d": days, "orders": [1, 2, 1]}
    columns |= {"remaining_authorized_amount": [1250, 5000, 980], "blocked_orders": [0, 2, 0]}
    return plots.at_risk(made(om.at_risk, columns, every="1d"))


def deadlines() -> Axes:
    hours = [-12.0, 24.0, 50.0, 30.0, None]
    at = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=left) if left else None for left in hours]
    columns = {"purchase_currency": ["EUR", "EUR", "EUR", "JPY", "JPY"], "expires_at": at, "hours_left": hours}
    columns |= {"remaining_authorized_amount": [9000, 15000, 4000, 980, 50]}
    return plots.expiring(made(om.expiring, columns | {"can_capture": [True, True, False, True, True]}))


def taxes() -> Axes:
    months = [date(2026, month, 1) for month in (9, 9, 10, 10, 9, 10)]
    columns = {"purchase_currency": ["EUR"] * 4 + ["KWD"] * 2, "month": months, "lines": [9, 3, 8, 0, 5, 6]}
    columns |= {"tax_rate": [25.0, 5.5, 25.0, None, None, 10.0], "net_amount": [10000, 5000, 16000, 0, 7000, 9000]}
    columns |= {"tax_amount": [2500, 275, 4000, 0, 0, 900], "without_lines_amount": [0, 0, 0, 5000, 0, 0]}
    return plots.vat(made(om.vat, columns))


def differences() -> Axes:
    keys = {"purchase_country": NAMES, "purchase_currency": EURO}
    points = {"amount_ratio": [-0.3, -0.1, 0.05, None], "count_ratio": [0.0, 0.02, 0.25, 0.1]}
    columns = {
        f"{name}_{side}": [None if value is None else value + shift for value in values]
        for name, values in points.items()
        for side, shift in (("before", 0), ("difference", 0), ("difference_low", -0.15), ("difference_high", 0.15))
    }
    columns["count_ratio_difference_low"] = columns["count_ratio_difference_high"] = [None] * 4
    return plots.compare(pl.DataFrame(keys | columns))


def week() -> Axes:
    hours = [(day, hour) for day in range(1, 8) for hour in range(24)]
    columns = {"weekday": [day for day, _ in hours], "hour": [hour for _, hour in hours]}
    return plots.capture_times(
        made(om.capture_times, columns | {"captures": [hour * (8 - day) for day, hour in hours]})
    )


def events() -> Axes:
    at = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 9)]
    columns = {"purchase_currency": ["EUR"] * 3, "event": ["created", "captured", "refunded"]}
    frame = pl.DataFrame({**columns, "at": at, "amount": [5000, 5000, 1250]})
    return plots.timeline(frame, title="Order 5 ($) 日本語")


PICTURES = {
    "at_risk": at_risk,
    "capture_curve": lambda: plots.capture_curve(curve(om.capture_curve, "hours", "captured_share", 4)),
    "capture_curve_panels": lambda: plots.capture_curve(curve(om.capture_curve, "hours", "captured_share", 7)),
    "capture_latency": latency,
    "capture_times": week,
    "carriers": lambda: plots.carriers(shares(om.carriers, "shipping_company")),
    "chosen_vs_shipped": cross_table,
    "compare": differences,
    "expiring": deadlines,
    "key_figures": money,
    "mix": mix,
    "products": products,
    "refund_curve": lambda: plots.refund_curve(curve(om.refund_curve, "days", "refunded_share", 3)),
    "refund_funnel": lambda: ratio(plots.refund_funnel),
    "refund_ratio": lambda: ratio(plots.refund_ratio),
    "shipping_methods": lambda: plots.shipping_methods(shares(om.shipping_methods, "shipping_method")),
    "time_to_refund": refund_times,
    "timeline": events,
    "vat": taxes,
}


def save(ax: Axes, background: str, path: Path) -> None:
    """Save the picture as a notebook shows it on a background, at half its size."""
    png, _ = ax._repr_png_()  # type: ignore[attr-defined]
    drawn = Image.open(BytesIO(png)).convert("RGBA")
    page = Image.new("RGBA", drawn.size, background)
    page.alpha_composite(drawn)
    small = page.convert("RGB").filter(ImageFilter.GaussianBlur(BLUR))
    small.resize((300, drawn.height * 300 // drawn.width)).quantize(64).save(path)


def test_each_function_has_its_pictures() -> None:
    assert {*PICTURES} ^ {*plots.__all__} == {"capture_curve_panels", "svg"}, "PICTURES has a picture of each plot"
    assert {path.stem for path in STORED.glob("*.png")} == {
        f"{name}-{theme}" for name in PICTURES for theme in BACKGROUNDS
    }


@pytest.mark.parametrize("theme", BACKGROUNDS)
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_looks_as_stored(name: str, theme: str, tmp_path: Path) -> None:
    stored, drawn = STORED / f"{name}-{theme}.png", tmp_path / f"{name}-{theme}.png"
    save(PICTURES[name](), BACKGROUNDS[theme], drawn)
    if not stored.exists():
        drawn.replace(stored)
        pytest.fail(f"{stored.name} is new: look at it, commit it, and run again")
    assert compare_images(str(stored), str(drawn), TOLERANCE) is None


def test_the_tolerance_tells_other_pictures_apart(tmp_path: Path) -> None:
    frame = curve(om.capture_curve, "hours", "captured_share", 4)
    drawn = tmp_path / "drawn.png"
    save(plots.capture_curve(frame.with_columns(pl.col("captured_share", "captured_share_high") * 4)), "white", drawn)
    assert compare_images(str(STORED / "capture_curve-light.png"), str(drawn), TOLERANCE) is not None
