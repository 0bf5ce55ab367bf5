"""What a section of the report needs to know: the orders, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from om_toolkit import metrics

if TYPE_CHECKING:
    import polars as pl

    from om_toolkit.tables.tables import Tables


@dataclass(frozen=True)
class Scope:
    """The orders of a report, and how they are shown.

    Attributes:
        tables: The orders of the page; small groups are pooled.
        min_cell: The size of the smallest group that is shown, see `small_groups`.
        time_zone: The time zone of days and times.
        before: The orders to compare with, if any; small groups are pooled.
        is_settlement: Whether the order ids came from a settlement, which has captured orders only.
    """

    tables: Tables[pl.DataFrame]
    min_cell: int = 1
    time_zone: str = "UTC"
    before: Tables[pl.DataFrame] | None = None
    is_settlement: bool = False

    @cached_property
    def figures(self) -> pl.DataFrame:
        """The result of `key_figures`, which several sections need."""
        return metrics.key_figures(self.tables)

    @cached_property
    def findings(self) -> pl.DataFrame:
        """The result of `audit`, which several sections need."""
        return metrics.audit(self.tables)

    @property
    def is_pooled(self) -> bool:
        """Whether small groups must not be shown, nor single orders."""
        return self.min_cell > 1

    @property
    def time_zone_code(self) -> str:
        """The time zone as an argument in Python, after another argument; nothing for UTC."""
        return "" if self.time_zone == "UTC" else f', time_zone="{self.time_zone}"'

    def frame_code(self, name: str, *arguments: str) -> str:
        """Return the Python line that gives the frame of a section which is not the result of one metric."""
        options = ", ".join([*arguments, f"min_cell={self.min_cell}"])
        return f'om.Report(orders, {options}{self.time_zone_code}).frames["{name}"]'
