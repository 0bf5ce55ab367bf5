"""The orders of a report in; its sections out, in the order of the page."""

from typing import Final

import polars as pl

from om_toolkit.views.report import further_sections, money_sections, risk_sections
from om_toolkit.views.report.audit_section import audit
from om_toolkit.views.report.change_sections import change, weeks
from om_toolkit.views.report.scope import Scope
from om_toolkit.views.report.sections import SECTIONS, Section

WITHHELD: Final = ("money", "at risk", "expiring", "captures")
"""The sections that orders of a settlement do not have: it lists captured orders only."""


_WITHHELD_COLUMNS: Final = "capture_rate.*|open_.*|expired_.*|cancelled_.*|p50_hours.*"

_TRACKING_COLUMNS: Final = "captures|captures_with_tracking|tracking_share.*"


def key_figures_frame(scope: Scope) -> pl.DataFrame:
    """Return the result of `key_figures` without the columns that the page does not show either."""
    frame = scope.figures
    hidden = [_WITHHELD_COLUMNS] * scope.is_settlement
    hidden += [_TRACKING_COLUMNS] * (scope.is_pooled and frame.height > 1)
    return frame.select(pl.exclude(f"^({'|'.join(hidden)})$")) if hidden else frame


def sections_of(scope: Scope) -> list[Section]:
    """Return the sections of a report in the order of the page."""
    found = [change(scope)] if scope.before is not None else []
    found += [weeks(scope), *_of_money(scope)]
    names = [name for name in SECTIONS if not (scope.is_settlement and name == "capture")]
    found += [SECTIONS[name](scope.tables, scope.min_cell) for name in names]
    found += [] if scope.is_pooled else further_sections.further(scope)
    return [*found, further_sections.payment(scope), further_sections.customers(scope), audit(scope)]


def _of_money(scope: Scope) -> list[Section]:
    """Return the sections about orders that were not captured, or not yet."""
    if scope.is_settlement:
        return []
    of_orders = [] if scope.is_pooled else [risk_sections.expiring(scope)]
    return [money_sections.money(scope), risk_sections.at_risk(scope), *of_orders]
