"""National personal numbers are recognised by date and check digits, on any day.

The numbers are those in python-stdnum's documentation, and some made by its rules.
"""

from __future__ import annotations

import datetime as dt

import pytest

from om_toolkit.privacy.national_numbers import CHECKS

VALID = {
    "sweden": ["880320-0016", "19880320-0016", "198803200016", "880320+0016", "701063-2391"],
    "norway": ["15108695088", "151086 95088"],
    "finland": ["131052-308T", "010190-900P"],
    "denmark": ["211062-5629", "010180-1235", "311299-4321", "010110-4321"],
    "germany": ["36574261809", "36 574 261 809"],
    "netherlands": ["111222333", "1112.22.333"],
}
INVALID = {
    "sweden": ["880320-0017", "881320-0016", "880300-0016"],
    "norway": ["15108695089", "15138695088"],
    "finland": ["131052-308A", "310252-308T"],
    "denmark": ["310280-1235", "010136-1234", "301026-1207"],
    "germany": ["36574261890", "06574261809"],
    "netherlands": ["111222334", "000000000"],
}


class DateWithoutClock(dt.date):
    @classmethod
    def today(cls) -> DateWithoutClock:
        pytest.fail("a check read the clock")


@pytest.mark.parametrize("country", CHECKS)
def test_numbers_are_checked_without_the_clock(country: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dt, "date", DateWithoutClock)
    assert [number for number in VALID[country] if not CHECKS[country](number)] == []
    assert [number for number in INVALID[country] if CHECKS[country](number)] == []


def test_a_danish_number_of_1936_needs_its_check_digit() -> None:
    assert sum(CHECKS["denmark"](f"010136-1{last:03}") for last in range(1_000)) in range(90, 92)
    assert all(CHECKS["denmark"](f"010137-1{last:03}") for last in range(1_000))
