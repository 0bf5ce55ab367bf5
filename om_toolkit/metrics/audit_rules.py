"""The rules of the audit as data, `RULES`: rows of a table in, the findings about them out.

A rule names columns of the rows that it applies to. `audit.py` plans these rows: the columns of a table, and the
amounts that they are compared with.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import polars as pl

from om_toolkit.metrics.expressions import OPEN, currency_exponent, divide_exactly, formatted_amount
from om_toolkit.metrics.grouping import CURRENCY

SEVERITIES: Final = ("error", "warning", "info")

FINDING_KEYS: Final = ("order_id", "capture_id", CURRENCY)

_FIELD: Final = re.compile(r"\{(\w+)\}")

_TEXT: Final = "text of "  # the temporary column with a value as text begins with it

_EXPONENT: Final = "exponent of the currency"  # a temporary column

_ORDERED, _CAPTURED, _STATUS = map(pl.col, ("order_amount", "captured_amount", "status"))
_REMAINING: Final = pl.col("remaining_authorized_amount")

_SKEW: Final = pl.duration(seconds=60)
"""The difference between two clocks that is no contradiction."""

_CAPTURED_IN_PART: Final = (_CAPTURED > 0) & (_CAPTURED < _ORDERED)
_CAPTURED_IN_FULL: Final = (_CAPTURED >= _ORDERED) & (_ORDERED > 0)
_NOTHING_CAPTURED: Final = ((_CAPTURED == 0) & (_ORDERED > 0)).fill_null(value=False)

_IS_CONSISTENT: Final = ((_STATUS == "CAPTURED") & ~_NOTHING_CAPTURED) | (
    (_STATUS == "CANCELLED") & (_CAPTURED <= 0).fill_null(value=True)
)
"""Whether the captured amount agrees with the final status, so that an order has one finding about its status."""

_IS_RELEASED: Final = _CAPTURED_IN_PART & (
    (_STATUS.is_in(["CAPTURED", "CLOSED"]) & (_REMAINING.fill_null(0) == 0))
    | ((_STATUS == "PART_CAPTURED") & _REMAINING.eq_missing(0))
)
"""Whether the remainder was released. A missing remainder is 0 in a final status only."""

_IS_OPEN: Final = _STATUS.is_in(OPEN) & ~_IS_RELEASED.fill_null(value=False)

_IS_OVERDUE: Final = _STATUS.is_in(OPEN) & (pl.col("expires_at") < pl.col("as_of"))

_HAS_ID: Final = pl.col("capture_id").is_not_null()

_NEEDED_OF_ORDERS: Final = (
    "order_id",
    "status",
    CURRENCY,
    "order_amount",
    "captured_amount",
    "refunded_amount",
    "created_at",
)

_UNKNOWN: Final = "The {column} {value} is not in the documentation. Occurrences: {times}."


class Rule(NamedTuple):
    """A rule of the audit.

    Attributes:
        name: As shown in the column `rule`.
        severity: One of `SEVERITIES`.
        message: The sentence about a row that breaks the rule; `{order_amount}` is the value of that column.
        expected: The column with the amount that follows from other facts.
        actual: The column with the amount of the record.
        when: The condition under which a row breaks the rule; by default `actual` differs from `expected`.
    """

    name: str
    severity: str
    message: str
    expected: str | None = None
    actual: str | None = None
    when: pl.Expr | None = None

    @property
    def is_broken(self) -> pl.Expr:
        """Whether a row breaks the rule."""
        return _amount(self.actual) != _amount(self.expected) if self.when is None else self.when


def findings(rows: pl.LazyFrame, rules: Sequence[Rule]) -> pl.LazyFrame:
    """Plan the findings about some rows, one for each rule that a row breaks.

    All rules are checked in one pass, so that rows which need joins are made once; each value is written as text once.
    """
    broken = pl.concat_list(pl.when(rule.is_broken).then(pl.lit(number, pl.Int8)) for number, rule in enumerate(rules))
    shown = sorted({column for rule in rules for column in _FIELD.findall(rule.message)})
    expected, actual = (
        _by_rule({number: _amount(getattr(rule, side)) for number, rule in enumerate(rules) if getattr(rule, side)})
        for side in ("expected", "actual")
    )
    return (
        rows.filter(pl.any_horizontal(rule.is_broken for rule in rules))
        .with_columns(currency_exponent().alias(_EXPONENT))
        .with_columns(*(_value_text(column).alias(_TEXT + column) for column in shown), number=broken.list.drop_nulls())
        .explode("number")
        .select(
            _by_rule({number: pl.lit(rule.name) for number, rule in enumerate(rules)}).alias("rule"),
            _by_rule({number: pl.lit(rule.severity) for number, rule in enumerate(rules)}).alias("severity"),
            *map(pl.col, FINDING_KEYS),
            expected.alias("expected"),
            actual.alias("actual"),
            (actual - expected).alias("difference"),
            _by_rule({number: _sentence(rule.message) for number, rule in enumerate(rules)}).alias("message"),
        )
    )


def _by_rule(values: Mapping[int, pl.Expr]) -> pl.Expr:
    """Return the value of the rule whose number a row has."""
    chosen = [pl.when(pl.col("number") == number).then(value) for number, value in values.items()]
    return pl.coalesce(chosen) if chosen else pl.lit(None, dtype=pl.Int64)


def _amount(column: str | None) -> pl.Expr:
    return pl.lit(None, dtype=pl.Int64) if column is None else pl.col(column).cast(pl.Int64)


def _sentence(message: str) -> pl.Expr:
    """Fill in the values of the columns that a message names."""
    return pl.format(_FIELD.sub("{}", message), *(_TEXT + column for column in _FIELD.findall(message)))


def _value_text(column: str) -> pl.Expr:
    """Write the values of a column for a reader; the end of its name says what they are."""
    values = pl.col(column)
    match column.rpartition("_")[2]:
        case "amount":
            return formatted_amount(values, pl.col(_EXPONENT))
        case "at":
            return values.dt.strftime("%Y-%m-%d %H:%M:%S UTC")
        case "rate":
            return divide_exactly(values, 100).cast(pl.String).str.strip_suffix(".0")
    return values.cast(pl.String)


def _required(document: str, *columns: str) -> list[Rule]:
    """Return a rule for each column whose values the metrics need."""
    return [
        Rule("missing_value", "warning", f"The {document} has no {column}.", when=pl.col(column).is_null())
        for column in columns
    ]


def _sum(name: str, amount: str, parts: str, expected: str) -> Rule:
    """Return the rule that an amount of the order is the sum of its parts."""
    words = amount.replace("_", " ")
    message = f"The order's {words} is {{{amount}}}; {parts} add up to {{{expected}}}."
    return Rule(name, "error", message, expected=expected, actual=amount)


def _lines_of(document: str, amount: str) -> Rule:
    """Return the rule that the amount of a document is the sum of its order lines."""
    message = f"The amount of the {document} is {{{amount}}}; its order lines add up to {{lines_amount}}."
    return Rule("order_lines", "warning", message, expected="lines_amount", actual=amount)


def _negative(document: str, *columns: str) -> list[Rule]:
    """Return a rule for each amount of a document that cannot be negative."""
    return [
        Rule(
            "negative_amount",
            "error",
            f"The {column.replace('_', ' ')} of the {document} is {{{column}}}.",
            actual=column,
            when=pl.col(column) < 0,
        )
        for column in columns
    ]


def _after_seen_at(document: str, moment: str) -> Rule:
    """Return the rule that a document was made before its order was fetched."""
    message = f"The {document} was made at {{{moment}}}, after the order was fetched at {{seen_at}}."
    return Rule("after_seen_at", "error", message, when=pl.col(moment) > pl.col("seen_at") + _SKEW)


def _status(fact: str, when: pl.Expr) -> Rule:
    return Rule("status", "error", f"The status is {{status}}, but {fact}.", when=when)


def _listed(message: str, when: pl.Expr) -> Rule:
    return Rule("captures_listed", "error", message, expected="listed_amount", actual="embedded_amount", when=when)


RULES: Final[Mapping[str, Sequence[Rule]]] = {
    "orders": [
        _sum("captured_amount", "captured_amount", "its captures", "captures_amount"),
        _sum("refunded_amount", "refunded_amount", "its refunds", "refunds_amount"),
        _sum("captures_refunded_amount", "refunded_amount", "its captures' refunds", "captures_refunded_amount"),
        _lines_of("order", "order_amount"),
        Rule(
            "over_refunded",
            "error",
            "The order's refunded amount is {refunded_amount}; its captured amount is only {captured_amount}.",
            expected="captured_amount",
            actual="refunded_amount",
            when=pl.col("refunded_amount") > _CAPTURED,
        ),
        Rule(
            "over_captured",
            "error",
            "The order's captured amount is {captured_amount}; its order amount is only {order_amount}.",
            expected="order_amount",
            actual="captured_amount",
            when=_CAPTURED > _ORDERED,
        ),
        Rule(
            "remaining_amount",
            "error",
            "The order's remaining amount is {remaining_authorized_amount}; "
            "its order amount less its captured amount is {uncaptured_amount}.",
            expected="uncaptured_amount",
            actual="remaining_authorized_amount",
            when=_IS_OPEN & (pl.col("uncaptured_amount") != _REMAINING),
        ),
        _status("{captured_amount} was captured", _STATUS.is_in(["AUTHORIZED", "CANCELLED"]) & (_CAPTURED > 0)),
        _status(
            "the whole amount of {order_amount} was captured",
            _STATUS.is_in(["PART_CAPTURED", "EXPIRED"]) & _CAPTURED_IN_FULL,
        ),
        _status(
            "nothing was captured",
            ((_STATUS == "PART_CAPTURED") & (_CAPTURED == 0)) | ((_STATUS == "CAPTURED") & _NOTHING_CAPTURED),
        ),
        _status("{remaining_authorized_amount} remains to be captured", _IS_CONSISTENT & (_REMAINING > 0)),
        Rule(
            "overdue",
            "warning",
            "The authorisation expired at {expires_at}; {left_amount} was not captured.",
            actual="left_amount",
            when=_IS_OVERDUE & (pl.col("left_amount") > 0),
        ),
        Rule(
            "overdue",
            "warning",
            "The authorisation expired at {expires_at}; the amount that was not captured is unknown.",
            actual="left_amount",
            when=_IS_OVERDUE & pl.col("left_amount").is_null(),
        ),
        Rule(
            "expired_early",
            "error",
            "The status is EXPIRED, but the authorisation expires at {expires_at}, after the order was fetched.",
            when=(_STATUS == "EXPIRED") & (pl.col("expires_at") > pl.col("fetched_at")),
        ),
        _after_seen_at("order", "created_at"),
        *_negative("order", "order_amount", "captured_amount", "refunded_amount", "remaining_authorized_amount"),
        Rule(
            "released_remainder",
            "info",
            "{captured_amount} of {order_amount} was captured; the remainder was released.",
            expected="order_amount",
            actual="captured_amount",
            when=_IS_RELEASED,
        ),
        *_required("order", *_NEEDED_OF_ORDERS),
        Rule(
            "missing_value",
            "warning",
            "The order has no expires_at.",
            when=_STATUS.is_in([*OPEN, "EXPIRED"]) & pl.col("expires_at").is_null(),
        ),
        Rule(
            "missing_value",
            "warning",
            "The order has no remaining_authorized_amount.",
            when=_STATUS.is_in(OPEN) & _REMAINING.is_null(),
        ),
    ],
    "captures": [
        _lines_of("capture", "captured_amount"),
        Rule(
            "capture_before_creation",
            "error",
            "The capture was made at {captured_at}, before the order was created at {created_at}.",
            when=pl.col("captured_at") < pl.col("created_at") - _SKEW,
        ),
        Rule(
            "capture_after_expiry",
            "warning",
            "The capture was made at {captured_at}, after the authorisation expired at {expires_at}.",
            when=pl.col("captured_at") > pl.col("expires_at"),
        ),
        Rule(
            "no_shipping_info",
            "warning",
            "Physical goods were captured without shipping information.",
            when=pl.col("is_physical") & pl.col("is_tracked").is_null(),
        ),
        Rule(
            "no_tracking",
            "info",
            "Physical goods were shipped without tracking.",
            when=pl.col("is_physical") & ~pl.col("is_tracked"),
        ),
        Rule(
            "over_refunded",
            "error",
            "The capture's refunded amount is {refunded_amount}; its captured amount is only {captured_amount}.",
            expected="captured_amount",
            actual="refunded_amount",
            when=pl.col("refunded_amount") > _CAPTURED,
        ),
        Rule("zero_capture", "info", "The captured amount is 0.", actual="captured_amount", when=_CAPTURED == 0),
        _after_seen_at("capture", "captured_at"),
        *_negative("capture", "captured_amount", "refunded_amount"),
        *_required("capture", "capture_id", "captured_amount", "captured_at"),
    ],
    "refunds": [
        _lines_of("refund", "refunded_amount"),
        Rule(
            "refund_before_capture",
            "error",
            "The refund was made at {refunded_at}, before the first capture at {first_captured_at}.",
            when=(pl.col("refunded_amount").ne_missing(0)) & (pl.col("refunded_at") < pl.col("first_captured_at")),
        ),
        Rule(
            "refund_before_capture",
            "error",
            "A refund was made, but nothing was captured.",
            when=(pl.col("refunded_amount").ne_missing(0)) & pl.col("has_captures").is_null(),
        ),
        _after_seen_at("refund", "refunded_at"),
        *_negative("refund", "refunded_amount"),
        *_required("refund", "refund_id", "refunded_amount", "refunded_at"),
    ],
    "shipped_uncaptured": [
        Rule(
            "shipped_uncaptured",
            "error",
            "The goods were shipped, but nothing of {order_amount} was captured; the status is {status}.",
            expected="order_amount",
            actual="nothing_amount",
            when=_ORDERED.is_not_null(),
        ),
        Rule(
            "shipped_uncaptured",
            "error",
            "The goods were shipped, but nothing was captured; the status is {status}, the order amount is unknown.",
            expected="order_amount",
            actual="nothing_amount",
            when=_ORDERED.is_null(),
        ),
    ],
    "order_lines": [
        Rule(
            "line_total",
            "warning",
            "Line {line_number} of the {source}: the total is {total_amount}; "
            "quantity times unit price less discount is {expected_total_amount}.",
            expected="expected_total_amount",
            actual="total_amount",
        ),
        Rule(
            "line_tax",
            "warning",
            "Line {line_number} of the {source}: the tax is {total_tax_amount}; "
            "{tax_rate} % included in {total_amount} is {expected_tax_amount}.",
            expected="expected_tax_amount",
            actual="total_tax_amount",
            when=(pl.col("total_tax_amount") - pl.col("expected_tax_amount")).abs() > 1,
        ),
        Rule(
            "missing_value",
            "warning",
            "Line {line_number} of the {source} has no total_amount.",
            when=pl.col("total_amount").is_null(),
        ),
    ],
    "listed_captures": [
        _listed("The list of captures has a capture without an id.", pl.col("capture_id").is_null()),
        _listed(
            "The list of captures has this capture; its order does not.", _HAS_ID & pl.col("is_embedded").is_null()
        ),
        _listed("The order has this capture; the list of captures does not.", _HAS_ID & pl.col("is_listed").is_null()),
        _listed(
            "The order and the list of captures have different amounts for this capture.",
            pl.col("listed_amount") != pl.col("embedded_amount"),
        ),
    ],
    "repeated_ids": [
        Rule("duplicate_id", "error", "The {column} {value} occurs {times} times.", when=pl.col("times") > 1)
    ],
    "unknown_values": [
        Rule(
            "unknown_currency",
            "warning",
            "ISO 4217 has no currency {value}; its amounts are shown in minor units. Occurrences: {times}.",
            when=pl.col("column") == CURRENCY,
        ),
        Rule("unknown_value", "warning", _UNKNOWN, when=pl.col("column") == "status"),
        Rule("unknown_value", "info", _UNKNOWN, when=~pl.col("column").is_in([CURRENCY, "status"])),
    ],
    "unknown_fields": [Rule("unknown_field", "info", _UNKNOWN, when=pl.col("column") == "field")],
}
"""The rules by the rows that they apply to."""
