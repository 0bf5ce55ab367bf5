"""A category and a country in; the lines of an order out."""

from om_toolkit.synthetic import catalogue
from om_toolkit.synthetic.dice import Dice, Document


def order_lines(dice: Dice, category: catalogue.Category, country: str, method: str) -> list[Document]:
    """Return products, the shipping fee, a discount or gift card, and the sales tax in the US."""
    tax_rate = catalogue.TAX_RATES[country]
    lines = [_product_line(dice, category, country) for _ in range(dice.pick(catalogue.BASKET))]
    goods = total(lines)
    if not category.is_digital and goods < price(country, catalogue.FREE_SHIPPING_FROM):
        fee = catalogue.FEES.get(method, catalogue.OTHER_FEE)
        lines.append(_line("shipping_fee", price(country, fee), tax_rate))
    if dice.chance(0.07):
        lines.append(_line("discount", -(goods // 10), tax_rate))
    elif dice.chance(0.02):
        lines.append(_line("gift_card", -(goods // 4), 0))
    if country == "US":
        lines.append(_line("sales_tax", total(lines) * catalogue.SALES_TAX_RATE // 10000, 0))
    return lines


def price(country: str, cents: int) -> int:
    """Return euro cents in minor units of a country's currency, rounded as prices are."""
    percent, step = catalogue.PRICES[catalogue.CURRENCIES[country]]
    return max(cents * percent // 100 // step, 1) * step


def total(lines: list[Document]) -> int:
    """Return the sum of the lines in minor units."""
    return sum(line["total_amount"] for line in lines)


def _product_line(dice: Dice, category: catalogue.Category, country: str) -> Document:
    """Return a line for a product of a category."""
    number, size = dice.randrange(len(category.products)), dice.choice(category.sizes)
    name, cents = tuple(category.products.items())[number]
    unit_price, quantity = price(country, cents), dice.pick(catalogue.QUANTITY)
    discount = unit_price * quantity // 10 if dice.chance(0.12) else 0
    kind = "digital" if category.is_digital else "physical"
    sku = f"{category.brand[:3].upper()}-{number}{size}"
    return _line(kind, unit_price, catalogue.TAX_RATES[country], quantity, discount) | {
        "name": name,
        "reference": sku,
        "quantity_unit": "pcs",
        "product_url": f"https://shop.example/products/{sku.lower()}",
        "image_url": f"https://shop.example/products/{sku.lower()}.png",
        "merchant_data": f"shelf {dice.randrange(90)}" if dice.chance(0.2) else "",
        "product_identifiers": {
            "brand": category.brand,
            "category_path": f"{category.path} > {name}",
            "color": dice.choice(catalogue.COLOURS),
            "global_trade_item_number": f"20{category.weight:04d}{number:07d}",
            "manufacturer_part_number": f"{category.brand}-{number:03d}",
            "size": size,
        },
    }


def _line(kind: str, unit_price: int, tax_rate: int, quantity: int = 1, discount: int = 0) -> Document:
    """Return a line whose amounts add up."""
    amount = quantity * unit_price - discount
    return {
        "reference": "",
        "type": kind,
        "name": kind.replace("_", " ").capitalize(),
        "quantity": quantity,
        "quantity_unit": "",
        "unit_price": unit_price,
        "tax_rate": tax_rate,
        "total_amount": amount,
        "total_discount_amount": discount,
        "total_tax_amount": (2 * amount * tax_rate + 10000 + tax_rate) // (2 * (10000 + tax_rate)),  # rounded
    }
