"""A country in; an invented customer and addresses out."""

from om_toolkit.synthetic import catalogue
from om_toolkit.synthetic.dice import Dice, Document


def address(dice: Dice, country: str, *, is_business: bool) -> Document:
    """Return an address; e-mail and telephone number belong to no one."""
    city, postal_code, region = dice.choice(catalogue.PLACES[country])
    given_name, family_name = dice.choice(catalogue.GIVEN_NAMES), dice.choice(catalogue.FAMILY_NAMES)
    company = {"organization_name": f"{family_name} & Co", "attention": given_name} if is_business else {}
    return company | {
        "given_name": given_name,
        "family_name": family_name,
        "title": dice.choice(("", "", "", "Ms", "Mr")),
        "street_address": f"{dice.choice(catalogue.STREETS)} {dice.randrange(1, 120)}",
        "street_address2": f"door {dice.randrange(1, 9)}" if dice.chance(0.12) else "",
        "postal_code": postal_code,
        "city": city,
        "region": region,
        "country": country,
        "email": f"customer.{dice.randrange(10**6)}@example.{dice.choice(('com', 'org'))}",
        "phone": f"{catalogue.PHONES.get(country, catalogue.OTHER_PHONES)}{dice.randrange(10, 100)}",
    }


def customer(dice: Dice, country: str, *, is_business: bool) -> Document:
    """Return the customer: a company with its numbers, or a person with a date of birth."""
    if is_business:
        registration = f"0000{dice.randrange(10**6):06d}"
        return {
            "type": "organization",
            "organization_registration_id": registration,
            "organization_entity_type": dice.pick(catalogue.ENTITIES),
            "vat_id": f"{country}{registration}01",
        }
    born = f"{dice.randrange(1945, 2006)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
    person = {"type": "person", "date_of_birth": born}
    if country == "SE" and dice.chance(0.5):
        person["national_identification_number"] = f"{born.replace('-', '')}-0000"
    return dice.without_some(person, "date_of_birth")
