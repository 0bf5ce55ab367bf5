"""A dozen orders, and every number of every metric, worked out in the comments.

Hours count from the start of 2025; the responses were fetched at 720 h. Amounts are minor units.

| order | what it is | created | captured at (amount) | first capture | full amount |
|---|---|---|---|---|---|
| a | open, 40 h left, fraud check pending | 600 | - | waiting 120 | waiting 120 |
| b | expired | 0 | - | expired 720 | expired 720 |
| c | cancelled | 0 | - | cancelled 720 | cancelled 720 |
| d | released: 6000 of 8000 | 0 | 10 (6000) | captured 10 | other 720 |
| e | partly captured: 4000 of 9000 | 400 | 420 (4000) | captured 20 | waiting 320 |
| f | refunded twice, 3000 at 100 h and 1000 at 150 h | 0 | 50 (4000), 30 (3000) | captured 30 | captured 50 |
| g | captured before it was created | 100 | 90 (2000) | excluded | excluded |
| h | lower-case currency, refunded 1000 at 64 h | 0 | 40 (1000) | captured 40 | captured 40 |
| i | JPY | 0 | 5 (980) | captured 5 | captured 5 |
| j | physical goods, no shipping info | 0 | 60 (2500) | captured 60 | captured 60 |
| k | unknown method, and a tax of 310 for 300 | 0 | 70 (1500) | captured 70 | captured 70 |
| l | the header says 1900 of 2000 captured | 0 | 80 (2000) | captured 80 | captured 80 |
"""

from __future__ import annotations

import json
from datetime import date
from math import sqrt
from typing import Any

import polars as pl
import pytest
from shop_tables import at

import om_toolkit as om

Z2 = 3.8414588206941236  # 1.959963984540054 squared


def line(amount: int, kind: str = "physical", rate: int = 2500, tax: int | None = None) -> dict[str, Any]:
    tax = amount * rate // (10000 + rate) if tax is None else tax
    return {
        "type": kind,
        "quantity": 1,
        "unit_price": amount,
        "total_amount": amount,
        "tax_rate": rate,
        "total_tax_amount": tax,
    }


def shipment(method: str, company: str = "", tracking: str = "") -> dict[str, str]:
    return {"shipping_method": method, "shipping_company": company, "tracking_number": tracking}


def capture(number: int, hour: float, amount: int, *shipped: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "capture_id": f"capture-{number}",
        "captured_at": at(hour).isoformat(),
        "captured_amount": amount,
        "refunded_amount": 0,
        "order_lines": [line(amount)],
        "shipping_info": list(shipped),
        **more,
    }


def order(order_id: str, status: str, amount: int, captures: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    created, expires = more.pop("created", 0), more.pop("expires", 672)
    return {
        "order_id": order_id,
        "status": status,
        "purchase_country": "SE",
        "purchase_currency": "SEK",
        "fraud_status": "ACCEPTED",
        "order_amount": amount,
        "captured_amount": sum(one["captured_amount"] for one in captures),
        "refunded_amount": sum(one["refunded_amount"] for one in captures),
        "remaining_authorized_amount": 0,
        "created_at": at(created).isoformat(),
        "expires_at": at(expires).isoformat(),
        "captures": list(captures),
        **more,
    }


def refund(hour: float, amount: int) -> dict[str, Any]:
    return {"refund_id": f"refund-{hour}", "refunded_at": at(hour).isoformat(), "refunded_amount": amount}


HOME = shipment("Home", "DHL SE", "1")
DOZEN = [
    order(
        "a",
        "AUTHORIZED",
        10000,
        created=600,
        expires=760,
        remaining_authorized_amount=10000,
        fraud_status="PENDING",
        selected_shipping_option={"method": "Home"},
    ),
    order("b", "EXPIRED", 5000),
    order("c", "CANCELLED", 3000),
    order("d", "CAPTURED", 8000, (capture(1, 10, 6000, HOME),)),
    order(
        "e",
        "PART_CAPTURED",
        9000,
        (capture(2, 420, 4000, shipment("PickUpPoint", "PostNord")),),
        created=400,
        expires=1072,
        remaining_authorized_amount=5000,
    ),
    order(
        "f",
        "CAPTURED",
        7000,
        (
            capture(4, 50, 4000, shipment("Home", "dhl se", "2"), shipment("Postal", "postnord"), refunded_amount=1000),
            capture(3, 30, 3000, HOME, refunded_amount=3000),
        ),
        refunds=[refund(100, 3000), refund(150, 1000)],
    ),
    order("g", "CAPTURED", 2000, (capture(5, 90, 2000, order_lines=[line(2000, "digital")]),), created=100),
    order(
        "h",
        "CLOSED",
        1000,
        (capture(6, 40, 1000, order_lines=[], refunded_amount=1000),),
        purchase_currency="sek",
        refunds=[refund(64, 1000)],
    ),
    order(
        "i",
        "CAPTURED",
        980,
        (capture(7, 5, 980, shipment("home", "Yamato", "3"), order_lines=[line(980, rate=1000)]),),
        purchase_country="JP",
        purchase_currency="JPY",
    ),
    order("j", "CAPTURED", 2500, (capture(8, 60, 2500),)),
    order("k", "CAPTURED", 1500, (capture(9, 70, 1500, shipment("Drone"), order_lines=[line(1500, tax=310)]),)),
    order("l", "CAPTURED", 2000, (capture(10, 80, 2000, shipment("Undefined", "DHL SE")),), captured_amount=1900),
]
ORDERS = om.Orders.from_json(json.dumps(DOZEN), as_of=at(720))


def close(*numbers: float | None) -> Any:
    """The numbers to the digits worked out by hand."""
    return pytest.approx(numbers, abs=2e-5)


def test_capture_latency() -> None:
    # Eleven are observed: 5, 10, 20, 30, 40, 60, 70, 80 captured, 120 waiting, 720 expired and cancelled. Each capture
    # takes an eleventh: the share is 6/11 at 60 h, and stays at 8/11 from 80 h: 90 % are never reached. The median of
    # the captured alone lies between 30 and 40. Three of eleven within 24 h, seven within 72 h.
    # Greenwood's sum after k of 11 is k / (11 (11 - k)), the bounds of S are S ^ exp(±z √V / ln S). The upper bound of
    # the share is 0.491920 after the first, 0.552571 after the second capture at 10 h; 0.888187 after the seventh,
    # 0.934824 after the eighth at 80 h: above 0.9, below 0.95. The lower bound ends at 0.461094.
    row = om.capture_latency(ORDERS).row(0, named=True)
    assert row == {
        "orders": 12,
        "captured": 8,
        "waiting": 1,
        "expired": 1,
        "cancelled": 1,
        "other": 0,
        "excluded": 1,
        "p50_hours": 60,
        "p50_hours_low": 10,
        "p50_hours_high": None,
        "p90_hours": None,
        "p90_hours_low": 80,
        "p90_hours_high": None,
        "p95_hours": None,
        "p95_hours_low": None,
        "p95_hours_high": None,
        "captured_only_p50_hours": 35,
        "within_24h": pytest.approx(3 / 11),
        "within_24h_low": pytest.approx(0.097167, abs=1e-6),
        "within_24h_high": pytest.approx(0.629213, abs=1e-6),
        "within_72h": pytest.approx(7 / 11),
        "within_72h_low": pytest.approx(0.373170, abs=1e-6),
        "within_72h_high": pytest.approx(0.888187, abs=1e-6),
    }


def test_capture_latency_of_the_full_amount() -> None:
    # Eleven are observed: 5, 40, 50, 60, 70, 80 captured, 120 and 320 waiting, 720 expired, cancelled and released. The
    # share is 5/11 at 70 h, 6/11 at 80 h. One within 24 h, five within 72 h. Its upper bound passes 0.5 with the second
    # capture, as above; the lower bound after the sixth is 0.2931.
    row = om.capture_latency(ORDERS, event="full").row(0, named=True)
    assert [row[name] for name in ("captured", "waiting", "expired", "cancelled", "other")] == [6, 2, 1, 1, 1]
    assert (row["orders"], row["excluded"]) == (12, 1)
    assert [row["p50_hours"], row["p50_hours_low"], row["p50_hours_high"]] == [80, 40, None]
    assert row["captured_only_p50_hours"] == 55
    assert (row["within_24h"], row["within_72h"]) == close(1 / 11, 5 / 11)


def test_capture_latency_of_the_amount() -> None:
    # SEK: 10000 of a, 5000 of b, 3000 of c, 8000 of d at 10 h, 9000 of e at 20 h, 7000 of f at 30 h, 1000 of h at 40 h,
    # 2500 of j at 60 h, 1500 of k at 70 h, 2000 of l at 80 h: 49000. Within 24 h 17000, within 72 h 29000; half,
    # 24500, with h at 40 h. Of the 31000 captured half have come with e, at 20 h.
    # The variance of ln S at 24 h: C is 8/49/41 = 0.003982081 per 1000 after d, and with 9/41/32 = 0.006859756 more it
    # is 0.010841837 after e. The influence of d is 8 (1/41 - 0.003982081) = 0.163265306, of e 9 (1/32 - 0.010841837) =
    # 0.183673469, of each other amount w it is -0.010841837 w, with Σw² = 100 + 25 + 9 + 49 + 1 + 6.25 + 2.25 + 4 =
    # 196.5. V = 0.026655560 + 0.033735943 + 0.023097679 = 0.083489182; S = 32/49, S ^ exp(±z √V / ln S).
    jpy, sek = om.capture_latency(ORDERS, weight="amount").to_dicts()
    assert (sek["purchase_currency"], sek["orders"], sek["captured"], sek["excluded"]) == ("SEK", 11, 7, 1)
    assert (sek["within_24h"], sek["within_72h"]) == close(17 / 49, 29 / 49)
    assert (sek["within_24h_low"], sek["within_24h_high"]) == close(0.106660, 0.800041)
    assert (sek["p50_hours"], sek["p90_hours"], sek["captured_only_p50_hours"]) == (40, None, 20)
    assert (jpy["p50_hours"], jpy["within_24h"]) == (5, 1)


def test_capture_curve() -> None:
    # One of eleven each time; hours, at risk, captured, and the bounds of the share.
    expected = [
        (5, 11, 1, 0.013326, 0.491920),
        (10, 10, 1, 0.048838, 0.552571),
        (20, 9, 1, 0.097167, 0.629213),
        (30, 8, 1, 0.154837, 0.703108),
        (40, 7, 1, 0.220352, 0.771455),
        (60, 6, 1, 0.293124, 0.833383),
        (70, 5, 1, 0.373170, 0.888187),
        (80, 4, 1, 0.461094, 0.934824),
    ]
    rows = om.capture_curve(ORDERS).rows()
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    assert [row[3] for row in rows] == close(*(k / 11 for k in range(1, 9)))
    assert [bound for row in rows for bound in row[4:]] == close(*(bound for row in expected for bound in row[3:]))


def test_a_week_in_stockholm() -> None:
    # 1 January 2025 was a Wednesday: most were created in the week of Monday 30 December, e on Friday 17 January, a on
    # Sunday 26 January at 1 in the morning. Only a is waiting; 0.9 of 8/11 are captured within 80 h, and a was observed
    # for 120 h; at 679 h it was for 79 h.
    by = om.by_period("1w", time_zone="Europe/Stockholm")
    rows = om.capture_latency(ORDERS, by=by).select("created_at_1w", "orders", "captured", "mature").rows()
    weeks = [date(2024, 12, 30), date(2025, 1, 13), date(2025, 1, 20)]
    assert rows == [(weeks[0], 10, 7, True), (weeks[1], 1, 1, True), (weeks[2], 1, 0, True)]
    assert om.capture_latency(ORDERS, by=by, as_of=at(679))["mature"].to_list() == [True, True, False]


def test_refund_ratio() -> None:
    # SEK, x: 6000, 4000, 7000, 2000, 1000, 2500, 1500, 1900 = 25900; y: 4000 of f, 1000 of h = 5000; R = 50/259.
    # Kish counts 25900² / Σx² = 670.81e6 / 118.11e6 = 5.679536 orders. Σ(y - Rx)² = Σy² - 2RΣxy + R²Σx² = 17.0e6 -
    # 2R 29.0e6 + R² 118.11e6 = 10 204 856; times 8/7, over 25900²: V = 0.0173859, and R (1 - R) / V = 8.960194 orders.
    # Wilson of 50/259 with the smaller one. Two of eight orders: (2/8 + z²/16 ± z √(0.1875/8 + z²/256)) / (1 + z²/8).
    # JPY: nothing of one order; Wilson's upper end is z² / (1 + z²).
    jpy, sek = om.refund_ratio(ORDERS).rows()
    upper = pytest.approx(Z2 / (1 + Z2))
    assert jpy == ("JPY", 1, 0, 0, 0, 980, 0, 0, 0, upper, 0, 0, upper)
    assert sek[:7] == ("SEK", 8, 2, 1, 0, 25900, 5000)
    assert sek[7:] == close(50 / 259, 0.037269, 0.596523, 0.25, 0.071492, 0.590715)


def test_refund_ratio_by_month() -> None:
    # All in January. By capture it is 26000 that was captured: the order l itself has 100 less.
    jpy, sek = om.refund_ratio(ORDERS, basis="refund_date").rows()
    none = (None, None)
    assert jpy == (date(2025, 1, 1), "JPY", 1, 0, 0, 0, 980, 0, 0, *none, 0, *none)
    assert sek == (date(2025, 1, 1), "SEK", 8, 2, 1, 0, 26000, 5000, 5 / 26, *none, 0.25, *none)


def test_refund_curve() -> None:
    # SEK: the captured orders d to h and j to l, 25900 in all, were observed for 300 h (e) or longer: all are at risk
    # at each refund: 1000 of h after 24 h, of f 3000 after 70 h and 1000 after 120 h. Without censoring before,
    # the robust variance is Σ(y - Rx)² / 25900². It allows 22.7, 14.5, 10.2 orders, Kish's 5.679536 are fewer: Wilson
    # of 10/259, 40/259, 50/259 with these. First refunds after 24 and 70 h: S is 7/8, then 6/8, with Greenwood's sums
    # 1/56 and 2/48; its bounds are S ^ exp(±z √V / ln S). Nothing was refunded in JPY.
    rows = om.refund_curve(ORDERS).rows()
    twice = (0.25, 0.069102, 0.685193)
    assert [row[0] for row in rows] == ["SEK"] * 3
    assert [row[2:5] for row in rows] == [(8, 25900, 1000), (8, 25900, 3000), (8, 25900, 1000)]
    assert rows[0][1:2] + rows[0][5:] == close(1, 10 / 259, 0.001987, 0.447549, 0.125, 0.018607, 0.613000)
    assert rows[1][1:2] + rows[1][5:] == close(70 / 24, 40 / 259, 0.025298, 0.562430, *twice)
    assert rows[2][1:2] + rows[2][5:] == close(5, 50 / 259, 0.037269, 0.596523, *twice)


def test_refund_ratio_at_equal_age() -> None:
    # 72 h: as after 70 h. 312 h: e is not at risk any more; Kish counts 21900² / 102.11e6 = 4.696993 orders. 720 h:
    # nobody was observed for so long. JPY: nothing of one order, observed for 715 h.
    # 0.9 of the last value, 45/259, is reached after 120 h; e, the youngest by capture, was observed for 300 h: mature.
    # In JPY there is no refund to tell when it is.
    by = om.by_period("1mo")
    jpy, sek = (
        om.refund_ratio(ORDERS, by=by, within=["3d", "312h", "30d"]).select(pl.col("^(refunded_w|mature).*$")).rows()
    )
    none = (None,) * 3
    assert sek[:6] == close(40 / 259, 0.025298, 0.562430, 50 / 259, 0.032555, 0.629739)
    assert sek[6:] == (*none, True)
    assert jpy[:6] == close(0, 0, Z2 / (1 + Z2), 0, 0, Z2 / (1 + Z2))
    assert jpy[6:] == (*none, False)


def test_time_to_refund() -> None:
    # f: the refund at 100 h came 50 or 70 h after a capture, that at 150 h 100 or 120 h; h: exactly 24 h. In days
    # 50/24, 100/24, 1 at least, and 70/24, 120/24, 1 at most; the middles are 2.5, 110/24, 1.
    assert om.time_to_refund(ORDERS).row(0) == (3, 1, 0, 2.5, pytest.approx(50 / 24), pytest.approx(70 / 24))


def interval(share: float, size: float) -> tuple[float, float, float]:
    """Return a share with Wilson's interval for a number of orders."""
    middle, half = share + Z2 / (2 * size), sqrt(Z2 * share * (1 - share) / size + Z2**2 / (4 * size**2))
    return share, (middle - half) / (1 + Z2 / size), (middle + half) / (1 + Z2 / size)


def approximately(number: float) -> Any:
    return pytest.approx(number, abs=1e-12)


def shares(rows: list[tuple[str, int, int]], size: float | None = None, tracked_size: float | None = None) -> list[Any]:
    """Return the rows of names, counts and tracked counts, with their shares by hand.

    The number of orders is the count, unless an order has several; `tracked_size` is that of the first row.
    """
    n = sum(count for _, count, _ in rows)
    made: list[Any] = []
    for number, (name, count, tracked) in enumerate(rows):
        of_method = tracked_size if tracked_size and not number else count
        numbers = (*interval(count / n, size or n), tracked, *interval(tracked / count, of_method))
        made.append((name, count, *map(approximately, numbers)))
    return made


def test_shipping_methods() -> None:
    # Captures 1 to 10: Home, PickUpPoint, Home, (mixed), (digital), (unknown), Home (spelled home), (missing), Drone,
    # Undefined; 1, 3, 4 and 7 have tracking. Of nine orders f has two captures: Kish's size is 10² / (8 + 2²) = 25/3.
    # R(1 - R)/V is larger: for Home 0.21 / (1.68/100) = 12.5, for Drone 0.09 / (0.92/100) = 9.8.
    rows = om.shipping_methods(ORDERS).rows()
    one = [(name, 1, int(name == "(mixed)")) for name in "(digital) (missing) (mixed) (unknown)".split()]
    one += [(name, 1, 0) for name in ("Drone", "PickUpPoint", "Undefined")]
    assert rows == shares([("Home", 3, 3), *one], size=25 / 3)
    assert [row[3:5] for row in rows] == [close(0.098072, 0.628138)] + 7 * [close(0.015672, 0.436748)]


def test_shipping_methods_and_their_money() -> None:
    # Of the 26000 captured in SEK 6000 + 3000 went Home. Kish's size is 9² / (7 + 2²) = 81/11 of captures; of money,
    # with Σx² = (36 + 16 + 49 + 4 + 1 + 6.25 + 2.25 + 4)·10⁶, it is 26² / 118.5 = 5.7046. R(1 - R)/V is smaller for
    # PickUpPoint only, 4000 of order e: with R = 2/13 it is 22/169 over 8/7 · Σ(y - R·x)² / 26000², 5.5469.
    rows = om.shipping_methods(ORDERS, by="purchase_currency").rows()
    money = [9000, 2000, 2500, 4000, 1000, 1500, 4000, 2000]
    names = "Home (digital) (missing) (mixed) (unknown) Drone PickUpPoint Undefined".split()
    tracked = {"Home": 2, "(mixed)": 1}
    counted = shares([(name, 2 if name == "Home" else 1, tracked.get(name, 0)) for name in names], size=81 / 11)
    of_others = {"d": 6000, "e": 4000, "f": 7000, "g": 2000, "h": 1000, "j": 2500, "k": 1500, "l": 2000}
    owners = (
        {"d": 6000, "f": 3000},
        {"g": 2000},
        {"j": 2500},
        {"f": 4000},
        {"h": 1000},
        {"k": 1500},
        {"e": 4000},
        {"l": 2000},
    )
    sizes = []
    for of_method in owners:
        ratio = sum(of_method.values()) / 26000
        residuals = sum((of_method.get(name, 0) - ratio * amount) ** 2 for name, amount in of_others.items())
        sizes.append(min(26**2 / 118.5, ratio * (1 - ratio) / (8 / 7 * residuals / 26000**2)))
    assert rows == [
        ("JPY", *shares([("Home", 1, 1)])[0], 980, *map(approximately, interval(1, 1))),
        *(
            ("SEK", *row, amount, *map(approximately, interval(amount / 26000, size)))
            for row, amount, size in zip(counted, money, sizes, strict=True)
        ),
    ]
    assert [round(size, 4) for size in sizes] == [5.7046] * 6 + [5.5469, 5.7046]


@pytest.mark.parametrize(
    ("options", "expected", "sizes"),
    [
        # f is (mixed) as a whole: Home, and Home with Postal. Tracked are shipments of d, of f and of i.
        (
            {"grain": "order"},
            (
                "Home 2 2, (digital) 1 0, (missing) 1 0, (mixed) 1 1, (unknown) 1 0, Drone 1 0, PickUpPoint 1 0, "
                "Undefined 1 0"
            ),
            (None, None),
        ),
        # Eight entries: those of d, of e, three of f, those of i, k and l. Of f both that went Home are tracked. Order
        # j has physical goods without any. Kish's size is 9² / (6 + 3²), and of the tracked Home 4² / (1 + 2² + 1).
        (
            {"grain": "shipment"},
            "Home 4 4, (missing) 1 0, Drone 1 0, PickUpPoint 1 0, Postal 1 0, Undefined 1 0",
            (5.4, 16 / 6),
        ),
        # Only a has a chosen method; it is not shipped yet.
        ({"grain": "order", "source": "chosen"}, "(missing) 11 3, Home 1 0", (None, None)),
    ],
)
def test_shipping_methods_of_other_grains(options: dict[str, Any], expected: str, sizes: Any) -> None:
    counts = [method.split() for method in expected.split(", ")]
    rows = shares([(name, int(n), int(k)) for name, n, k in counts], *sizes)
    assert om.shipping_methods(ORDERS, **options).rows() == rows


def test_chosen_vs_shipped() -> None:
    # Nine orders have captures, and none of them a chosen method.
    rows = om.chosen_vs_shipped(ORDERS).drop("compared_orders", "^as_chosen_.*$").rows()
    names = "(digital) (missing) (mixed) (unknown) Drone PickUpPoint Undefined".split()
    expected = [("Home", 2), *((name, 1) for name in names)]
    assert rows == [("(missing)", name, n, *map(approximately, interval(n / 9, 9))) for name, n in expected]


def test_carriers() -> None:
    # DHL SE carried captures 1, 3 and 10, and a part of 4; k names no company, j has no shipping info at all.
    assert om.carriers(ORDERS).rows() == shares(
        [
            ("DHL SE", 3, 2),
            ("(missing)", 2, 0),
            ("(digital)", 1, 0),
            ("(mixed)", 1, 1),
            ("(unknown)", 1, 0),
            ("PostNord", 1, 0),
            ("Yamato", 1, 1),
        ],
        size=25 / 3,
    )


def test_products() -> None:
    # Lines: d 6000, e 4000, f 4000 and 3000, j 2500, k 1500 with a tax of 310, l 2000; g 2000 digital. The others have
    # a tax of a fifth. Of the 25900 captured in SEK, 1000 of h have no lines, and l has 100 less than its lines; no
    # refund has lines. The interval of 0 of n is that of Kish's size: 23² / (36 + 16 + 49 + 6.25 + 2.25 + 4), and 1.
    jpy, rest_jpy, physical, digital, rest = om.products(ORDERS, by="type").rows()
    upper = interval(0, 23**2 / 113.5)[2]
    assert physical[:9] == ("physical", "SEK", 7, 23000, 0, 0, 0, 0, approximately(upper))
    assert physical[9:] == (0, 0, 0, 4610, 0)
    assert digital[:9] == ("digital", "SEK", 1, 2000, 0, 0, 0, 0, approximately(interval(0, 1)[2]))
    assert digital[9:] == (0, 0, 0, 400, 0)
    assert rest == ("(no lines)", "SEK", None, 900, None, 5000, None, None, None, None, None, None, None, 0)
    assert jpy[:7] == ("physical", "JPY", 1, 980, 0, 0, 0)
    assert rest_jpy[:7] == ("(no lines)", "JPY", None, 0, None, 0, None)


def test_vat() -> None:
    # Eight lines in SEK at 25 %: 25000 with a tax of 8 · 20 % and 10 more for k; in JPY 980 · 1000 / 11000 is 89.
    january = date(2025, 1, 1)
    assert om.vat(ORDERS).rows() == [
        ("JPY", "JP", january, 10.0, 1, 891, 89, 980, 0, 0, 0),
        ("SEK", "SE", january, 25.0, 8, 19990, 5010, 25000, 0, 0, 0),
        ("SEK", "SE", january, None, 0, 0, 0, 0, 0, 1, 1000),
    ]
    # Three refunds of 5000 together, none with lines.
    assert om.vat(ORDERS, basis="refund_date").rows() == [("SEK", "SE", january, None, 0, 0, 0, 0, 0, 3, 5000)]


def test_mix() -> None:
    # CAPTURED in SEK are d, f, g, j, k and l, 23000 of 51000.
    jpy, captured, *others = om.mix(ORDERS, "status").rows()
    assert jpy[:4] == ("JPY", "CAPTURED", 1, 1.0)
    assert captured[:3] == ("SEK", "CAPTURED", 6)
    assert captured[3:6] == tuple(map(approximately, interval(6 / 11, 11)))
    # Σy² = (64 + 49 + 4 + 6.25 + 2.25 + 4)·10⁶ = 129.5·10⁶, Σx² = 345.5·10⁶, R = 23/51.
    ratio = 23 / 51
    residuals = 129.5 - 2 * ratio * 129.5 + ratio**2 * 345.5
    size = min(51**2 / 345.5, ratio * (1 - ratio) / (11 / 10 * residuals / 51**2))
    assert captured[6:10] == (23000, *map(approximately, interval(ratio, size)))
    assert captured[10:] == (approximately(23000 / 6), 2250, 0)
    assert [(row[1], row[6]) for row in others] == [
        ("AUTHORIZED", 10000),
        ("CANCELLED", 3000),
        ("CLOSED", 1000),
        ("EXPIRED", 5000),
        ("PART_CAPTURED", 9000),
    ]
    assert {row[2] for row in others} == {1}


def test_shipped_uncaptured() -> None:
    # a, b and c have no captures, and no shipping info either.
    assert om.shipped_uncaptured(ORDERS).rows() == []


def test_timeline() -> None:
    # f: 7000 ordered, captured 3000 and 4000, refunded 3000 and 1000, and expired with nothing left.
    of_f = om.timeline(ORDERS[5]).select("at", "event", "amount", "running_captured", "running_refunded", "remaining")
    assert of_f.rows() == [
        (at(0), "created", 7000, 0, 0, 7000),
        (at(30), "captured", 3000, 3000, 0, 4000),
        (at(50), "captured", 4000, 7000, 0, 0),
        (at(100), "refunded", 3000, 7000, 3000, 0),
        (at(150), "refunded", 1000, 7000, 4000, 0),
        (at(672), "expires", 0, 7000, 4000, 0),
    ]


def test_expiring_and_at_risk() -> None:
    # Open are a, until 760 h, and e, until 1072 h; at 720 h that is 40 and 352 h away.
    a = ("a", None, "SEK", 10000, False, at(760), 40, "PENDING", False)
    e = ("e", None, "SEK", 5000, False, at(1072), 352, "ACCEPTED", True)
    assert om.expiring(ORDERS).rows() == [a]
    assert om.expiring(ORDERS, within=None).rows() == [a, e]
    assert om.at_risk(ORDERS).rows() == [("SEK", 1, 10000, at(760), 1, 0, 0)]
    assert om.at_risk(ORDERS, within=None).rows() == [("SEK", 2, 15000, at(760), 1, 0, 0)]


def test_key_figures() -> None:
    # SEK: eleven orders of 51000, from 1000 to 10000, the sixth 3000. Of the 51000 25900 were captured: R = 259/510;
    # Σ(y - Rx)² with Σy² = 118.11e6, Σxy = 150.3e6, Σx² = 345.5e6 is 54 558 410; 11/10 of it over 51000² is 0.0230735,
    # and R (1 - R) over it 10.832; Kish counts 51000² / Σx² = 7.528220 orders. Wilson of 259/510 with the smaller one.
    # Nine captures of eight orders, three with tracking: two of f, one of d. Σ(y - Rx)² with R = 1/3 is 26/9, and 2/9
    # over 26/9 / 81 is 6.2308 orders; Kish counts 81/11. Ten are observed: the share is 5/10 at 60 h.
    jpy, sek = om.key_figures(ORDERS).to_dicts()
    ratios = ("capture_rate", "refund_ratio", "tracking_share")
    found = {name: sek.pop(name) for name in ratios}
    ends = {f"{name}{end}": sek.pop(f"{name}{end}") for name in ratios for end in ("_low", "_high")}
    assert sek == {
        "purchase_currency": "SEK",
        "orders": 11,
        "order_amount": 51000,
        "captured_orders": 8,
        "captured_amount": 25900,
        "refunded_orders": 2,
        "refunded_amount": 5000,
        "open_orders": 2,
        "open_amount": 15000,
        "expired_orders": 1,
        "expired_amount": 5000,
        "cancelled_orders": 1,
        "cancelled_amount": 3000,
        "average_order_value": pytest.approx(51000 / 11),
        "median_order_value": 3000,
        "captures": 9,
        "captures_with_tracking": 3,
        "p50_hours": 60,
        "p50_hours_low": 10,
        "p50_hours_high": None,
        "excluded": 0,
    }
    assert tuple(found.values()) == close(259 / 510, 50 / 259, 1 / 3)
    assert tuple(ends.values()) == close(0.214584, 0.795802, 0.037269, 0.596523, 0.098915, 0.694882)
    assert (jpy["orders"], jpy["captured_amount"], jpy["capture_rate"], jpy["p50_hours"]) == (1, 980, 1, 5)
    assert (jpy["average_order_value"], jpy["captures"], jpy["tracking_share"]) == (980, 1, 1)


def test_audit() -> None:
    rows = om.audit(ORDERS).drop("message").rows()
    assert rows == [
        ("capture_before_creation", "error", "g", "capture-5", "SEK", None, None, None),
        ("captured_amount", "error", "l", None, "SEK", 2000, 1900, -100),
        ("line_tax", "warning", "k", "capture-9", "SEK", 300, 310, 10),
        ("no_shipping_info", "warning", "j", "capture-8", "SEK", None, None, None),
        ("no_tracking", "info", "e", "capture-2", "SEK", None, None, None),
        ("no_tracking", "info", "k", "capture-9", "SEK", None, None, None),
        ("no_tracking", "info", "l", "capture-10", "SEK", None, None, None),
        ("released_remainder", "info", "d", None, "SEK", 8000, 6000, -2000),
        ("released_remainder", "info", "l", None, "SEK", 2000, 1900, -100),  # the same order
        ("unknown_value", "info", "i", None, "JPY", None, None, None),  # home
        ("unknown_value", "info", "k", None, "SEK", None, None, None),  # Drone
    ]


def test_compare() -> None:
    # SEK, d to f before: one of three refunded, Wilson 0.061492 to 0.792340; g to l after: one of five, 0.036223 to
    # 0.624465. The difference is -2/15, less √((0.2 - 0.036223)² + (0.792340 - 1/3)²), plus √((0.624465 - 0.2)² +
    # (1/3 - 0.061492)²). JPY is on one side only.
    with pytest.warns(om.ImmatureGroups, match="refunds of the orders after"):
        jpy, sek = om.compare(om.refund_ratio, ORDERS[:6], ORDERS[6:]).to_dicts()
    names = ("_before", "_after", "_difference", "_difference_low", "_difference_high")
    assert tuple(sek[f"count_ratio{name}"] for name in names) == close(1 / 3, 0.2, -2 / 15, -0.620683, 0.370720)
    assert (sek["captured_amount_before"], sek["captured_amount_after"]) == (17000, 8900)
    assert (sek["captured_amount_difference"], sek["refunded_amount_difference"]) == (-8100, -3000)
    assert (jpy["captured_amount_before"], jpy["captured_amount_after"], jpy["captured_amount_difference"]) == (
        None,
        980,
        None,
    )


def test_the_orders_behind_a_row() -> None:
    row = om.refund_ratio(ORDERS).row(0, named=True)
    assert [one.order_id for one in ORDERS.where(row)] == ["i"]
    by = om.by_period("1w", time_zone="Europe/Stockholm")
    assert [one.order_id for one in ORDERS.where(om.capture_latency(ORDERS, by=by)[1], by=by)] == ["e"]


def test_amounts_in_messages() -> None:
    messages = om.audit(ORDERS).filter(pl.col("severity") == "error")["message"].to_list()
    assert messages == [
        "The capture was made at 2025-01-04 18:00:00 UTC, before the order was created at 2025-01-05 04:00:00 UTC.",
        "The order's captured amount is 19.00 SEK; its captures add up to 20.00 SEK.",
    ]
    assert om.money.format(980, "JPY") == "980 JPY"
