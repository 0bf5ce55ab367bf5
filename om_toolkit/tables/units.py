"""The name and the type of a column in; what its values are, and words for its heading, out.

The columns of the five tables have the kinds of their schema, the columns of results the names of the definitions. A
column of another name is what its type says: a text, a count or a number.
"""

import re
from enum import Enum, auto
from typing import Final

import polars as pl

from om_toolkit.tables.schema import SCHEMAS, Kind


class Unit(Enum):
    """What the values of a column are."""

    TEXT = auto()
    COUNT = auto()
    NUMBER = auto()
    AMOUNT = auto()  # minor units of the row's purchase_currency
    SHARE = auto()  # 0.25 is 25 %
    PERCENT = auto()  # 25.0 is 25 %
    RATE = auto()  # 2500 is 25 %
    HOURS = auto()
    DAYS = auto()
    FLAG = auto()
    TIME = auto()
    DATE = auto()
    MONTH = auto()  # the first day of a month stands for it


_SIDE: Final = re.compile(r"(_(before|after|difference))?(_(low|high)(_bound)?)?$")
"""The end of the columns that `compare` makes of one figure, and of the limits of its interval."""

_PATTERNS: Final = {
    Unit.AMOUNT: re.compile(
        r"(.+_)?amount|.+_order_value|.*unit_price|running_(captured|refunded)|remaining|expected|actual|difference"
    ),
    Unit.SHARE: re.compile(r"(.+_)?share|.+_ratio|capture_rate|(refunded_)?within_\d+[mhdw]"),
    Unit.HOURS: re.compile(r"(.+_)?hours(_left)?"),
    Unit.DAYS: re.compile(r"(.+_)?days"),
    Unit.PERCENT: re.compile(r"tax_rate"),
}
"""The figures of results by name."""

_OF_KINDS: Final = {Kind.AMOUNT: Unit.AMOUNT, Kind.RATE: Unit.RATE, Kind.COUNT: Unit.COUNT}

_OF_TABLES: Final = {
    column.name: _OF_KINDS[column.kind] for schema in SCHEMAS.values() for column in schema if column.kind in _OF_KINDS
}

_MONTH: Final = re.compile(r"month|.+_1mo")

_WHOLE_ONLY: Final = (Unit.RATE, Unit.COUNT)
_FRACTIONS_ONLY: Final = (Unit.SHARE, Unit.HOURS, Unit.DAYS, Unit.PERCENT)


def unit_of(name: str, dtype: pl.DataType) -> Unit:
    """Return what the values of a column are.

    Example:
        >>> [unit_of("within_72h", dtype).name for dtype in (pl.Float64(), pl.Int64(), pl.String())]
        ['SHARE', 'COUNT', 'TEXT']
        >>> unit_of("within_72h_low", pl.Float64()).name
        'SHARE'
    """
    if not dtype.is_numeric():
        return _unit_of_other(name, dtype)
    stem = _SIDE.sub("", name)
    named = [unit for unit, pattern in _PATTERNS.items() if pattern.fullmatch(stem)]
    candidates = [*filter(None, [_OF_TABLES.get(stem)]), *named]
    excluded = _FRACTIONS_ONLY if dtype.is_integer() else _WHOLE_ONLY
    return next(
        (unit for unit in candidates if unit not in excluded), Unit.COUNT if dtype.is_integer() else Unit.NUMBER
    )


def _unit_of_other(name: str, dtype: pl.DataType) -> Unit:
    if dtype == pl.Boolean:
        return Unit.FLAG
    if isinstance(dtype, pl.Datetime):
        return Unit.TIME
    if dtype == pl.Date:
        return Unit.MONTH if _MONTH.fullmatch(name) else Unit.DATE
    return Unit.TEXT


_NAMES: Final = {
    "amount_ratio": "refunded share of amount",
    "captured_only_p50_hours": "median of captured only",
    "count_ratio": "refunded share of orders",
    "other": "other ending",
    "p50_days": "median time",
    "p50_hours": "half within",
    "p50_order_value": "median order value",
    "quantity_ratio": "refunded share of quantity",
}

_PERIODS: Final = {"h": "hour", "d": "day", "w": "week", "mo": "month", "q": "quarter", "y": "year"}


def heading(name: str) -> str:
    """Return words for a column.

    Example:
        >>> [heading(name) for name in ("p90_hours", "refunded_within_14d", "created_at_1mo", "orders_captured")]
        ['90 % within', 'refunded within 14 d', 'created at: month', 'orders captured']
    """
    if name in _NAMES:
        return _NAMES[name]
    if found := re.fullmatch(r"p(\d+)_hours", name):
        return f"{found[1]} % within"
    if found := re.fullmatch(r"(refunded_)?within_(\d+)([mhdw])", name):
        return f"{'refunded ' if found[1] else ''}within {found[2]} {found[3]}"
    if found := re.fullmatch(r"(.+_at)_(\d+)([a-z]+)", name):
        period = _PERIODS.get(found[3], found[3])
        return f"{heading(found[1])}: {period if found[2] == '1' else f'{found[2]} {period}s'}"
    return name.replace("_", " ")
