"""TODO."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from om_toolkit.synthetic.catalogue import (
    AT_A_PLACE,
    BACK_ORDER_HOURS,
    BASKET,
    CANCELLATION_HOURS,
    CAPTURE_HOURS,
    CAPTURE_PACE,
    CARRIERS,
    CATEGORIES,
    CLOSES,
    COLOURS,
    CURRENCIES,
    DIGITAL,
    ENTITIES,
    ENTRY_CODE,
    EXPIRY_DAYS,
    FAMILY_NAMES,
    FATES,
    FEES,
    FRAUD_STATUS,
    FREE_SHIPPING_FROM,
    FURNITURE,
    GIVEN_NAMES,
    INSTALMENTS,
    LOCALES,
    METHODS,
    OPENS,
    OTHER_CAPTURE_HOURS,
    OTHER_FEE,
    OTHER_PHONES,
    PAYMENT_TYPES,
    PHONES,
    PLACES,
    PRICES,
    QUANTITY,
    REFERENCE_LETTERS,
    REFUND_HOURS,
    REFUND_STEPS,
    SALES_TAX_RATE,
    SATURDAY,
    SELDOM_TRACKED,
    SHARES,
    STREETS,
    TAX_RATES,
    UTC_OFFSETS,
    WITHOUT_CARRIER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_T = TypeVar("_T")


Json = dict[str, Any]


class Dice(random.Random):
    """A random stream with the draws a shop needs, the same on every platform."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def pick(self, weights: Mapping[_T, int]) -> _T:
        return self.choices(tuple(weights), tuple(weights.values()))[0]

    def duration(self, hours: Sequence[float]) -> timedelta:
        """Draw from these quantiles, in whole milliseconds."""
        share = self.random()
        left = bisect_right(SHARES, share) - 1
        weight = (share - SHARES[left]) / (SHARES[left + 1] - SHARES[left])
        return timedelta(milliseconds=int(3_600_000 * (hours[left] + weight * (hours[left + 1] - hours[left]))))

    def identifier(self) -> str:
        return str(uuid.UUID(int=self.getrandbits(128)))


class _Part(NamedTuple):
    """What is captured at once."""

    at: datetime
    lines: list[Json]

    @property
    def amount(self) -> int:
        return _total(self.lines)


class _Refund(NamedTuple):
    at: datetime
    lines: list[Json]
    amounts: list[int]  # of each part


class Sale:
    """The life of one order up to `as_of`."""

    def __init__(self, dice: Dice, created: datetime, country: str, as_of: datetime) -> None:
        self.dice, self.created, self.country, self.as_of = dice, created, country, as_of
        self.currency = CURRENCIES.get(country, "EUR")
        self.category = dice.choices(CATEGORIES, [category.weight for category in CATEGORIES])[0]
        self.is_digital = self.category.products is DIGITAL
        self.is_business = dice.chance(0.09)
        self.payment_type = "INVOICE_BUSINESS" if self.is_business else dice.pick(PAYMENT_TYPES[country])
        self.method = self._method()
        self.lines = self._order_lines()
        self.amount = _total(self.lines)
        self.fate = "shipped" if self.is_digital else dice.pick(FATES)
        self.cancelled_at = created + dice.duration(CANCELLATION_HOURS)  # if that is its fate
        self.expires_at = self._expiry()
        self.groups = self._groups()
        self.parts = self._parts()
        self.captured = sum(part.amount for part in self.parts)
        self.refunds = self._refunds()
        self.refunded = sum(sum(refund.amounts) for refund in self.refunds)

    def status(self) -> str:
        if self.captured:
            if self.captured == self.refunded:
                return "CLOSED"
            is_finished = len(self.parts) == len(self.groups) or self.expires_at <= self.as_of
            return "CAPTURED" if is_finished else "PART_CAPTURED"
        if self.fate in ("cancelled", "rejected") and self.cancelled_at <= self.as_of:
            return "CANCELLED"
        return "EXPIRED" if self.expires_at <= self.as_of else "AUTHORIZED"

    def _method(self) -> str:
        if self.is_digital:
            return "Digital"
        if self.category.products is FURNITURE and self.dice.chance(0.7):
            return "PalletDelivery"
        return self.dice.pick(METHODS[self.country])

    def _expiry(self) -> datetime:
        days = EXPIRY_DAYS.get(self.payment_type, 28) + (28 if self.dice.chance(0.04) else 0)  # some are extended
        return (self.created + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _price(self, cents: int) -> int:
        """So many euro cents in minor units of this order's currency."""
        percent, step = PRICES[self.currency]
        return max(cents * percent // 100 // step, 1) * step

    def _order_lines(self) -> list[Json]:
        dice, tax_rate = self.dice, TAX_RATES[self.country]
        lines = [self._product_line() for _ in range(dice.pick(BASKET))]
        goods = _total(lines)
        if not self.is_digital and goods < self._price(FREE_SHIPPING_FROM):
            lines.append(_line("shipping_fee", self._price(FEES.get(self.method, OTHER_FEE)), tax_rate))
        if dice.chance(0.07):
            lines.append(_line("discount", -(goods // 10), tax_rate))
        elif dice.chance(0.02):
            lines.append(_line("gift_card", -(goods // 4), 0))
        if self.country == "US":
            lines.append(_line("sales_tax", _total(lines) * SALES_TAX_RATE // 10000, 0))
        return lines

    def _product_line(self) -> Json:
        category, dice = self.category, self.dice
        number, size = dice.randrange(len(category.products)), dice.choice(category.sizes)
        name, cents = tuple(category.products.items())[number]
        price, quantity = self._price(cents), dice.pick(QUANTITY)
        discount = price * quantity // 10 if dice.chance(0.12) else 0
        kind = "digital" if self.is_digital else "physical"
        sku = f"{category.brand[:3].upper()}-{number}{size}"
        return _line(kind, price, TAX_RATES[self.country], quantity, discount) | {
            "name": name,
            "reference": sku,
            "quantity_unit": "pcs",
            "product_url": f"https://shop.example/products/{sku.lower()}",
            "image_url": f"https://shop.example/products/{sku.lower()}.png",
            "merchant_data": f"shelf {dice.randrange(90)}" if dice.chance(0.2) else "",
            "product_identifiers": {
                "brand": category.brand,
                "category_path": f"{category.path} > {name}",
                "color": dice.choice(COLOURS),
                "global_trade_item_number": f"20{category.weight:04d}{number:07d}",
                "manufacturer_part_number": f"{category.brand}-{number:03d}",
                "size": size,
            },
        }

    def _groups(self) -> list[list[Json]]:
        """The lines that are to be captured together."""
        dice = self.dice
        goods = [line for line in self.lines if line["type"] == "physical"]
        if len(goods) <= 1 or any(line["total_amount"] < 0 for line in self.lines):
            return [self.lines]
        others = [line for line in self.lines if line["type"] != "physical"]
        if dice.chance(0.06):  # the last one is sold out: its money is released
            return [goods[:-1] + others]
        if dice.chance(0.65):
            return [self.lines]
        if dice.chance(0.3):
            return [goods[:1] + others, *([line] for line in goods[1:])]
        cut = dice.randrange(1, len(goods))
        return [goods[:cut] + others, goods[cut:]]

    def _parts(self) -> list[_Part]:
        """What has been captured."""
        if self.fate != "shipped":
            return []
        at, parts, pace = self.created, [], CAPTURE_PACE.get(self.country, 100)
        for number, lines in enumerate(self.groups):
            hours = BACK_ORDER_HOURS if number else CAPTURE_HOURS.get(self.method, OTHER_CAPTURE_HOURS)
            wait = self.dice.duration(hours)
            at = at + wait if self.is_digital else self._at_work(at + wait * pace // 100)
            parts.append(_Part(at, lines))
        return [part for part in parts if part.at <= min(self.as_of, self.expires_at)]

    def _at_work(self, at: datetime) -> datetime:
        """`at`, or the next time when somebody is there to do it: by day, seldom at week-ends."""
        offset = timedelta(hours=UTC_OFFSETS[self.country])
        local = at + offset
        if not OPENS <= local.hour < CLOSES:
            local = (local + timedelta(hours=24 - CLOSES)).replace(hour=OPENS + self.dice.randrange(4))
        if local.weekday() >= SATURDAY and self.dice.chance(0.9):
            local += timedelta(days=7 - local.weekday())
        return local - offset

    def _refunds(self) -> list[_Refund]:
        """What has been refunded; nobody asks before everything was sent."""
        is_sent = len(self.parts) == len(self.groups)
        if not (is_sent and self.dice.chance(self.category.refunded)):
            return []
        at, refunds = self.parts[-1].at, list[_Refund]()
        room = [part.amount for part in self.parts]
        for step in self.dice.pick(REFUND_STEPS):
            at = self._at_work(at + self.dice.duration(REFUND_HOURS))
            refund = _Refund(at, [], room) if step == "rest" else self._one_line_back(at, room)
            room = [left - amount for left, amount in zip(room, refund.amounts, strict=True)]
            refunds.append(refund)
        return [refund for refund in refunds if refund.at <= self.as_of and any(refund.amounts)]

    def _one_line_back(self, at: datetime, room: list[int]) -> _Refund:
        number = self.dice.randrange(len(room))
        line = self.dice.choice([line for line in self.parts[number].lines if "product_identifiers" in line])
        amounts = [0] * len(room)
        amounts[number] = min(line["total_amount"], room[number])
        return _Refund(at, [line] if amounts[number] == line["total_amount"] else [], amounts)

    def document(self, number: int) -> Json:
        """The answer of the API; `number` counts the shop's orders."""
        dice, status = self.dice, self.status()
        is_open = status in ("AUTHORIZED", "PART_CAPTURED")
        reference = "".join(dice.choices(REFERENCE_LETTERS, k=8))
        billing = self._address()
        shipping = billing if dice.chance(0.8) else self._address()
        captures = self._captures(reference, {"billing_address": billing, "shipping_address": shipping})
        order = {
            "order_id": dice.identifier(),
            "status": status,
            "fraud_status": FRAUD_STATUS.get(self.fate, "ACCEPTED"),
            "order_amount": self.amount,
            "original_order_amount": self.amount + (self._price(1000) if dice.chance(0.04) else 0),
            "captured_amount": self.captured,
            "refunded_amount": self.refunded,
            "remaining_authorized_amount": self.amount - self.captured if is_open else 0,
            "purchase_currency": self.currency,
            "purchase_country": self.country,
            "locale": LOCALES[self.country],
            "order_lines": self.lines,
            "merchant_reference1": f"{100000 + number}",
            "merchant_reference2": f"WEB-{number:06d}" if dice.chance(0.7) else "",
            "merchant_data": f"campaign {dice.randrange(20)}" if dice.chance(0.1) else "",
            "klarna_reference": reference,
            "customer": self._customer(),
            "billing_address": billing,
            "shipping_address": shipping,
            "created_at": stamp(self.created),
            "expires_at": stamp(self.expires_at),
            "captures": captures,
            "refunds": [self._refund(refund) for refund in self.refunds],
            "initial_payment_method": self._payment_method(),
            "selected_shipping_option": self._shipping_option(),
            "shipping_info": self._shipments() if captures and dice.chance(0.06) else [],
        }
        return self._thinned(order, "locale", "merchant_reference2", "merchant_data", "customer", "shipping_info")

    def _thinned(self, document: Json, *optional: str) -> Json:
        """Leave keys out, as the API does: those without a value, and the optional ones now and then."""
        missing = {key for key in optional if self.dice.chance(0.08)}
        return {key: value for key, value in document.items() if key not in missing and value is not None}

    def _captures(self, reference: str, addresses: Json) -> list[Json]:
        captures = []
        for number, part in enumerate(self.parts, 1):
            is_terse = part.lines is self.lines and self.dice.chance(0.35)
            capture = {
                "capture_id": self.dice.identifier(),
                "klarna_reference": f"{reference}-{number}",
                "captured_amount": part.amount,
                "captured_at": stamp(part.at),
                "description": "Your order is on its way" if self.dice.chance(0.4) else "",
                "reference": f"shipment-{number}" if self.dice.chance(0.3) else "",
                "order_lines": [] if is_terse else part.lines,
                "refunded_amount": sum(refund.amounts[number - 1] for refund in self.refunds),
                "shipping_info": self._shipments(),
            }
            captures.append(self._thinned(capture | addresses, "description", "reference", "shipping_address"))
        if self.dice.chance(0.4):
            captures.reverse()
        return captures

    def _shipments(self) -> list[Json]:
        if self.is_digital:
            return [{"shipping_method": "Digital"}] if self.dice.chance(0.4) else []
        return [self._shipment() for _ in range(self.dice.pick({1: 84, 2: 12, 3: 4}))]

    def _shipment(self) -> Json:
        dice = self.dice
        method = self.method if dice.chance(0.95) else dice.pick(METHODS[self.country])
        company = self._carrier(method)
        shipment = {"shipping_company": company, "shipping_method": method, "tracking_number": "", "tracking_uri": ""}
        if dice.chance(0.15 if method in SELDOM_TRACKED else 0.93):
            shipment |= self._tracking("tracking")
        if company and dice.chance(0.2):
            shipment |= {"return_shipping_company": company} | self._tracking("return_tracking")
        return shipment

    def _carrier(self, method: str) -> str:
        return "" if method in WITHOUT_CARRIER else self.dice.pick(CARRIERS[self.country])

    def _tracking(self, name: str) -> dict[str, str]:
        number = f"{self.dice.randrange(10**17, 10**18)}"
        return {f"{name}_number": number, f"{name}_uri": f"https://shipping.example/find?{number}"}

    def _refund(self, refund: _Refund) -> Json:
        return {
            "refund_id": self.dice.identifier(),
            "reference": f"return-{self.dice.randrange(10**5):05d}" if self.dice.chance(0.5) else "",
            "refunded_amount": sum(refund.amounts),
            "refunded_at": stamp(refund.at),
            "description": "Returned within the period" if self.dice.chance(0.6) else "",
            "order_lines": refund.lines,
        }

    def _address(self) -> Json:
        dice = self.dice
        city, postal_code, region = dice.choice(PLACES[self.country])
        given_name, family_name = dice.choice(GIVEN_NAMES), dice.choice(FAMILY_NAMES)
        company = {"organization_name": f"{family_name} & Co", "attention": given_name} if self.is_business else {}
        return company | {
            "given_name": given_name,
            "family_name": family_name,
            "title": dice.choice(("", "", "", "Ms", "Mr")),
            "street_address": f"{dice.choice(STREETS)} {dice.randrange(1, 120)}",
            "street_address2": f"door {dice.randrange(1, 9)}" if dice.chance(0.12) else "",
            "postal_code": postal_code,
            "city": city,
            "region": region,
            "country": self.country,
            "email": f"customer.{dice.randrange(10**6)}@example.{dice.choice(('com', 'org'))}",
            "phone": f"{PHONES.get(self.country, OTHER_PHONES)}{dice.randrange(10, 100)}",
        }

    def _customer(self) -> Json:
        dice = self.dice
        if self.is_business:
            registration = f"0000{dice.randrange(10**6):06d}"
            return {
                "type": "organization",
                "organization_registration_id": registration,
                "organization_entity_type": dice.pick(ENTITIES),
                "vat_id": f"{self.country}{registration}01",
            }
        born = f"{dice.randrange(1945, 2006)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        customer = {"type": "person", "date_of_birth": born}
        if self.country == "SE" and dice.chance(0.5):
            customer["national_identification_number"] = f"{born.replace('-', '')}-0000"
        return self._thinned(customer, "date_of_birth")

    def _payment_method(self) -> Json:
        method = {"type": self.payment_type, "description": self.payment_type.replace("_", " ").capitalize()}
        instalments = INSTALMENTS.get(self.payment_type)
        return method | ({"number_of_installments": self.dice.choice(instalments)} if instalments else {})

    def _shipping_option(self) -> Json | None:
        """What the customer chose."""
        dice = self.dice
        if self.is_digital or dice.chance(0.3):
            return None
        fees = [line for line in self.lines if line["type"] == "shipping_fee"]
        carrier = self._carrier(self.method)
        option = {
            "id": f"option-{dice.randrange(100)}",
            "name": f"{carrier} {self.method}".strip(),
            "class": dice.choice(("standard", "standard", "express")),
            "type": "pickup" if self.method in AT_A_PLACE else "delivery",
            "method": self.method,
            "carrier": carrier,
            "carrier_product": {"identifier": f"P{dice.randrange(10, 99)}", "name": f"{carrier} parcel".strip()},
            "price": _total(fees),
            "tax_rate": TAX_RATES[self.country],
            "tax_amount": sum(line["total_tax_amount"] for line in fees),
            "tms_reference": dice.identifier(),
            "selected_addons": [ENTRY_CODE] if dice.chance(0.1) else [],
            "timeslot": self._timeslot() if self.method == "Home" and dice.chance(0.5) else None,
            "location": self._location() if self.method in AT_A_PLACE else None,
        }
        return self._thinned(option, "class", "tms_reference")

    def _timeslot(self) -> Json:
        day = (self.created + timedelta(days=self.dice.randrange(1, 5))).replace(minute=0, second=0, microsecond=0)
        hours = {"cutoff": 2, "start": 15, "end": 19}
        times = {name: stamp(day.replace(hour=hour)) for name, hour in hours.items()}
        return {"id": f"slot-{self.dice.randrange(1000)}", "price": 0} | times

    def _location(self) -> Json:
        city, postal_code, _ = self.dice.choice(PLACES[self.country])
        street = f"{self.dice.choice(STREETS)} {self.dice.randrange(1, 120)}"
        address = {"street_address": street, "postal_code": postal_code, "city": city, "country": self.country}
        return {"id": f"place-{self.dice.randrange(1000)}", "name": f"Kiosk {city}", "price": 0, "address": address}


def _line(kind: str, price: int, tax_rate: int, quantity: int = 1, discount: int = 0) -> Json:
    total = quantity * price - discount
    return {
        "reference": "",
        "type": kind,
        "name": kind.replace("_", " ").capitalize(),
        "quantity": quantity,
        "quantity_unit": "",
        "unit_price": price,
        "tax_rate": tax_rate,
        "total_amount": total,
        "total_discount_amount": discount,
        "total_tax_amount": (2 * total * tax_rate + 10000 + tax_rate) // (2 * (10000 + tax_rate)),  # to the nearest
    }


def _total(lines: Sequence[Json]) -> int:
    return sum(line["total_amount"] for line in lines)


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
