"""Amounts as text for readers."""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from typing import Any, SupportsFloat

import numpy as np
import polars as pl
import pytest
from iso4217 import Currency

import om_toolkit as om
from om_toolkit.support.text import with_article


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (0, "SEK", "0.00 SEK"),
        (5, "EUR", "0.05 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (123456789, "usd", "1,234,567.89 USD"),
        (1234, "JPY", "1,234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (9007199254740993, "SEK", "90,071,992,547,409.93 SEK"),
        (1234, "ZZZ", "1,234 minor units of ZZZ"),
        (1234, None, "1,234 minor units of ?"),
        (None, "SEK", "-"),
    ],
)
def test_amounts_are_written_exactly_by_the_exponent_of_iso_4217(
    amount: int | None, currency: str | None, written: str
) -> None:
    assert om.money.format(amount, currency) == written


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "written"),
    [
        (-1234550, "SEK", "sv_SE", "-12 345,50 kr"),
        (1234550, "eur", "de-DE", "12.345,50 €"),
        (1234550, "USD", "en_US", "$12,345.50"),
        (980, "JPY", "ja_JP", "￥980"),
        (1234, "KWD", "en_US", "KWD 1.234"),
        (5, "RSD", "en_US", "RSD 0.05"),  # two digits by ISO 4217, none by the locale data
        (1234567800, "INR", "hi_IN", "₹1,23,45,678.00"),
        (9223372036854775807, "SEK", "de_DE", "92.233.720.368.547.758,07 SEK"),
        (1234, "ZZZ", "sv_SE", "1,234 minor units of ZZZ"),
        (None, "SEK", "sv_SE", "-"),
    ],
)
def test_a_locale_sets_separators_and_symbols_but_not_the_decimals(
    amount: int | None, currency: str, locale: str, written: str
) -> None:
    shown = om.money.format(amount, currency, locale=locale)
    assert shown.replace("\N{NO-BREAK SPACE}", " ").replace("RSD0", "RSD 0").replace("KWD1", "KWD 1") == written


@pytest.mark.parametrize("locale", ["xx_YY", "nonsense!", "", "../de"])
def test_an_unknown_locale_is_refused(locale: str) -> None:
    with pytest.raises(ValueError, match="use one such as sv_SE"):
        om.money.format(1, "SEK", locale=locale)


def test_the_exponents_are_those_of_iso_4217() -> None:
    withdrawn = {"ANG": 2, "BGN": 2, "HRK": 2}
    published = {one.code: one.exponent for one in Currency if one.exponent is not None}
    assert {**published, **withdrawn} == om.money.EXPONENTS
    assert not set(withdrawn) & set(published)


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (1234.0, "12.34 SEK"),
        (1234.5, "12.34 SEK"),
        (1235.5, "12.36 SEK"),
        (1234.51, "12.35 SEK"),
        (-0.4, "0.00 SEK"),
        (-1.5, "-0.02 SEK"),
        (Decimal("1234.5"), "12.34 SEK"),
        (Decimal("9007199254740993.5"), "90,071,992,547,409.94 SEK"),
        (np.int64(-1234), "-12.34 SEK"),
        (np.int8(-128), "-1.28 SEK"),
        (np.uint64(2**64 - 1), "184,467,440,737,095,516.15 SEK"),
        (np.float64(1235.5), "12.36 SEK"),
        (np.float32(1234.5), "12.34 SEK"),
        (np.float16(2.5), "0.02 SEK"),
    ],
)
def test_fractions_are_rounded_half_to_even_and_every_kind_of_number_is_taken(
    amount: SupportsFloat, written: str
) -> None:
    assert om.money.format(amount, "SEK") == written


def test_a_numpy_integer_in_a_locale() -> None:
    assert om.money.format(np.int64(1234550), "EUR", locale="en_IE") == "€12,345.50"
    assert om.money.format(np.float64(1234549.5), "EUR", locale="en_IE") == "€12,345.50"


def test_columns_of_the_toolkit_can_be_formatted() -> None:
    columns = pl.DataFrame({"whole": [5, None], "mean": [2.5, None]})
    shown = [[om.money.format(value, "EUR") for value in row] for row in columns.rows()]
    assert shown == [["0.05 EUR", "0.02 EUR"], ["-", "-"]]


@pytest.mark.parametrize("amount", [True, np.True_, "12", [12], 2j, np.array([1])])
@pytest.mark.parametrize("locale", [None, "sv_SE"])
def test_what_is_not_a_number_is_refused(amount: Any, locale: str | None) -> None:
    kind = with_article(type(amount).__name__)
    message = f"the amount {amount!r} is {kind}; pass a number of minor units, such as 1250 for 12.50 EUR"
    with pytest.raises(TypeError, match=re.escape(message)):
        om.money.format(amount, "SEK", locale=locale)


@pytest.mark.parametrize(
    "amount",
    [float("nan"), float("inf"), -np.inf, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")],
)
def test_nan_and_infinity_are_refused(amount: SupportsFloat) -> None:
    message = f"the amount is {amount}, not a finite number; pass None where an amount is missing"
    with pytest.raises(ValueError, match=re.escape(message)):
        om.money.format(amount, "SEK")


def test_without_the_extra_a_locale_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    assert om.money.format(1250, "SEK") == "12.50 SEK"
    with pytest.raises(om.MissingExtra, match=re.escape('need Babel; run pip install "om-toolkit[locale]"')):
        om.money.format(1250, "SEK", locale="sv_SE")
