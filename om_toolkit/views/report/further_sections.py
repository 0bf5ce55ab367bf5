"""Tables in; the sections by cohort, product, carrier, payment method, customer and tax rate out.

Most of them combine two groupings, such as product and currency, so that they could reveal small groups: they are shown
only if nothing is pooled. How orders were paid, and who the customers are, is counted over all currencies otherwise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from om_toolkit import metrics
from om_toolkit.metrics.grouping import CURRENCY, by_period
from om_toolkit.metrics.intervals import count_ratio
from om_toolkit.views import plots
from om_toolkit.views.report import small_groups
from om_toolkit.views.report.readable import readable
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section, or_no_data

_MOST_POINTS: Final = 24
"""How many steps of a curve are drawn; more cannot be distinguished and make the page large."""

_MOST_MONTHS: Final = 6


@dataclass(frozen=True)
class _Recipe:
    """How a section is made that shows the result of one metric as a table.

    Attributes:
        name: See `Section`.
        title: See `Section`.
        sentence: What the table shows and how it is read.
        metric: The metric of the scope.
        code: The Python line; `{zone}` is replaced by the time zone.
        columns: Which columns are shown, as a regular expression; with a figure, its interval is shown.
    """

    name: str
    title: str
    sentence: str
    metric: Callable[[Scope], pl.DataFrame]
    code: str
    columns: str

    def section(self, scope: Scope) -> Section:
        """Make the section."""
        frame = self.metric(scope)
        shown = readable(frame.select(pl.col(f"^(?:{self.columns})(?:_low|_high)?$")), scope)
        sentences = or_no_data([self.sentence] if frame.height else [])
        code = self.code.replace("{zone}", scope.time_zone_code)
        return Section(self.name, self.title, sentences, "", shown, frame, code)


_MIX_COLUMNS: Final = "purchase_currency|{}|count|share|order_amount|amount_share|average_order_value"

_RECIPES: Final[Sequence[_Recipe]] = (
    _Recipe(
        "products",
        "Which products are sold and returned?",
        (
            "By the first part of the category. The row (no lines) has the money that no order line explains: the "
            "refunded share of the other rows is a lower bound."
        ),
        lambda scope: metrics.products(scope.tables),
        "om.products(orders)",
        "category|purchase_currency|captured_quantity|captured_amount|refunded_quantity|refunded_amount|amount_ratio",
    ),
    _Recipe(
        "discounts",
        "What do the order lines consist of?",
        (
            "By type of the order line, with the discount given on the lines themselves; discounts and gift cards that "
            "are lines of their own have negative amounts."
        ),
        lambda scope: metrics.products(scope.tables, by="type"),
        'om.products(orders, by="type")',
        "type|purchase_currency|captured_amount|refunded_amount|discount_amount|discount_share|tax_amount",
    ),
    _Recipe(
        "vat",
        "How much tax was captured?",
        "Captured lines by month of the capture. What has no lines is counted in the last two columns.",
        lambda scope: metrics.vat(scope.tables, time_zone=scope.time_zone),
        "om.vat(orders{zone})",
        (
            "purchase_currency|purchase_country|month|tax_rate|lines|net_amount|tax_amount|gross_amount|without_lines|"
            "without_lines_amount"
        ),
    ),
    _Recipe(
        "chosen and shipped",
        "Was shipped what the customers chose?",
        "Orders by the shipping method that was chosen at the checkout and the one that was used.",
        lambda scope: metrics.chosen_vs_shipped(scope.tables),
        "om.chosen_vs_shipped(orders)",
        "chosen|shipped|orders|share",
    ),
    _Recipe(
        "carriers",
        "Which carriers have tracking?",
        (
            "Captures by carrier. They are more than the orders: an order can have several captures, and an order "
            "without a capture has none."
        ),
        lambda scope: metrics.carriers(scope.tables),
        "om.carriers(orders)",
        "shipping_company|count|share|with_tracking|tracking_share",
    ),
    _Recipe(
        "countries",
        "Where do the orders come from?",
        "All orders, also those that were never captured, by country of the purchase.",
        lambda scope: metrics.mix(scope.tables, "purchase_country"),
        'om.mix(orders, "purchase_country")',
        _MIX_COLUMNS.format("purchase_country"),
    ),
)


def further(scope: Scope) -> list[Section]:
    """Return the sections that are shown only if nothing is pooled."""
    return [cohorts(scope), *(recipe.section(scope) for recipe in _RECIPES)]


LEFT_OUT: Final = ("expiring", "cohorts", *(recipe.name for recipe in _RECIPES))
"""The sections that a page with pooled groups does not have."""


def cohorts(scope: Scope) -> Section:
    """Return the section about the refunds of each month's orders, which compares them at equal age."""
    months = by_period("1mo", time_zone=scope.time_zone)
    frame = metrics.refund_ratio(scope.tables, by=months, within=["14d", "30d"])
    key = months.meta.output_name()
    columns = f"{key}|purchase_currency|orders_captured|captured_amount|refunded_amount|refunded_within_..d|mature"
    sentences = [
        "Young months have refunds still to come; within 14 and 30 days of the first capture all are of equal age.",
    ]
    return Section(
        "cohorts",
        "Are refunds rising?",
        or_no_data(sentences if frame.height else []),
        _cohort_picture(scope, months),
        readable(frame.select(pl.col(f"^(?:{columns})(?:_low|_high)?$")), scope),
        frame,
        (f'om.refund_ratio(orders, by=om.by_period("1mo"{scope.time_zone_code}), within=["14d", "30d"])'),
    )


def _cohort_picture(scope: Scope, months: pl.Expr) -> str:
    """Draw the refund curves of the latest months, in the currency with the most captured orders."""
    captured = metrics.refund_ratio(scope.tables).sort("orders_captured", descending=True, maintain_order=True)
    in_currency = scope.tables.lazy().filter(pl.col(CURRENCY).eq_missing(captured[CURRENCY].first()))
    curve = metrics.refund_curve(in_currency, by=months)
    if not curve.height:
        return ""
    key = months.meta.output_name()
    latest = curve.filter(pl.col(key).is_in(curve[key].unique().sort().tail(_MOST_MONTHS).implode()))
    step = (pl.len() // _MOST_POINTS + 1).over(key)
    place = pl.int_range(pl.len()).over(key)
    drawn = latest.filter((place % step == 0) | (place == pl.len().over(key) - 1))
    return plots.svg(plots.refund_curve(drawn))


def payment(scope: Scope) -> Section:
    """Return the section about payment methods."""
    return _mix(scope, "payment", "How do customers pay?", "initial_payment_method_type")


def customers(scope: Scope) -> Section:
    """Return the section about business and private customers."""
    return _mix(scope, "customers", "Who are the customers?", "customer_type")


def _mix(scope: Scope, name: str, title: str, column: str) -> Section:
    """Return a section that counts orders by a column: per currency, or over all of them if groups are pooled."""
    code = f'om.mix(orders, "{column}")'
    if not scope.is_pooled:
        sentence = "All orders, also those that were never captured."
        return _Recipe(
            name, title, sentence, lambda scope: metrics.mix(scope.tables, column), code, _MIX_COLUMNS.format(column)
        ).section(scope)
    rows = small_groups.published(scope.tables.orders, column, scope.min_cell)
    counts = rows.group_by(column).agg(count=pl.len().cast(pl.Int64)).with_columns(total=pl.col("count").sum())
    shares = counts.with_columns(*count_ratio("share", "count", "total")).drop("total")
    frame = small_groups.few_last(shares.sort(-pl.col("count"), column, nulls_last=True), column)
    sentence = "All orders of all currencies, also those that were never captured; amounts are shown with min_cell=1."
    sentences = or_no_data([sentence] if frame.height else [])
    return Section(name, title, sentences, "", readable(frame, scope), frame, scope.frame_code(name))
