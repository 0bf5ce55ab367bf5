"""A synthetic shop: a seed and an instant in, the API's documents of its orders out.

Persons, companies, addresses and numbers are invented: e-mails end in `example.com` or `example.org`, telephone
numbers come from ranges reserved for fiction.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from om_toolkit.synthetic.catalogue import COUNTRIES, HOURS, TREND, UTC_OFFSETS, WEEKDAYS
from om_toolkit.synthetic.defects import DEFECT_EVERY, DEFECTS, plant
from om_toolkit.synthetic.sale import Dice, Sale

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)


def _purchases(dice: Dice, orders: int, as_of: datetime, days: int) -> list[tuple[datetime, str]]:
    """When and in which country orders are placed, the oldest first."""
    start = as_of - timedelta(days=days)
    midnights = [start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=n) for n in range(days + 1)]
    weights = [WEEKDAYS[day.weekday()] * (1 + TREND * number / days) for number, day in enumerate(midnights)]
    days_up_to, hours_up_to = tuple(accumulate(weights)), tuple(accumulate(HOURS))
    purchases: list[tuple[datetime, str]] = []
    while len(purchases) < orders:
        country = dice.pick(COUNTRIES)
        hour = dice.choices(range(24), cum_weights=hours_up_to)[0] - UTC_OFFSETS[country]
        midnight = dice.choices(midnights, cum_weights=days_up_to)[0]
        created = midnight + timedelta(hours=hour, milliseconds=dice.randrange(3_600_000))
        if start <= created <= as_of:
            purchases.append((created, country))
    return sorted(purchases)


class Shop:
    """A synthetic shop: its orders as the API tells them at one instant.

    Equal arguments make equal shops, on every platform and at any time. Purchases follow the week, the hour and a
    gentle trend; the delay until a capture depends on the shipping method, refunds on what was bought. Every 25th order
    has a defect of the kind that `audit` looks for; the amounts of all others add up.

    Args:
        orders: How many orders.
        seed: Chooses one of many shops.
        as_of: The instant of the answers; aware.
        days: The orders were placed in so many days before `as_of`.

    Attributes:
        seed: As given.
        as_of: The instant of the answers, in UTC.
        order_ids: In order of creation.
        defects: Order id to the label of the defect planted there, such as `captured_amount_differs`.

    Raises:
        ValueError: A count below its minimum, or an `as_of` without an offset.

    Example:
        >>> shop = Shop(3)
        >>> [shop.answer(order_id)["status"] for order_id in shop.order_ids]
        ['CAPTURED', 'CAPTURED', 'CAPTURED']
    """

    def __init__(self, orders: int = 300, *, seed: int = 1, as_of: datetime = AS_OF, days: int = 90) -> None:
        if orders < 0 or days < 1:
            raise ValueError(f"a shop needs orders >= 0 and days >= 1, not orders={orders}, days={days}")
        if as_of.tzinfo is None:
            raise ValueError(f"as_of needs an offset, such as tzinfo=UTC: {as_of}")
        self.seed = seed
        self.as_of = as_of.astimezone(UTC)
        self.defects: dict[str, str] = {}
        self._answers: dict[str, bytes] = {}
        waiting = list(DEFECTS)
        purchases = _purchases(Dice(f"{seed}"), orders, self.as_of, days)
        for number, (created, country) in enumerate(purchases, 1):
            order = Sale(Dice(f"{seed}:{number}"), created, country, self.as_of).document(number)
            if number % DEFECT_EVERY == 0:
                order = json.loads(to_json(order))  # nothing shared between its parts any more
                self.defects[order["order_id"]] = plant(order, waiting)
            self._answers[order["order_id"]] = to_json(order)
        self.order_ids = tuple(self._answers)

    def answer(self, order_id: str) -> dict[str, object]:
        """Return the JSON document of this order, a new one each time.

        Raises:
            KeyError: The shop has no such order.
        """
        order: dict[str, object] = json.loads(self.body(order_id))
        return order

    def body(self, order_id: str) -> bytes:
        """Return the same document as it is sent, in UTF-8.

        Raises:
            KeyError: The shop has no such order.
        """
        return self._answers[order_id]


def to_json(document: object) -> bytes:
    """Write a document as the API sends it."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
