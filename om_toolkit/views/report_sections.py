"""The orders of a report in; its sections out, in the order of the page."""

from om_toolkit.views import money_sections
from om_toolkit.views.scope import Scope
from om_toolkit.views.sections import SECTIONS, Section


def sections_of(scope: Scope) -> list[Section]:
    """Return the sections of a report in the order of the page."""
    of_country = [section(scope.tables, scope.min_cell) for section in SECTIONS.values()]
    return [money_sections.money(scope), *of_country]
