"""A purchase in; the life of its order up to an instant, and the document that the API sends then, out."""

from datetime import datetime, timedelta
from typing import NamedTuple

from om_toolkit.synthetic import catalogue
from om_toolkit.synthetic.delivery import shipments, shipping_method, shipping_option
from om_toolkit.synthetic.dice import Dice, Document, timestamp
from om_toolkit.synthetic.line_items import order_lines, price, total
from om_toolkit.synthetic.people import address, customer


class _Capture(NamedTuple):
    """Lines that are captured together."""

    at: datetime
    lines: list[Document]

    @property
    def amount(self) -> int:
        """The sum of the lines in minor units."""
        return total(self.lines)


class _Refund(NamedTuple):
    """Lines or amounts that are refunded together."""

    at: datetime
    lines: list[Document]
    amounts: list[int]  # of each capture


class Sale:
    """The life of one order up to `as_of`.

    Every draw comes from one stream, so their sequence is part of the result: another sequence makes other orders.
    """

    def __init__(self, dice: Dice, created: datetime, country: str, as_of: datetime) -> None:
        self.dice, self.created, self.country, self.as_of = dice, created, country, as_of
        self.category = dice.choices(catalogue.CATEGORIES, [category.weight for category in catalogue.CATEGORIES])[0]
        self.is_business = dice.chance(0.09)
        self.payment_type = "INVOICE_BUSINESS" if self.is_business else dice.pick(catalogue.PAYMENT_TYPES[country])
        self.method = shipping_method(dice, self.category, country)
        self.lines = order_lines(dice, self.category, country, self.method)
        self.amount = total(self.lines)
        self.fate = "shipped" if self.category.is_digital else self._fate()
        self.cancelled_at = created + dice.duration(catalogue.CANCELLATION_HOURS)  # applies to some fates only
        self.expires_at = self._expiry()
        self.groups = self._groups()
        self.captures = self._captures()
        self.captured = sum(capture.amount for capture in self.captures)
        self.refunds = self._refunds()
        self.refunded = sum(sum(refund.amounts) for refund in self.refunds)

    def status(self) -> str:
        """Return the status at `as_of`."""
        if self.captured:
            if self.captured == self.refunded:
                return "CLOSED"
            is_finished = len(self.captures) == len(self.groups) or self.expires_at <= self.as_of
            return "CAPTURED" if is_finished else "PART_CAPTURED"
        if self.fate in ("cancelled", "rejected") and self.cancelled_at <= self.as_of:
            return "CANCELLED"
        return "EXPIRED" if self.expires_at <= self.as_of else "AUTHORIZED"

    def document(self, number: int) -> Document:
        """Return the order as the API sends it; `number` counts the orders of the shop."""
        dice, status = self.dice, self.status()
        reference = "".join(dice.choices(catalogue.REFERENCE_LETTERS, k=8))
        addresses = self._addresses()
        shipped_whole = self._shipped_whole()
        captures = self._capture_documents(reference, addresses, is_shipped_whole=bool(shipped_whole))
        order = {
            "order_id": dice.identifier(),
            "status": status,
            "fraud_status": catalogue.FRAUD_STATUS.get(self.fate, "ACCEPTED"),
            **self._amounts(is_open=status in ("AUTHORIZED", "PART_CAPTURED")),
            "purchase_currency": catalogue.CURRENCIES[self.country],
            "purchase_country": self.country,
            "locale": catalogue.LOCALES[self.country],
            "order_lines": self.lines,
            **self._references(number),
            "klarna_reference": reference,
            "customer": customer(dice, self.country, is_business=self.is_business),
            **addresses,
            "created_at": timestamp(self.created),
            "expires_at": timestamp(self.expires_at),
            "captures": captures,
            "refunds": [self._refund_document(refund) for refund in self.refunds],
            "initial_payment_method": self._payment_method(),
            **self._chosen_shipping(),
            "shipping_info": shipped_whole,
        }
        return dice.without_some(order, "locale", "merchant_reference2", "merchant_data", "customer")

    def _fate(self) -> str:
        return self.dice.pick(catalogue.FATES_BY_COUNTRY.get(self.country, catalogue.FATES))

    def _shipped_whole(self) -> list[Document]:
        """Return the shipments of a few orders that name them once, instead of on each capture."""
        is_named_once = self.captures and not self.category.is_digital and self.dice.chance(0.06)
        return shipments(self.dice, self.method, self.country) if is_named_once else []

    def _chosen_shipping(self) -> Document:
        """Return the chosen shipping option; some orders that are delivered in parts have one for each of two."""
        single = shipping_option(self.dice, self.method, self.country, self.created, self.lines)
        if single is None or len(self.groups) == 1 or self.dice.chance(0.5):
            return {"selected_shipping_option": single}
        method = shipping_method(self.dice, self.category, self.country)
        other = shipping_option(self.dice, method, self.country, self.created, [])
        return {"selected_shipping_options": [single, *filter(None, [other])]}

    def _expiry(self) -> datetime:
        """Return the midnight at which the authorization ends; some are extended."""
        extension = 28 if self.dice.chance(0.04) else 0
        days = catalogue.EXPIRY_DAYS.get(self.payment_type, catalogue.OTHER_EXPIRY_DAYS) + extension
        return (self.created + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)

    def _groups(self) -> list[list[Document]]:
        """Return the lines to be captured together."""
        dice = self.dice
        goods = [line for line in self.lines if line["type"] == "physical"]
        if len(goods) <= 1 or any(line["total_amount"] < 0 for line in self.lines):
            return [self.lines]
        others = [line for line in self.lines if line["type"] != "physical"]
        if dice.chance(0.06):  # the last product is sold out, and its amount is released
            return [goods[:-1] + others]
        if dice.chance(0.65):
            return [self.lines]
        if dice.chance(0.3):
            return [goods[:1] + others, *([line] for line in goods[1:])]
        cut = dice.randrange(1, len(goods))
        return [goods[:cut] + others, goods[cut:]]

    def _captures(self) -> list[_Capture]:
        """Return the captures up to `as_of`."""
        if self.fate != "shipped":
            return []
        at, captures = self.created, []
        percent = catalogue.CAPTURE_DURATION_PERCENT.get(self.country, 100)
        first = catalogue.CAPTURE_HOURS.get(self.method, catalogue.OTHER_CAPTURE_HOURS)
        for number, lines in enumerate(self.groups):
            wait = self.dice.duration(catalogue.BACK_ORDER_HOURS if number else first)
            at = at + wait if self.category.is_digital else self._at_work(at + wait * percent // 100)
            captures.append(_Capture(at, lines))
        return [capture for capture in captures if capture.at <= min(self.as_of, self.expires_at)]

    def _at_work(self, at: datetime) -> datetime:
        """Return the instant, or the next one in working hours; work on week-ends is rare."""
        offset = timedelta(hours=catalogue.UTC_OFFSETS[self.country])
        local = at + offset
        if not catalogue.OPENS <= local.hour < catalogue.CLOSES:
            morning = catalogue.OPENS + self.dice.randrange(4)
            local = (local + timedelta(hours=24 - catalogue.CLOSES)).replace(hour=morning)
        if local.weekday() >= catalogue.SATURDAY and self.dice.chance(0.9):
            local += timedelta(days=7 - local.weekday())
        return local - offset

    def _refunds(self) -> list[_Refund]:
        """Return the refunds up to `as_of`; there are none before everything is captured."""
        is_sent = len(self.captures) == len(self.groups)
        if not (is_sent and self.dice.chance(self.category.refunded)):
            return []
        at, refunds = self.captures[-1].at, list[_Refund]()
        remaining = [capture.amount for capture in self.captures]
        for step in self.dice.pick(catalogue.REFUND_STEPS):
            at = self._at_work(at + self.dice.duration(catalogue.REFUND_HOURS))
            refund = _Refund(at, [], remaining) if step == "rest" else self._line_refund(at, remaining)
            remaining = [left - amount for left, amount in zip(remaining, refund.amounts, strict=True)]
            refunds.append(refund)
        return [refund for refund in refunds if refund.at <= self.as_of and any(refund.amounts)]

    def _line_refund(self, at: datetime, remaining: list[int]) -> _Refund:
        """Return the refund of one product, as far as its capture has an amount remaining."""
        number = self.dice.randrange(len(remaining))
        line = self.dice.choice([line for line in self.captures[number].lines if "product_identifiers" in line])
        amounts = [0] * len(remaining)
        amounts[number] = min(line["total_amount"], remaining[number])
        return _Refund(at, [line] if amounts[number] == line["total_amount"] else [], amounts)

    def _addresses(self) -> Document:
        """Return both addresses, which most often are one."""
        billing = address(self.dice, self.country, is_business=self.is_business)
        is_same = self.dice.chance(0.8)
        shipping = billing if is_same else address(self.dice, self.country, is_business=self.is_business)
        return {"billing_address": billing, "shipping_address": shipping}

    def _amounts(self, *, is_open: bool) -> Document:
        """Return the amounts of the order in minor units; some orders were larger at first."""
        reduction = price(self.country, 1000) if self.dice.chance(0.04) else 0
        return {
            "order_amount": self.amount,
            "original_order_amount": self.amount + reduction,
            "captured_amount": self.captured,
            "refunded_amount": self.refunded,
            "remaining_authorized_amount": self.amount - self.captured if is_open else 0,
        }

    def _references(self, number: int) -> Document:
        """Return what the shop wrote on the order."""
        return {
            "merchant_reference1": f"{100000 + number}",
            "merchant_reference2": f"WEB-{number:06d}" if self.dice.chance(0.7) else "",
            "merchant_data": f"campaign {self.dice.randrange(20)}" if self.dice.chance(0.1) else "",
        }

    def _payment_method(self) -> Document:
        """Return the payment method, with the number of instalments where it has some."""
        method = {"type": self.payment_type, "description": self.payment_type.replace("_", " ").capitalize()}
        instalments = catalogue.INSTALMENTS.get(self.payment_type)
        return method | ({"number_of_installments": self.dice.choice(instalments)} if instalments else {})

    def _capture_documents(self, reference: str, addresses: Document, *, is_shipped_whole: bool) -> list[Document]:
        """Return the captures as the API sends them: not always in sequence, not always with their lines."""
        documents = []
        for number, capture in enumerate(self.captures, 1):
            is_terse = capture.lines is self.lines and self.dice.chance(0.35)
            document = {
                "capture_id": self.dice.identifier(),
                "klarna_reference": f"{reference}-{number}",
                "captured_amount": capture.amount,
                "captured_at": timestamp(capture.at),
                "description": "Your order is on its way" if self.dice.chance(0.4) else "",
                "reference": f"shipment-{number}" if self.dice.chance(0.3) else "",
                "order_lines": [] if is_terse else capture.lines,
                "refunded_amount": sum(refund.amounts[number - 1] for refund in self.refunds),
                "shipping_info": [] if is_shipped_whole else shipments(self.dice, self.method, self.country),
                **addresses,
            }
            documents.append(self.dice.without_some(document, "description", "reference", "shipping_address"))
        if self.dice.chance(0.4):
            documents.reverse()
        return documents

    def _refund_document(self, refund: _Refund) -> Document:
        """Return a refund as the API sends it."""
        return {
            "refund_id": self.dice.identifier(),
            "reference": f"return-{self.dice.randrange(10**5):05d}" if self.dice.chance(0.5) else "",
            "refunded_amount": sum(refund.amounts),
            "refunded_at": timestamp(refund.at),
            "description": "Returned within the period" if self.dice.chance(0.6) else "",
            "order_lines": refund.lines,
        }
