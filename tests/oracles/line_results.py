"""An oracle of the metrics over order lines: plain Python over the API's documents, written from the definitions.

Documents are dicts as the API sends them, with amounts that can be missing. Only whole numbers are added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any, TypeAlias

Document: TypeAlias = "dict[str, Any]"

Z = 1.959963984540054  # the normal distribution's 97.5 % point
GOODS = ("physical", "digital", "package", None)
OPEN = ("AUTHORIZED", "PART_CAPTURED")


def _last(value: Any) -> tuple[bool, Any]:
    """Return a key that sorts None last."""
    return value is None, value if value is not None else 0


def captured_lines(order: Document) -> Iterator[tuple[Document, Document]]:
    """Yield each line with its capture; the first capture of the whole order without lines has those of the order."""
    amount = order.get("order_amount")
    whole = [
        one
        for one in order["captures"]
        if not one["order_lines"] and amount is not None and one["captured_amount"] == amount
    ]
    for capture in order["captures"]:
        lines = order["order_lines"] if whole and capture is whole[0] else capture["order_lines"]
        yield from ((line, capture) for line in lines)


def label(line: Document, kind: str) -> str | None:
    """Return the group of a line: `category`, `brand` or `type`."""
    if kind == "type":
        return line["type"]
    if line["type"] not in GOODS:
        return f"({line['type']})"
    name = line["category_path"] if kind == "category" else line["brand"]
    first = name.split(">")[0].strip() if name and kind == "category" else (name or "").strip()
    return first or None


def products(orders: Sequence[Document], kind: str) -> list[tuple[Any, ...]]:
    """Return label, currency, quantities and amounts, the ratio with its interval, discount, tax and excluded."""
    sums: dict[Any, Any] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0, 0, 0]))
    rests: dict[Any, list[int]] = {}
    for order in orders:
        currency = order["purchase_currency"]
        explained = [0, 0]
        lines = [(line, 0) for line, _ in captured_lines(order)]
        lines += [(line, 1) for refund in order["refunds"] for line in refund["order_lines"]]
        for line, side in lines:
            of_order = sums[currency, label(line, kind)][order["order_id"]]
            of_order[side] += line["quantity"] or 0 if line["type"] in GOODS else 0
            of_order[2 + side] += line["total_amount"] or 0
            explained[side] += line["total_amount"] or 0
            if not side:
                of_order[4] += line["total_discount_amount"] or 0
                of_order[5] += line["total_tax_amount"] or 0
        rest = rests.setdefault(currency, [0, 0, 0])
        amounts = [_amount(order, "captured_amount", "captures"), _amount(order, "refunded_amount", "refunds")]
        if None in amounts:
            rest[2] += 1
        else:
            rest[0] += amounts[0] - explained[0]  # type: ignore[operator]
            rest[1] += amounts[1] - explained[1]  # type: ignore[operator]
    found = []
    for (currency, name), by_order in sums.items():
        totals = [sum(of_order[place] for of_order in by_order.values()) for place in range(6)]
        ratios = _ratio([(of_order[2], of_order[3]) for of_order in by_order.values()]) if totals[2] > 0 else [None] * 3
        found.append((name, currency, totals[0], totals[2], totals[1], totals[3], *ratios, totals[4], totals[5], 0))
    found.sort(key=lambda row: (_last(row[1]), -row[3], _last(row[0])))
    for currency, (captured, refunded, excluded) in rests.items():
        found.append(("(no lines)", currency, None, captured, None, refunded, *[None] * 5, excluded))
    return sorted(found, key=lambda row: (_last(row[1]), row[0] == "(no lines)"))


def _amount(order: Document, name: str, parts: str) -> int | None:
    """Return an amount of an order, or the sum of its parts if all of them have amounts."""
    if order.get(name) is not None:
        return int(order[name])
    amounts = [part[name] for part in order[parts]]
    return None if None in amounts else sum(amounts)


def _ratio(pairs: Sequence[tuple[int, int]]) -> list[float | None]:
    """Return Σy/Σx with Wilson's interval for an effective number of orders."""
    n, x, y = len(pairs), sum(one for one, _ in pairs), sum(other for _, other in pairs)
    ratio = y / x
    if not 0 <= ratio <= 1:
        return [ratio, None, None]
    size = x * x / sum(one * one for one, _ in pairs)
    residuals = sum((y * one - x * other) ** 2 for one, other in pairs)  # times x², exact
    if n > 1 and residuals and 0 < ratio < 1:
        size = min(size, ratio * (1 - ratio) / (n / (n - 1) * residuals / x**4))
    middle, spread = (ratio * size + Z**2 / 2), Z * sqrt(size * ratio * (1 - ratio) + Z**2 / 4)
    return [ratio, max(0.0, (middle - spread) / (size + Z**2)), min(1.0, (middle + spread) / (size + Z**2))]


def vat(orders: Sequence[Document], basis: str, as_of: str | None) -> list[tuple[Any, ...]]:
    """Return currency, country, month, rate, lines, net, tax, gross, excluded, and what has no lines; by UTC month."""
    is_refund = basis == "refund_date"
    parts, at, amount = ("refunds", "refunded_at", "refunded_amount") if is_refund else _CAPTURES
    sums: dict[Any, list[int]] = defaultdict(lambda: [0] * 7)
    for order in orders:
        pairs = [(line, part) for part in order[parts] for line in part["order_lines"]]
        pairs = pairs if is_refund else list(captured_lines(order))
        for part in order[parts]:
            if part[amount] == 0 or (as_of and part[at] and part[at] > as_of):
                continue
            key = (order["purchase_currency"], order["purchase_country"], part[at] and part[at][:7])
            lines = [line for line, owner in pairs if owner is part]
            for line in lines:
                rate = line["tax_rate"]
                of_rate = sums[(*key, None if rate is None else rate / 100)]
                gross = line["total_amount"]
                tax = gross if line["type"] == "sales_tax" else line["total_tax_amount"]
                of_rate[0] += 1
                if gross is None or tax is None:
                    of_rate[4] += 1
                else:
                    of_rate[1] += gross - tax
                    of_rate[2] += tax
                    of_rate[3] += gross
            if not lines:
                sums[(*key, None)][5] += 1
                sums[(*key, None)][6] += part[amount] or 0
    return [(*key, *sums[key]) for key in sorted(sums, key=lambda key: tuple(map(_last, key)))]


_CAPTURES = ("captures", "captured_at", "captured_amount")


def shipped_uncaptured(orders: Sequence[Document], as_of: str | None) -> list[tuple[Any, ...]]:
    """Return id, remaining amount, carriers and tracking of the shipped orders of which nothing is paid."""
    found = []
    for order in orders:
        amounts = [one["captured_amount"] for one in order["captures"]]
        total = order["captured_amount"]
        is_unpaid = total == 0 or (total is None and None not in amounts)
        is_unpaid = is_unpaid and not any(amounts) and order["status"] in (*OPEN, "CANCELLED", "EXPIRED")
        is_later = bool(as_of and order["created_at"] and order["created_at"] > as_of)
        shipments = [*order["shipping_info"]]
        shipments += [
            one for part in order["captures"] if part["captured_amount"] == 0 for one in part["shipping_info"]
        ]
        shipments = [one for one in shipments if any(_shown(one, name) for name in _SHIPPED)]
        if not is_unpaid or is_later or not shipments:
            continue
        spellings: dict[str, str] = {}
        for name in sorted(filter(None, (_shown(one, "shipping_company") for one in shipments))):
            spellings.setdefault("".join(name.lower().split()), name)
        tracked = any(one["tracking_number"] for one in shipments)
        carriers = ", ".join(sorted(spellings.values())) or None
        found.append((order["expires_at"], order["order_id"], order["remaining_authorized_amount"], carriers, tracked))
    return [row[1:] for row in sorted(found, key=lambda row: (_last(row[0] or None)[0], row[0] or "", row[1]))]


_SHIPPED = ("shipping_company", "shipping_method", "tracking_number")


def _shown(shipment: Document, name: str) -> str:
    return (shipment[name] or "").strip()
