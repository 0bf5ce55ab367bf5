"""Tables in; the section about contradictions and gaps in the data out."""

from typing import Final

import polars as pl

from om_toolkit.metrics.grouping import CURRENCY
from om_toolkit.support.text import count_of
from om_toolkit.views.formatting import Cell, Columns, amount, count, text
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import Section, table_of

MEANINGS: Final = {
    "after_seen_at": "made after the order was fetched",
    "capture_after_expiry": "captured after the authorisation expired",
    "capture_before_creation": "captured before the order was created",
    "captured_amount": "captured amount is not the sum of the captures",
    "captures_listed": "captures differ from those listed",
    "captures_refunded_amount": "refunded amount is not that of the captures",
    "duplicate_id": "id that occurs more than once",
    "expired_early": "expired before its deadline",
    "line_tax": "tax of an order line differs from its tax rate",
    "line_total": "total of an order line is not quantity times price",
    "missing_value": "missing id, amount, time, currency or status",
    "negative_amount": "negative amount",
    "no_shipping_info": "goods captured without shipping information",
    "no_tracking": "goods shipped without tracking",
    "order_lines": "order lines add up to another amount",
    "over_captured": "more captured than ordered",
    "over_refunded": "more refunded than captured",
    "overdue": "open although the authorisation expired",
    "refund_before_capture": "refunded before the first capture",
    "refunded_amount": "refunded amount is not the sum of the refunds",
    "released_remainder": "remainder released after a part was captured",
    "remaining_amount": "remaining amount is not ordered less captured",
    "shipped_uncaptured": "shipped and never captured",
    "status": "status contradicts the amounts",
    "unknown_currency": "currency that ISO 4217 does not have",
    "unknown_field": "field that is not documented",
    "unknown_value": "value that is not documented",
    "zero_capture": "capture of amount 0",
}
"""What a finding of each rule of `audit` is, in words."""


_AUDIT_COLUMNS: Final[Columns] = {
    "finding": lambda row: Cell(MEANINGS[row["rule"]]),
    "severity": text("severity"),
    "currency": text(CURRENCY),
    "findings": count("findings"),
    "amount": amount("amount"),
}


def findings_by_rule(findings: pl.DataFrame) -> pl.DataFrame:
    """Sum the findings of `audit`, its result.

    Returns:
        A row per `rule`, `severity` and `purchase_currency` (String), errors first: `findings` (Int64); `amount`
        (Int64, minor units), the sum of the differences without their signs, or of the amounts concerned; null if the
        rule is not about an amount.
    """
    concerned = pl.coalesce(pl.col("difference").abs(), pl.col("actual").abs())
    is_known = concerned.is_not_null().any()
    return findings.group_by("rule", "severity", CURRENCY, maintain_order=True).agg(
        findings=pl.len().cast(pl.Int64), amount=pl.when(is_known).then(concerned.sum())
    )


def audit(scope: Scope) -> Section:
    """Return the section about the audit; if groups are pooled, only its amounts, which count nothing."""
    findings = scope.findings
    frame = findings_by_rule(findings)
    columns = dict(_AUDIT_COLUMNS)
    if scope.is_pooled:
        frame = frame.drop("findings").drop_nulls("amount")
        del columns["findings"]
        sentences = ["Numbers of findings are shown only with min_cell=1: they would narrow down small groups."]
    else:
        concerned = count_of(findings["order_id"].n_unique(), "order")
        sentences = [
            f"{count_of(findings.height, 'finding')} in {concerned}: an order can have several.",
        ]
    return Section(
        "audit",
        "What contradicts itself?",
        sentences if frame.height else ["The amounts do not contradict each other."],
        "",
        table_of(frame, columns),
        frame,
        scope.frame_code("audit"),
    )
