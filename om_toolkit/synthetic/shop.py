"""A seed and an instant in; the orders of a synthetic shop, as the API sends them, out.

People, companies, addresses and numbers are invented: e-mail addresses end in `example.com` or `example.org`, and
telephone numbers are in ranges reserved for fiction.
"""

import json
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from om_toolkit.synthetic.catalogue import COUNTRIES, HOURS, TREND, UTC_OFFSETS, WEEKDAYS
from om_toolkit.synthetic.defects import DEFECT_EVERY, DEFECTS, plant
from om_toolkit.synthetic.dice import Dice, to_json
from om_toolkit.synthetic.sale import Sale

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)


class Shop:
    """A synthetic shop: its orders as the API returns them at one instant.

    Equal arguments make equal shops, on every platform and at any time. Purchases follow the day of the week, the hour
    and a slight upward trend; the time until a capture depends on the shipping method, and refunds on the products.
    Every 25th order has a defect of a kind that `audit` reports; the amounts of all others add up.

    Args:
        orders: The number of orders.
        seed: Selects one of many shops.
        as_of: The instant of the responses, with a time zone.
        days: The orders were placed in this many days before `as_of`.

    Attributes:
        seed: As given.
        as_of: The instant of the responses, in UTC.
        order_ids: The ids of all orders, in order of creation.
        defects: The label of the defect planted in an order, such as `captured_amount_differs`, by order id.

    Raises:
        ValueError: If a number is below its minimum, or `as_of` has no time zone.

    Example:
        >>> shop = Shop(3)
        >>> [json.loads(shop.body(order_id))["status"] for order_id in shop.order_ids]
        ['CAPTURED', 'CAPTURED', 'CAPTURED']
    """

    def __init__(self, orders: int = 300, *, seed: int = 1, as_of: datetime = AS_OF, days: int = 90) -> None:
        if orders < 0 or days < 1:
            raise ValueError(f"invalid orders={orders}, days={days}; use at least 0 orders and 1 day")
        if as_of.tzinfo is None:
            raise ValueError(f"as_of={as_of} has no time zone; add one, such as tzinfo=UTC")
        self.seed = seed
        self.as_of = as_of.astimezone(UTC)
        self.defects: dict[str, str] = {}
        self._bodies: dict[str, bytes] = {}
        queue = list(DEFECTS)
        purchases = _purchases(Dice(f"{seed}"), orders, self.as_of, days)
        for number, (created, country) in enumerate(purchases, 1):
            order = Sale(Dice(f"{seed}:{number}"), created, country, self.as_of).document(number)
            if number % DEFECT_EVERY == 0:
                order = json.loads(to_json(order))  # a copy whose parts share nothing, so that a defect changes one
                self.defects[order["order_id"]] = plant(order, queue)
            self._bodies[order["order_id"]] = to_json(order)
        self.order_ids = tuple(self._bodies)

    def answer(self, order_id: str) -> dict[str, object]:
        """Return the document of an order, a new copy each time.

        Raises:
            KeyError: If the shop has no such order.
        """
        order: dict[str, object] = json.loads(self.body(order_id))
        return order

    def body(self, order_id: str) -> bytes:
        """Return the document of an order as the API sends it, in UTF-8.

        Raises:
            KeyError: If the shop has no such order.
        """
        return self._bodies[order_id]


def _purchases(dice: Dice, orders: int, as_of: datetime, days: int) -> list[tuple[datetime, str]]:
    """Return the times and countries of purchases, the oldest first."""
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
