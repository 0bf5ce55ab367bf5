"""Money in a reader's eyes."""

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


def test_the_exponents_are_those_of_iso_4217() -> None:
    assert len(om.money.EXPONENTS) > 150
    assert {code for code, exponent in om.money.EXPONENTS.items() if exponent == 0} == set(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()
    )
    assert {code for code, exponent in om.money.EXPONENTS.items() if exponent == 3} == set(
        "BHD IQD JOD KWD LYD OMR TND".split()
    )
