"""The sections of a report in; up to three sentences about what needs attention out."""

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.support.text import count_of
from om_toolkit.views.formatting import Row, amount, percent, points, text
from om_toolkit.views.report.audit_section import MEANINGS, findings_by_rule
from om_toolkit.views.report.change_sections import CHANGING, changes
from om_toolkit.views.report.risk_sections import money_at_risk
from om_toolkit.views.report.scope import Scope

_SPANS: Final = {"within_24h": "24 hours", "within_72h": "72 hours", "within_7d": "7 days"}

_HARMLESS: Final = "info"


def attention(scope: Scope) -> list[str]:
    """Return what needs attention, the most urgent first; nothing if nothing does."""
    found = [None if scope.is_settlement else _next_expiry(scope), _largest_finding(scope)]
    if scope.before is not None:
        found.append(_largest_change(scope))
    return list(filter(None, found))


def _next_expiry(scope: Scope) -> str | None:
    """Return the money that expires next, with the amounts of all currencies."""
    sums = money_at_risk(scope.tables)
    for name, span in _SPANS.items():
        rows = sums.filter(pl.col(f"{name}_amount") > 0).to_dicts()
        if rows:
            amounts = " and ".join(amount(f"{name}_amount")(row) for row in rows)
            verb = "expires" if len(rows) == 1 else "expire"
            return f"{amounts} {verb} within {span} unless captured."
    return None


def _largest_finding(scope: Scope) -> str | None:
    """Return the finding with the largest amount, relative to what was ordered in its currency."""
    ordered = scope.tables.orders.group_by(CURRENCY).agg(ordered=pl.col("order_amount").abs().sum())
    found = (
        findings_by_rule(scope.findings)
        .filter(pl.col("amount") > 0, pl.col("severity") != _HARMLESS)
        .join(ordered, on=CURRENCY, how="left", nulls_equal=True, maintain_order="left")
        .sort(pl.col("amount") / pl.col("ordered"), descending=True, nulls_last=True, maintain_order=True)
    )
    if found.is_empty():
        return None
    row = found.row(0, named=True)
    number = "" if scope.is_pooled else f" in {count_of(row['findings'], 'finding')}"
    return f"The largest contradiction by amount is {amount('amount')(row)}{number}: {MEANINGS[row['rule']]}."


def _largest_change(scope: Scope) -> str | None:
    """Return the largest change of a share whose interval excludes 0."""
    row = max(_certain_changes(changes(scope)), key=lambda one: abs(one["share_difference"]), default=None)
    if row is None:
        return None
    before, after = (percent(f"share_{side}", interval=False)(row) for side in ("before", "after"))
    return (
        f"The largest change is in {text(CURRENCY)(row)}: {before} before and {after} now were {row['words']}, "
        f"a difference of {points('share_difference')(row)}."
    )


def _certain_changes(frame: pl.DataFrame) -> Iterator[Row]:
    for row in frame.iter_rows(named=True):
        for figure, words in CHANGING.items():
            low, high = (row.get(f"{figure}_difference_{side}") for side in ("low", "high"))
            if low is not None and high is not None and (low > 0 or high < 0):
                yield _as_share(row, figure) | {"words": words}


def _as_share(row: Row, figure: str) -> dict[str, Any]:
    ends = ("before", "after", "difference", "difference_low", "difference_high")
    return {CURRENCY: row[CURRENCY]} | {f"share_{end}": row[f"{figure}_{end}"] for end in ends}
