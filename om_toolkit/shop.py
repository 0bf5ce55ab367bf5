"""A synthetic shop: a seed and an instant in, the API's documents of its orders out.

Persons, companies, addresses and numbers are invented: e-mails end in `example.com` or `example.org`, telephone
numbers come from ranges reserved for fiction.
"""

from __future__ import annotations

import json
import random
import uuid
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_T = TypeVar("_T")
_Json = dict[str, Any]

# Where purchases come from. Whole numbers are weights unless said otherwise.
_COUNTRIES = {"SE": 36, "DE": 18, "FI": 12, "NL": 8, "US": 13, "JP": 7}
_CURRENCIES = {"SE": "SEK", "US": "USD", "JP": "JPY"}  # elsewhere EUR
_LOCALES = {"SE": "sv-SE", "DE": "de-DE", "FI": "fi-FI", "NL": "nl-NL", "US": "en-US", "JP": "ja-JP"}
_UTC_OFFSETS = {"SE": 2, "DE": 2, "FI": 3, "NL": 2, "US": -5, "JP": 9}  # hours
_TAX_RATES = {"SE": 2500, "DE": 1900, "FI": 2550, "NL": 2100, "US": 0, "JP": 1000}  # 2500 is 25 %
_SALES_TAX_RATE = 800  # in the US: a line of its own
_PHONES = {"SE": "+467017406", "DE": "+4930231250", "US": "+121255501"}  # and two digits
_OTHER_PHONES = "+4477009000"
_PLACES = {  # city, postal code, region
    "SE": (("Göteborg", "411 05", ""), ("Stockholm", "111 22", ""), ("Umeå", "903 26", "")),
    "DE": (("Berlin", "10115", ""), ("Köln", "50667", ""), ("München", "80331", "")),
    "FI": (("Helsinki", "00100", ""), ("Jyväskylä", "40100", "")),
    "NL": (("Amsterdam", "1012 AB", ""), ("Utrecht", "3511 CD", "")),
    "US": (("Austin", "78701", "TX"), ("Nashville", "37203", "TN"), ("New York", "10001", "NY")),
    "JP": (("Tokyo", "100-0001", ""), ("大阪市", "530-0001", "")),
}
_STREETS = ("Björkvägen", "Gartenweg", "Maple Street", "Molenweg", "桜通り")
_GIVEN_NAMES = ("Aino", "Astrid", "Björn", "Chloé", "Emil", "Greta", "Haruka", "Jonas", "Lena", "Noah", "Sanna", "Tom")
_FAMILY_NAMES = ("Bergqvist", "Dupré", "Exempelsson", "Hakala", "Jansen", "Miller", "Müller", "Sato", "Testberg")
_ENTITIES = {"LIMITED_COMPANY": 60, "SOLE_TRADER": 20, "PUBLIC_INSTITUTION": 12, "GENERAL_PARTNERSHIP": 8}

# How they are paid and shipped.
_PAYMENT_TYPES = {
    "SE": {"INVOICE": 34, "CARD": 24, "SWISH": 22, "FIXED_AMOUNT": 10, "APPLE_PAY_CARD": 6, "BANK_TRANSFER": 4},
    "DE": {"INVOICE": 46, "CARD": 20, "DIRECT_DEBIT": 14, "FIXED_AMOUNT": 12, "GOOGLE_PAY_CARD": 8},
    "FI": {"INVOICE": 34, "CARD": 26, "MOBILEPAY": 22, "BANK_TRANSFER": 18},
    "NL": {"BANK_TRANSFER": 52, "INVOICE": 30, "CARD": 18},
    "US": {"CARD": 42, "PAY_LATER_IN_PARTS": 32, "APPLE_PAY_CARD": 18, "FIXED_AMOUNT": 8},
    "JP": {"CARD": 80, "OTHER": 20},
}
_EXPIRY_DAYS = {"APPLE_PAY_CARD": 7, "GOOGLE_PAY_CARD": 7, "INVOICE_BUSINESS": 60, "MOBILEPAY": 14}  # else 28
_INSTALMENTS = {"FIXED_AMOUNT": (3, 6, 12), "PAY_LATER_IN_PARTS": (4,)}
_METHODS = {
    "SE": {"PickUpPoint": 50, "Home": 20, "BoxReg": 12, "Postal": 10, "ClickCollect": 8},
    "DE": {"Home": 52, "DHLPackstation": 22, "Postal": 13, "PickUpPoint": 8, "Undefined": 5},
    "FI": {"PickUpPoint": 45, "BoxUnreg": 25, "Home": 20, "PickUpStore": 10},
    "NL": {"Home": 70, "PickUpPoint": 22, "PickUpStore": 8},
    "US": {"Home": 76, "PickUpStore": 14, "PickupStore": 4, "PickUpWarehouse": 6},
    "JP": {"Home": 84, "ClickCollect": 16},
}
_CARRIERS = {
    "SE": {"PostNord": 34, "Postnord": 12, "postnord": 6, "DHL SE": 22, "DHL": 8, "Budbee": 18},
    "DE": {"DHL": 48, "DHL DE": 16, "Hermes": 22, "DPD": 14},
    "FI": {"Posti": 58, "posti": 8, "Matkahuolto": 34},
    "NL": {"PostNL": 70, "DHL NL": 30},
    "US": {"UPS": 44, "FedEx": 30, "USPS": 22, "usps": 4},
    "JP": {"Yamato": 66, "Sagawa": 34},
}
_SELDOM_TRACKED = ("BoxUnreg", "ClickCollect", "Own", "PickUpStore", "PickupStore", "Postal", "Undefined")
_ENTRY_CODE = {"type": "entry-code", "price": 0, "external_id": "addon-1", "user_input": "0000"}
_WITHOUT_CARRIER = ("ClickCollect", "Own", "PickUpStore", "PickUpWarehouse", "PickupStore")
_AT_A_PLACE = ("BoxReg", "ClickCollect", "DHLPackstation", "PickUpPoint", "PickUpStore")


# What they buy.
class _Category(NamedTuple):
    path: str
    weight: int
    refunded: float  # share of the orders
    brand: str
    sizes: tuple[str, ...]
    products: dict[str, int]  # name: price in euro cents


_CLOTHES = {"Linen shirt": 4900, "Rain jacket": 12900, "Socks, 3 pairs": 1490, "Wool sweater": 8900}
_SHOES = {"Running shoes": 10900, "Sandals": 5900, "Winter boots": 15900}
_AUDIO = {"Charging cable": 1290, "Headphones": 19900, "Speaker": 7990, "Turntable": 34900}
_FURNITURE = {"Armchair": 44900, "Bookshelf": 29900, "Floor lamp": 12900, "Oak table": 69900}
_DIGITAL = {"Audio book": 1990, "E-book": 1290, "Gift card": 5000, "Software licence": 8900}
_CATEGORIES = (
    _Category("Shop > Clothing", 31, 0.40, "Nordvik", ("S", "M", "L", "XL"), _CLOTHES),
    _Category("Shop > Shoes", 18, 0.34, "Stigfinn", ("38", "40", "42", "44"), _SHOES),
    _Category("Shop > Electronics > Audio", 26, 0.14, "Lumo", ("",), _AUDIO),
    _Category("Shop > Home > Furniture", 12, 0.07, "Ekhammar", ("",), _FURNITURE),
    _Category("Shop > Digital", 13, 0.03, "Papervale", ("",), _DIGITAL),
)
_COLOURS = ("black", "forest green", "natural", "sea blue", "white")
_BASKET = {1: 32, 2: 30, 3: 21, 4: 12, 5: 5}  # lines
_QUANTITY = {1: 84, 2: 12, 3: 4}
_PRICES = {"EUR": (100, 10), "JPY": (160, 10), "SEK": (1100, 100), "USD": (110, 5)}  # % of euro cents; rounded to
_FEES = {"Home": 790, "PalletDelivery": 4900, "PickUpPoint": 390}  # euro cents
_OTHER_FEE = 490
_FREE_SHIPPING_FROM = 15000

# When things happen. A duration is drawn from its quantiles (the values at _SHARES, straight lines between them): sums
# and products are the same on every platform, logarithms and exponentials need not be.
_SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_CAPTURE_HOURS = {
    "BoxReg": (1, 3, 9, 19, 32, 70, 200),
    "ClickCollect": (0.5, 1, 2, 4, 8, 30, 100),
    "Digital": (0.0001, 0.0002, 0.00025, 0.0003, 0.00035, 0.0006, 0.002),
    "Home": (1, 4, 14, 26, 44, 96, 300),
    "PalletDelivery": (20, 48, 100, 170, 260, 480, 900),
    "PickUpPoint": (1, 3, 10, 20, 34, 72, 240),
    "PickUpStore": (0.5, 1, 3, 6, 16, 48, 150),
}
_OTHER_CAPTURE_HOURS = (1, 4, 12, 24, 42, 90, 280)
_CAPTURE_PACE = {"SE": 80, "US": 170, "JP": 150}  # % of these hours; elsewhere 100
_BACK_ORDER_HOURS = (24, 72, 168, 336, 600, 1000, 1440)
_CANCELLATION_HOURS = (0.1, 0.5, 2, 8, 24, 90, 240)
_REFUND_HOURS = (5, 36, 144, 288, 504, 1080, 1920)
_WEEKDAYS = (115, 105, 100, 98, 90, 82, 110)  # from Monday
_HOURS = (8, 4, 3, 2, 2, 4, 10, 22, 34, 42, 46, 48, 52, 48, 44, 44, 48, 54, 62, 74, 82, 78, 50, 22)  # local time
_OPENS, _CLOSES, _SATURDAY = 7, 18, 5  # local working hours
_TREND = 0.3  # so much more is bought at the end than at the beginning

_FATES = {"shipped": 863, "abandoned": 62, "cancelled": 45, "pending": 18, "rejected": 12}
_FRAUD_STATUS = {"pending": "PENDING", "rejected": "REJECTED"}
_REFUND_STEPS = {("rest",): 42, ("line",): 30, ("line", "line"): 14, ("line", "rest"): 14}
AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)
_DEFECT_EVERY = 25  # orders
_REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

# ---- One order ----


class _Dice(random.Random):
    """A random stream with the draws a shop needs, the same on every platform."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def pick(self, weights: Mapping[_T, int]) -> _T:
        return self.choices(tuple(weights), tuple(weights.values()))[0]

    def duration(self, hours: Sequence[float]) -> timedelta:
        """Draw from these quantiles, in whole milliseconds."""
        share = self.random()
        left = bisect_right(_SHARES, share) - 1
        weight = (share - _SHARES[left]) / (_SHARES[left + 1] - _SHARES[left])
        return timedelta(milliseconds=int(3_600_000 * (hours[left] + weight * (hours[left + 1] - hours[left]))))

    def identifier(self) -> str:
        return str(uuid.UUID(int=self.getrandbits(128)))


class _Part(NamedTuple):
    """What is captured at once."""

    at: datetime
    lines: list[_Json]

    @property
    def amount(self) -> int:
        return _total(self.lines)


class _Refund(NamedTuple):
    at: datetime
    lines: list[_Json]
    amounts: list[int]  # of each part


class _Sale:
    """The life of one order up to `as_of`."""

    def __init__(self, dice: _Dice, created: datetime, country: str, as_of: datetime) -> None:
        self.dice, self.created, self.country, self.as_of = dice, created, country, as_of
        self.currency = _CURRENCIES.get(country, "EUR")
        self.category = dice.choices(_CATEGORIES, [category.weight for category in _CATEGORIES])[0]
        self.is_digital = self.category.products is _DIGITAL
        self.is_business = dice.chance(0.09)
        self.payment_type = "INVOICE_BUSINESS" if self.is_business else dice.pick(_PAYMENT_TYPES[country])
        self.method = self._method()
        self.lines = self._order_lines()
        self.amount = _total(self.lines)
        self.fate = "shipped" if self.is_digital else dice.pick(_FATES)
        self.cancelled_at = created + dice.duration(_CANCELLATION_HOURS)  # if that is its fate
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
        if self.category.products is _FURNITURE and self.dice.chance(0.7):
            return "PalletDelivery"
        return self.dice.pick(_METHODS[self.country])

    def _expiry(self) -> datetime:
        days = _EXPIRY_DAYS.get(self.payment_type, 28) + (28 if self.dice.chance(0.04) else 0)  # some are extended
        return (self.created + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _price(self, cents: int) -> int:
        """So many euro cents in minor units of this order's currency."""
        percent, step = _PRICES[self.currency]
        return max(cents * percent // 100 // step, 1) * step

    def _order_lines(self) -> list[_Json]:
        dice, tax_rate = self.dice, _TAX_RATES[self.country]
        lines = [self._product_line() for _ in range(dice.pick(_BASKET))]
        goods = _total(lines)
        if not self.is_digital and goods < self._price(_FREE_SHIPPING_FROM):
            lines.append(_line("shipping_fee", self._price(_FEES.get(self.method, _OTHER_FEE)), tax_rate))
        if dice.chance(0.07):
            lines.append(_line("discount", -(goods // 10), tax_rate))
        elif dice.chance(0.02):
            lines.append(_line("gift_card", -(goods // 4), 0))
        if self.country == "US":
            lines.append(_line("sales_tax", _total(lines) * _SALES_TAX_RATE // 10000, 0))
        return lines

    def _product_line(self) -> _Json:
        category, dice = self.category, self.dice
        number, size = dice.randrange(len(category.products)), dice.choice(category.sizes)
        name, cents = tuple(category.products.items())[number]
        price, quantity = self._price(cents), dice.pick(_QUANTITY)
        discount = price * quantity // 10 if dice.chance(0.12) else 0
        kind = "digital" if self.is_digital else "physical"
        sku = f"{category.brand[:3].upper()}-{number}{size}"
        return _line(kind, price, _TAX_RATES[self.country], quantity, discount) | {
            "name": name,
            "reference": sku,
            "quantity_unit": "pcs",
            "product_url": f"https://shop.example/products/{sku.lower()}",
            "image_url": f"https://shop.example/products/{sku.lower()}.png",
            "merchant_data": f"shelf {dice.randrange(90)}" if dice.chance(0.2) else "",
            "product_identifiers": {
                "brand": category.brand,
                "category_path": f"{category.path} > {name}",
                "color": dice.choice(_COLOURS),
                "global_trade_item_number": f"20{category.weight:04d}{number:07d}",
                "manufacturer_part_number": f"{category.brand}-{number:03d}",
                "size": size,
            },
        }

    def _groups(self) -> list[list[_Json]]:
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
        at, parts, pace = self.created, [], _CAPTURE_PACE.get(self.country, 100)
        for number, lines in enumerate(self.groups):
            hours = _BACK_ORDER_HOURS if number else _CAPTURE_HOURS.get(self.method, _OTHER_CAPTURE_HOURS)
            wait = self.dice.duration(hours)
            at = at + wait if self.is_digital else self._at_work(at + wait * pace // 100)
            parts.append(_Part(at, lines))
        return [part for part in parts if part.at <= min(self.as_of, self.expires_at)]

    def _at_work(self, at: datetime) -> datetime:
        """`at`, or the next time when somebody is there to do it: by day, seldom at week-ends."""
        offset = timedelta(hours=_UTC_OFFSETS[self.country])
        local = at + offset
        if not _OPENS <= local.hour < _CLOSES:
            local = (local + timedelta(hours=24 - _CLOSES)).replace(hour=_OPENS + self.dice.randrange(4))
        if local.weekday() >= _SATURDAY and self.dice.chance(0.9):
            local += timedelta(days=7 - local.weekday())
        return local - offset

    def _refunds(self) -> list[_Refund]:
        """What has been refunded; nobody asks before everything was sent."""
        is_sent = len(self.parts) == len(self.groups)
        if not (is_sent and self.dice.chance(self.category.refunded)):
            return []
        at, refunds = self.parts[-1].at, list[_Refund]()
        room = [part.amount for part in self.parts]
        for step in self.dice.pick(_REFUND_STEPS):
            at = self._at_work(at + self.dice.duration(_REFUND_HOURS))
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

    def document(self, number: int) -> _Json:
        """The answer of the API; `number` counts the shop's orders."""
        dice, status = self.dice, self.status()
        is_open = status in ("AUTHORIZED", "PART_CAPTURED")
        reference = "".join(dice.choices(_REFERENCE_LETTERS, k=8))
        billing = self._address()
        shipping = billing if dice.chance(0.8) else self._address()
        captures = self._captures(reference, {"billing_address": billing, "shipping_address": shipping})
        order = {
            "order_id": dice.identifier(),
            "status": status,
            "fraud_status": _FRAUD_STATUS.get(self.fate, "ACCEPTED"),
            "order_amount": self.amount,
            "original_order_amount": self.amount + (self._price(1000) if dice.chance(0.04) else 0),
            "captured_amount": self.captured,
            "refunded_amount": self.refunded,
            "remaining_authorized_amount": self.amount - self.captured if is_open else 0,
            "purchase_currency": self.currency,
            "purchase_country": self.country,
            "locale": _LOCALES[self.country],
            "order_lines": self.lines,
            "merchant_reference1": f"{100000 + number}",
            "merchant_reference2": f"WEB-{number:06d}" if dice.chance(0.7) else "",
            "merchant_data": f"campaign {dice.randrange(20)}" if dice.chance(0.1) else "",
            "klarna_reference": reference,
            "customer": self._customer(),
            "billing_address": billing,
            "shipping_address": shipping,
            "created_at": _stamp(self.created),
            "expires_at": _stamp(self.expires_at),
            "captures": captures,
            "refunds": [self._refund(refund) for refund in self.refunds],
            "initial_payment_method": self._payment_method(),
            "selected_shipping_option": self._shipping_option(),
            "shipping_info": self._shipments() if captures and dice.chance(0.06) else [],
        }
        return self._thinned(order, "locale", "merchant_reference2", "merchant_data", "customer", "shipping_info")

    def _thinned(self, document: _Json, *optional: str) -> _Json:
        """Leave keys out, as the API does: those without a value, and the optional ones now and then."""
        missing = {key for key in optional if self.dice.chance(0.08)}
        return {key: value for key, value in document.items() if key not in missing and value is not None}

    def _captures(self, reference: str, addresses: _Json) -> list[_Json]:
        captures = []
        for number, part in enumerate(self.parts, 1):
            is_terse = part.lines is self.lines and self.dice.chance(0.35)
            capture = {
                "capture_id": self.dice.identifier(),
                "klarna_reference": f"{reference}-{number}",
                "captured_amount": part.amount,
                "captured_at": _stamp(part.at),
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

    def _shipments(self) -> list[_Json]:
        if self.is_digital:
            return [{"shipping_method": "Digital"}] if self.dice.chance(0.4) else []
        return [self._shipment() for _ in range(self.dice.pick({1: 84, 2: 12, 3: 4}))]

    def _shipment(self) -> _Json:
        dice = self.dice
        method = self.method if dice.chance(0.95) else dice.pick(_METHODS[self.country])
        company = self._carrier(method)
        shipment = {"shipping_company": company, "shipping_method": method, "tracking_number": "", "tracking_uri": ""}
        if dice.chance(0.15 if method in _SELDOM_TRACKED else 0.93):
            shipment |= self._tracking("tracking")
        if company and dice.chance(0.2):
            shipment |= {"return_shipping_company": company} | self._tracking("return_tracking")
        return shipment

    def _carrier(self, method: str) -> str:
        return "" if method in _WITHOUT_CARRIER else self.dice.pick(_CARRIERS[self.country])

    def _tracking(self, name: str) -> dict[str, str]:
        number = f"{self.dice.randrange(10**17, 10**18)}"
        return {f"{name}_number": number, f"{name}_uri": f"https://shipping.example/find?{number}"}

    def _refund(self, refund: _Refund) -> _Json:
        return {
            "refund_id": self.dice.identifier(),
            "reference": f"return-{self.dice.randrange(10**5):05d}" if self.dice.chance(0.5) else "",
            "refunded_amount": sum(refund.amounts),
            "refunded_at": _stamp(refund.at),
            "description": "Returned within the period" if self.dice.chance(0.6) else "",
            "order_lines": refund.lines,
        }

    def _address(self) -> _Json:
        dice = self.dice
        city, postal_code, region = dice.choice(_PLACES[self.country])
        given_name, family_name = dice.choice(_GIVEN_NAMES), dice.choice(_FAMILY_NAMES)
        company = {"organization_name": f"{family_name} & Co", "attention": given_name} if self.is_business else {}
        return company | {
            "given_name": given_name,
            "family_name": family_name,
            "title": dice.choice(("", "", "", "Ms", "Mr")),
            "street_address": f"{dice.choice(_STREETS)} {dice.randrange(1, 120)}",
            "street_address2": f"door {dice.randrange(1, 9)}" if dice.chance(0.12) else "",
            "postal_code": postal_code,
            "city": city,
            "region": region,
            "country": self.country,
            "email": f"customer.{dice.randrange(10**6)}@example.{dice.choice(('com', 'org'))}",
            "phone": f"{_PHONES.get(self.country, _OTHER_PHONES)}{dice.randrange(10, 100)}",
        }

    def _customer(self) -> _Json:
        dice = self.dice
        if self.is_business:
            registration = f"0000{dice.randrange(10**6):06d}"
            return {
                "type": "organization",
                "organization_registration_id": registration,
                "organization_entity_type": dice.pick(_ENTITIES),
                "vat_id": f"{self.country}{registration}01",
            }
        born = f"{dice.randrange(1945, 2006)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        customer = {"type": "person", "date_of_birth": born}
        if self.country == "SE" and dice.chance(0.5):
            customer["national_identification_number"] = f"{born.replace('-', '')}-0000"
        return self._thinned(customer, "date_of_birth")

    def _payment_method(self) -> _Json:
        method = {"type": self.payment_type, "description": self.payment_type.replace("_", " ").capitalize()}
        instalments = _INSTALMENTS.get(self.payment_type)
        return method | ({"number_of_installments": self.dice.choice(instalments)} if instalments else {})

    def _shipping_option(self) -> _Json | None:
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
            "type": "pickup" if self.method in _AT_A_PLACE else "delivery",
            "method": self.method,
            "carrier": carrier,
            "carrier_product": {"identifier": f"P{dice.randrange(10, 99)}", "name": f"{carrier} parcel".strip()},
            "price": _total(fees),
            "tax_rate": _TAX_RATES[self.country],
            "tax_amount": sum(line["total_tax_amount"] for line in fees),
            "tms_reference": dice.identifier(),
            "selected_addons": [_ENTRY_CODE] if dice.chance(0.1) else [],
            "timeslot": self._timeslot() if self.method == "Home" and dice.chance(0.5) else None,
            "location": self._location() if self.method in _AT_A_PLACE else None,
        }
        return self._thinned(option, "class", "tms_reference")

    def _timeslot(self) -> _Json:
        day = (self.created + timedelta(days=self.dice.randrange(1, 5))).replace(minute=0, second=0, microsecond=0)
        hours = {"cutoff": 2, "start": 15, "end": 19}
        times = {name: _stamp(day.replace(hour=hour)) for name, hour in hours.items()}
        return {"id": f"slot-{self.dice.randrange(1000)}", "price": 0} | times

    def _location(self) -> _Json:
        city, postal_code, _ = self.dice.choice(_PLACES[self.country])
        street = f"{self.dice.choice(_STREETS)} {self.dice.randrange(1, 120)}"
        address = {"street_address": street, "postal_code": postal_code, "city": city, "country": self.country}
        return {"id": f"place-{self.dice.randrange(1000)}", "name": f"Kiosk {city}", "price": 0, "address": address}


def _line(kind: str, price: int, tax_rate: int, quantity: int = 1, discount: int = 0) -> _Json:
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


def _total(lines: Sequence[_Json]) -> int:
    return sum(line["total_amount"] for line in lines)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---- Defects ----


class _Defect(NamedTuple):
    kind: str  # which orders can have it: one of `_kinds`
    paths: str  # what changes; of an array, its first item
    change: Callable[[Any], object]


def _more(amount: int) -> int:
    return amount + 100


def _earlier(instant: str) -> str:
    return _stamp(datetime.fromisoformat(instant) - timedelta(days=90))


_DEFECTS = {
    "captured_amount_differs": _Defect("CAPTURED", "captured_amount", _more),
    "capture_before_creation": _Defect("CAPTURED", "captures.captured_at", _earlier),
    "no_shipping_info": _Defect("parcel", "captures.shipping_info", lambda _: []),
    "unknown_status": _Defect("any", "status", lambda _: "ON_HOLD"),
    "unknown_vocabulary": _Defect("any", "initial_payment_method.type", lambda _: "MOON_MONEY"),
    "unknown_field": _Defect("any", "loyalty_points", lambda _: 120),
    "lines_do_not_add_up": _Defect("CAPTURED", "order_amount", _more),
    "lower_case_codes": _Defect("any", "purchase_country purchase_currency billing_address.country", str.lower),
    "refunded_amount_differs": _Defect("refunded", "refunded_amount", _more),
    "capture_after_expiry": _Defect("CAPTURED", "expires_at", _earlier),
    "overdue": _Defect("AUTHORIZED", "expires_at", _earlier),
    "status_contradicts_amounts": _Defect("CAPTURED", "status", lambda _: "CANCELLED"),
    "remaining_amount_differs": _Defect("AUTHORIZED", "remaining_authorized_amount", _more),
    "capture_refunds_differ": _Defect("CAPTURED", "captures.refunded_amount", _more),
    "line_total_differs": _Defect("any", "order_lines.unit_price", _more),
    "line_tax_differs": _Defect("any", "order_lines.total_tax_amount", _more),
}


def _kinds(order: _Json) -> set[str]:
    kinds = {"any", order["status"]}
    if order["refunds"]:
        kinds.add("refunded")
    if any(line["type"] == "physical" for capture in order["captures"][:1] for line in capture["order_lines"]):
        kinds.add("parcel")
    return kinds


def _plant(order: _Json, waiting: list[str]) -> str:
    """Plant the first waiting defect that this order can have, and send it to the end of the queue."""
    kinds = _kinds(order)
    label = next(label for label in waiting if _DEFECTS[label].kind in kinds)
    for path in _DEFECTS[label].paths.split():
        *parents, key = path.split(".")
        place: Any = order
        for parent in parents:
            place = place[parent]
            place = place[0] if isinstance(place, list) else place
        place[key] = _DEFECTS[label].change(place.get(key))
    waiting.remove(label)
    waiting.append(label)
    return label


# ---- The shop ----


def _purchases(dice: _Dice, orders: int, as_of: datetime, days: int) -> list[tuple[datetime, str]]:
    """When and in which country orders are placed, the oldest first."""
    start = as_of - timedelta(days=days)
    midnights = [start.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=n) for n in range(days + 1)]
    weights = [_WEEKDAYS[day.weekday()] * (1 + _TREND * number / days) for number, day in enumerate(midnights)]
    days_up_to, hours_up_to = tuple(accumulate(weights)), tuple(accumulate(_HOURS))
    purchases: list[tuple[datetime, str]] = []
    while len(purchases) < orders:
        country = dice.pick(_COUNTRIES)
        hour = dice.choices(range(24), cum_weights=hours_up_to)[0] - _UTC_OFFSETS[country]
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
        waiting = list(_DEFECTS)
        purchases = _purchases(_Dice(f"{seed}"), orders, self.as_of, days)
        for number, (created, country) in enumerate(purchases, 1):
            order = _Sale(_Dice(f"{seed}:{number}"), created, country, self.as_of).document(number)
            if number % _DEFECT_EVERY == 0:
                order = json.loads(to_json(order))  # nothing shared between its parts any more
                self.defects[order["order_id"]] = _plant(order, waiting)
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
