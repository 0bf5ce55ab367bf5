"""Money: minor units of a currency in, text for readers out. Exponents are those of ISO 4217."""

from copy import copy
from decimal import Context, Decimal
from math import isfinite
from numbers import Integral, Real
from typing import Final, SupportsFloat

from om_toolkit.errors import MissingExtra
from om_toolkit.support.text import with_article

__all__ = ["EXPONENTS", "format", "unit"]


def __dir__() -> list[str]:
    return __all__


_TWO_DIGITS: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL
    HRK HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU
    MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
    XAD XCD XCG YER ZAR ZMW ZWG
"""

EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO_DIGITS.split(), 2),
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Digits after the decimal point, by currency code: ISO 4217 with its fund codes and the codes withdrawn since 2023.

Codes without minor units, such as XDR or those of metals, are not listed.
"""

_EXACT: Final = Context(prec=40)
"""More digits than any amount has, so that nothing is rounded."""


def format(amount: SupportsFloat | None, currency: str | None, *, locale: str | None = None) -> str:  # noqa: A001 - read as om.money.format
    """Write an amount for readers, exact to the last digit.

    Args:
        amount: Minor units of the currency: an int, a float such as an average, a Decimal, or a numpy scalar. A
            fraction of a minor unit is rounded, half to even. None is shown as a dash.
        currency: ISO 4217 code in upper or lower case. An amount in an unknown one is shown in minor units.
        locale: The reader's locale, such as `sv_SE` or `ja-JP`: separators, symbol and its place are then those of the
            Unicode locale data (CLDR, by Babel, with the extra `om-toolkit[locale]`); the number of decimals remains
            that of ISO 4217. Without a locale, the code follows the amount.

    Raises:
        MissingExtra: If there is a locale and Babel is not installed.
        TypeError: If the amount is not a number, such as a bool or text.
        ValueError: If the amount is NaN or infinite, or the locale is unknown.

    Example:
        >>> format(1234550, "SEK"), format(980, "jpy"), format(-5, "EUR")
        ('12,345.50 SEK', '980 JPY', '-0.05 EUR')
        >>> format(1234.5, "SEK"), format(1235.5, "SEK")
        ('12.34 SEK', '12.36 SEK')
        >>> format(1234550, "EUR", locale="en_IE"), format(980, "JPY", locale="en_US")
        ('€12,345.50', '¥980')
        >>> format(1234550, "XYZ")
        '1,234,550 minor units of XYZ'
    """
    if amount is None:
        return "-"
    number = _whole(amount)
    code = (currency or "?").upper()
    exponent = EXPONENTS.get(code)
    if exponent is None:
        return f"{number:,} {unit(currency)}"
    if locale is not None:
        return _in_locale(number, code, exponent, locale)
    whole, part = divmod(abs(number), 10**exponent)
    digits = f".{part:0{exponent}}" if exponent else ""
    return f"{'-' if number < 0 else ''}{whole:,}{digits} {code}"


def unit(currency: str | None) -> str:
    """Write the unit of the amounts that `format` writes without a locale, which follows the number.

    Example:
        >>> unit("sek"), unit("XYZ")
        ('SEK', 'minor units of XYZ')
    """
    code = (currency or "?").upper()
    return code if code in EXPONENTS else f"minor units of {code}"


def _whole(amount: object) -> int:
    """Return an amount in whole minor units.

    Raises:
        TypeError: If it is not a number.
        ValueError: If it is NaN or infinite.
    """
    if isinstance(amount, bool) or not isinstance(amount, Real | Decimal):
        kind = with_article(type(amount).__name__)
        raise TypeError(
            f"the amount {amount!r:.80} is {kind}; pass a number of minor units, such as 1250 for 12.50 EUR"
        )
    if isinstance(amount, Integral):
        return int(amount)
    if not (amount.is_finite() if isinstance(amount, Decimal) else isfinite(amount)):
        raise ValueError(f"the amount is {amount}, not a finite number; pass None where an amount is missing")
    return int(round(amount))  # noqa: RUF046 - Real does not promise an int


def _in_locale(amount: int, code: str, exponent: int, locale: str) -> str:
    """Write an amount by the currency pattern of a locale, but with the decimals of ISO 4217."""
    try:
        from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - an extra, loaded only if a locale is given
    except ImportError as error:
        raise MissingExtra('amounts in a locale need Babel; run pip install "om-toolkit[locale]"') from error
    try:
        known = Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"unknown locale {locale!r}; use one such as sv_SE, de_DE or en_US") from None
    pattern = copy(known.currency_formats["standard"])
    pattern.frac_prec = (exponent, exponent)
    number = Decimal(amount).scaleb(-exponent, _EXACT)
    return str(pattern.apply(number, known, currency=code, currency_digits=False))
