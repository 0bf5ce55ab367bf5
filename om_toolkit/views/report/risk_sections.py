"""Tables in; the sections about money at risk out: what expires when, and in which orders."""

from typing import Final

import polars as pl

from om_toolkit import metrics
from om_toolkit.metrics.expressions import total
from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.support.text import count_of
from om_toolkit.views import plots
from om_toolkit.views.formatting import Columns, Row, amount, count, text
from om_toolkit.views.report.readable import readable
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section, table_of

_UNCAPTURED: Final = pl.col("remaining_authorized_amount")

_HOURS_AHEAD: Final = {"within_24h": 24, "within_72h": 72, "within_7d": 168}

_SUM_COLUMNS: Final[Columns] = {
    "currency": text(CURRENCY),
    "expires within 24 h": amount("within_24h_amount"),
    "within 72 h": amount("within_72h_amount"),
    "within 7 d": amount("within_7d_amount"),
    "overdue": amount("overdue_amount"),
    "without a deadline": amount("without_deadline_amount"),
    "can still be captured": amount("uncaptured_amount"),
}

_DAY_COLUMNS: Final[Columns] = {
    "currency": text(CURRENCY),
    "day of expiry": text("expires_at_1d", "no deadline"),
    "orders": count("orders"),
    "amount": amount("remaining_authorized_amount"),
    "cannot be captured yet": count("blocked_orders"),
    "without a deadline": count("without_deadline"),
    "of unknown amount": count("excluded"),
}

_RARE: Final = {
    "cannot be captured yet": "blocked_orders",
    "without a deadline": "without_deadline",
    "of unknown amount": "excluded",
}
"""The headings of columns that are shown only if they have something to say, with what they count."""


def money_at_risk(data: object) -> pl.DataFrame:
    """Sum the money that can still be captured, per currency, by the time that is left.

    Returns:
        A row per currency: `purchase_currency`, `within_24h_amount`, `within_72h_amount` and `within_7d_amount` (each
        contains the one before), `overdue_amount`, `without_deadline_amount`, `uncaptured_amount` (all of it); Int64,
        minor units. Unknown amounts are left out.

    Example:
        >>> import om_toolkit as om
        >>> with om.replay("quickstart") as client:
        ...     orders = client.orders(client.recorded_order_ids)
        >>> money_at_risk(orders).select("within_7d_amount", "uncaptured_amount").row(0)
        (65100, 231571)
    """
    left = pl.col("hours_left")
    sums = {
        f"{name}_amount": total(_UNCAPTURED.filter(left.is_between(0, hours))) for name, hours in _HOURS_AHEAD.items()
    }
    return (
        metrics.expiring(data, within=None)
        .group_by(CURRENCY)
        .agg(
            **sums,
            overdue_amount=total(_UNCAPTURED.filter(left < 0)),
            without_deadline_amount=total(_UNCAPTURED.filter(pl.col("expires_at").is_null())),
            uncaptured_amount=total(_UNCAPTURED),
        )
        .sort(CURRENCY, nulls_last=True)
    )


def at_risk(scope: Scope) -> Section:
    """Return the section about the money that expires: by day, or only its sums if small groups are pooled."""
    sums = money_at_risk(scope.tables)
    sentences = [_risk_sentence(row) for row in sums.iter_rows(named=True)] or ["No money can still be captured."]
    title = "How much money is at risk?"
    if scope.is_pooled:
        sentences.append("Days and orders are shown only with min_cell=1, because they would show small groups.")
        shown, code = table_of(sums, _SUM_COLUMNS), scope.frame_code("at risk")
        return Section("at risk", title, sentences, "", shown, sums, code)
    sentences.append("The still open money of the key figures also has what expires later or is overdue.")
    days = metrics.at_risk(scope.tables, within="7d", every="1d", time_zone=scope.time_zone)
    picture = plots.svg(plots.at_risk(days)) if days["expires_at_1d"].is_not_null().any() else ""
    code = f'om.at_risk(orders, within="7d", every="1d"{scope.time_zone_code})'
    columns = {name: shown for name, shown in _DAY_COLUMNS.items() if name not in _RARE or days[_RARE[name]].sum()}
    return Section("at risk", title, sentences, picture, table_of(days, columns), days, code)


def _risk_sentence(row: Row) -> str:
    """Return how much of the money that can still be captured expires soon."""
    whole, soon, week, overdue = (
        amount(f"{name}_amount")(row) for name in ("uncaptured", "within_72h", "within_7d", "overdue")
    )
    expiry = f"{soon} expires within 72 hours and {week}" if row["within_7d_amount"] else "nothing expires"
    late = f"; {overdue} is overdue" if row["overdue_amount"] else ""
    return f"Of {whole} that can still be captured, {expiry} within 7 days{late}."


def expiring(scope: Scope) -> Section:
    """Return the list of the orders that expire first; it names single orders."""
    frame = metrics.expiring(scope.tables, within="7d")
    name = pl.coalesce("merchant_reference1", "order_id").alias("order")
    listed = frame.select(name, CURRENCY, _UNCAPTURED, "expires_at", "hours_left", "fraud_status", "can_capture")
    blocked = frame.height - int(frame["can_capture"].sum())
    sentences = [
        f"{count_of(frame.height, 'order')} with money that expires within 7 days, the soonest first.",
    ]
    if blocked:
        sentences.append(f"{count_of(blocked, 'order')} cannot be captured yet, because of the fraud status.")
    return Section(
        "expiring",
        "Which orders expire first?",
        sentences if frame.height else ["No order expires within 7 days."],
        "",
        readable(listed, scope, hidden=[CURRENCY]),
        frame,
        'om.expiring(orders, within="7d")',
    )
