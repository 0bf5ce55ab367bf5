"""Amounts as text for readers."""

from __future__ import annotations

import pytest

import om_toolkit as om


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
    assert len(om.money.EXPONENTS) > 150
    assert {code for code, exponent in om.money.EXPONENTS.items() if exponent == 0} == set(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()
    )
    assert {code for code, exponent in om.money.EXPONENTS.items() if exponent == 3} == set(
        "BHD IQD JOD KWD LYD OMR TND".split()
    )
