"""The orders of a report in; its sections out, in the order of the page."""

from om_toolkit.views import money_sections, risk_sections
from om_toolkit.views.scope import Scope
from om_toolkit.views.sections import SECTIONS, Section


def sections_of(scope: Scope) -> list[Section]:
    """Return the sections of a report in the order of the page."""
    of_country = [section(scope.tables, scope.min_cell) for section in SECTIONS.values()]
    orders = [] if scope.is_pooled else [risk_sections.expiring(scope)]
    return [money_sections.money(scope), risk_sections.at_risk(scope), *orders, *of_country]
