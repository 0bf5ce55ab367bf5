"""A country and what was bought in; shipping method, shipments and the chosen shipping option out."""

from datetime import datetime, timedelta

from om_toolkit.synthetic import catalogue
from om_toolkit.synthetic.dice import Dice, Document, timestamp
from om_toolkit.synthetic.line_items import total


def shipping_method(dice: Dice, category: catalogue.Category, country: str) -> str:
    """Return how the goods are sent; digital ones are not."""
    if category.is_digital:
        return catalogue.DIGITAL_METHOD
    if category.products is catalogue.FURNITURE and dice.chance(0.7):
        return "PalletDelivery"
    return dice.pick(catalogue.METHODS[country])


def shipments(dice: Dice, method: str, country: str) -> list[Document]:
    """Return the `shipping_info` of a capture or an order."""
    if method == catalogue.DIGITAL_METHOD:
        return [{"shipping_method": method}] if dice.chance(0.4) else []
    return [_shipment(dice, method, country) for _ in range(dice.pick(catalogue.PARCELS))]


def shipping_option(dice: Dice, method: str, country: str, created: datetime, lines: list[Document]) -> Document | None:
    """Return what the customer chose in the checkout, if that had a choice."""
    if method == catalogue.DIGITAL_METHOD or dice.chance(0.3):
        return None
    fees = [line for line in lines if line["type"] == "shipping_fee"]
    carrier = _carrier(dice, method, country)
    is_pickup = method in catalogue.PICKUP_METHODS
    option = {
        "id": f"option-{dice.randrange(100)}",
        "name": f"{carrier} {method}".strip(),
        "class": dice.choice(("standard", "standard", "express")),
        "type": "pickup" if is_pickup else "delivery",
        "method": method,
        "carrier": carrier,
        "carrier_product": {"identifier": f"P{dice.randrange(10, 99)}", "name": f"{carrier} parcel".strip()},
        "price": total(fees),
        "tax_rate": catalogue.TAX_RATES[country],
        "tax_amount": sum(line["total_tax_amount"] for line in fees),
        "tms_reference": dice.identifier(),
        "selected_addons": [catalogue.ENTRY_CODE] if dice.chance(0.1) else [],
        "timeslot": _timeslot(dice, created) if method == "Home" and dice.chance(0.5) else None,
        "location": _location(dice, country) if is_pickup else None,
    }
    return dice.without_some(option, "class", "tms_reference")


def _shipment(dice: Dice, usual_method: str, country: str) -> Document:
    """Return a parcel, most often with tracking and seldom with a return label."""
    method = usual_method if dice.chance(0.95) else dice.pick(catalogue.METHODS[country])
    company = _carrier(dice, method, country)
    shipment = {"shipping_company": company, "shipping_method": method, "tracking_number": "", "tracking_uri": ""}
    if dice.chance(0.15 if method in catalogue.RARELY_TRACKED_METHODS else 0.93):
        shipment |= _tracking(dice, "tracking")
    if company and dice.chance(0.2):
        shipment |= {"return_shipping_company": company} | _tracking(dice, "return_tracking")
    return shipment


def _carrier(dice: Dice, method: str, country: str) -> str:
    """Return the spelling of a carrier, or "" if the method needs none."""
    return "" if method in catalogue.METHODS_WITHOUT_CARRIER else dice.pick(catalogue.CARRIERS[country])


def _tracking(dice: Dice, name: str) -> dict[str, str]:
    """Return the number and the link to track a parcel."""
    number = f"{dice.randrange(10**17, 10**18)}"
    return {f"{name}_number": number, f"{name}_uri": f"https://shipping.example/find?{number}"}


def _timeslot(dice: Dice, created: datetime) -> Document:
    """Return an evening on one of the days after the purchase."""
    day = (created + timedelta(days=dice.randrange(1, 5))).replace(minute=0, second=0, microsecond=0)
    hours = {"cutoff": 2, "start": 15, "end": 19}
    times = {name: timestamp(day.replace(hour=hour)) for name, hour in hours.items()}
    return {"id": f"slot-{dice.randrange(1000)}", "price": 0} | times


def _location(dice: Dice, country: str) -> Document:
    """Return a pick-up point."""
    city, postal_code, _ = dice.choice(catalogue.PLACES[country])
    street = f"{dice.choice(catalogue.STREETS)} {dice.randrange(1, 120)}"
    address = {"street_address": street, "postal_code": postal_code, "city": city, "country": country}
    return {"id": f"place-{dice.randrange(1000)}", "name": f"Kiosk {city}", "price": 0, "address": address}
