"""The orders of a report in; its sections out, in the order of the page."""

from om_toolkit.views import further_sections, money_sections, risk_sections
from om_toolkit.views.scope import Scope
from om_toolkit.views.sections import SECTIONS, Section


def sections_of(scope: Scope) -> list[Section]:
    """Return the sections of a report in the order of the page."""
    of_money = [money_sections.money(scope), risk_sections.at_risk(scope)]
    of_country = [section(scope.tables, scope.min_cell) for section in SECTIONS.values()]
    of_mix = [further_sections.payment(scope), further_sections.customers(scope)]
    if scope.is_pooled:
        return [*of_money, *of_country, *of_mix]
    return [*of_money, risk_sections.expiring(scope), *of_country, *further_sections.further(scope), *of_mix]
