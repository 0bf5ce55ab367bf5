"""The name of a time zone in; nothing out if it exists, else an error with a name that does."""

from zoneinfo import available_timezones

import polars as pl


def check_time_zone(time_zone: str) -> None:
    """Check that a time zone exists.

    Raises:
        ValueError: If it does not.

    Example:
        >>> check_time_zone("Stockholm")
        Traceback (most recent call last):
        ValueError: unknown time zone 'Stockholm'; use a name of the IANA database, such as 'Europe/Stockholm'
    """
    try:
        pl.select(pl.lit(0).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(time_zone))
    except (pl.exceptions.PolarsError, TypeError):
        city = str(time_zone).replace(" ", "_").lower()
        near = sorted(zone for zone in available_timezones() if zone.lower().endswith(f"/{city}"))
        example = near[0] if near else "Europe/Stockholm"
        raise ValueError(
            f"unknown time zone {time_zone!r}; use a name of the IANA database, such as {example!r}"
        ) from None
