"""Amounts by week in; a small picture out, with a row of bars for each currency."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final, TypeAlias

Amounts: TypeAlias = Mapping[str, tuple[int, int]]
"""What was ordered and what was captured of it, by week."""

_WIDTH: Final = 400
_LEFT: Final = 48
_ROW: Final = 62
_BAR: Final = 46
_WIDEST: Final = 26
_LAST_LABEL: Final = 330  # further right a label that begins here would not fit


def trend_svg(weeks: Sequence[str], rows: Mapping[str | None, Amounts]) -> str:
    """Return the picture as SVG: ordered amounts light, captured ones dark, each currency on its own scale.

    A week without amounts is a gap. Equal data give equal bytes.

    Args:
        weeks: The weeks in order of time; the first and the last are written below the bars.
        rows: The amounts by currency and week.
    """
    height = _ROW * len(rows) + 18
    shapes = [
        shape for place, (code, amounts) in enumerate(rows.items()) for shape in _bars(place, code, weeks, amounts)
    ]
    ends = f'<text x="{_LEFT}" y="{height - 4}">{escape(weeks[0])}</text>'
    if len(weeks) > 1:
        last = _LEFT + (_WIDTH - _LEFT) * (len(weeks) - 1) / len(weeks)
        anchor = "end" if last > _LAST_LABEL else "start"
        ends += f'<text x="{_WIDTH if anchor == "end" else last:.1f}" y="{height - 4}" text-anchor="{anchor}">'
        ends += f"{escape(weeks[-1])}</text>"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" font-size="12" fill="currentColor" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(shapes)}{ends}</svg>'
    )


def _bars(place: int, code: str | None, weeks: Sequence[str], amounts: Amounts) -> Iterator[str]:
    """Yield the label and the bars of a currency."""
    base = _ROW * place + 54
    most = max([1, *(max(pair) for pair in amounts.values())])
    step = (_WIDTH - _LEFT) / len(weeks)
    width = min(0.8 * step, _WIDEST)
    yield f'<text x="0" y="{base - 4}">{escape(code or "(none)")}</text>'
    for number, week in enumerate(weeks):
        for amount, opacity in zip(amounts.get(week, ()), ("0.35", "1"), strict=False):
            tall = max(0, amount) / most * _BAR
            yield (
                f'<rect x="{_LEFT + number * step:.1f}" y="{base - tall:.1f}" width="{width:.1f}" height="{tall:.1f}" '
                f'fill="#0072B2" fill-opacity="{opacity}"/>'
            )
    yield f'<path d="M{_LEFT} {base}H{_WIDTH}" stroke="currentColor" stroke-width="0.8"/>'
