"""Money: minor units of a currency in, text for readers out. Exponents are those of ISO 4217."""

from copy import copy
from decimal import Context, Decimal
from typing import Final

_TWO_DIGITS: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
    COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR
    ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
    SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""

EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
"""Digits after the decimal point, by currency code (ISO 4217, with the codes withdrawn since 2023)."""

_EXACT: Final = Context(prec=40)
"""More digits than any amount has, so that nothing is rounded."""


def format(amount: int | None, currency: str | None, *, locale: str | None = None) -> str:  # noqa: A001 - read as om.money.format
    """Write an amount for readers, exact to the last digit.

    Args:
        amount: Minor units of the currency; None is shown as a dash.
        currency: ISO 4217 code in upper or lower case. An amount in an unknown one is shown in minor units.
        locale: The reader's locale, such as `sv_SE` or `ja-JP`: separators, symbol and its place are then those of the
            Unicode locale data (CLDR, by Babel); the number of decimals remains that of ISO 4217. Without a locale,
            the code follows the amount.

    Raises:
        ValueError: If the locale is unknown.

    Example:
        >>> format(1234550, "SEK"), format(980, "jpy"), format(-5, "EUR")
        ('12,345.50 SEK', '980 JPY', '-0.05 EUR')
        >>> format(1234550, "EUR", locale="en_IE"), format(980, "JPY", locale="en_US")
        ('€12,345.50', '¥980')
        >>> format(1234550, "XYZ")
        '1,234,550 minor units of XYZ'
    """
    if amount is None:
        return "-"
    code = (currency or "?").upper()
    exponent = EXPONENTS.get(code)
    if exponent is None:
        return f"{amount:,} minor units of {code}"
    if locale is not None:
        return _in_locale(amount, code, exponent, locale)
    whole, part = divmod(abs(amount), 10**exponent)
    digits = f".{part:0{exponent}}" if exponent else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{digits} {code}"


def _in_locale(amount: int, code: str, exponent: int, locale: str) -> str:
    """Write an amount by the currency pattern of a locale, but with the decimals of ISO 4217."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - loaded only if a locale is given

    try:
        known = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"unknown locale {locale!r}; use one such as sv_SE, de_DE or en_US") from None
    pattern = copy(known.currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    number = Decimal(amount).scaleb(-exponent, _EXACT)
    return str(pattern.apply(number, known, currency=code, currency_digits=False))
