"""Bars with their spread, as SVG that can be read on light and on dark pages.

Text is of a grey that stands out from white and from black alike (4.5 and 4.6 to 1), and the ground
is left open. Nothing in a file depends on when and where it was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 760
_LABEL, _VALUE = 280, 130
_ROW, _BAR, _TITLE, _GAP = 24, 14, 30, 12
_TEXT, _OURS, _PEER, _SPREAD = "#767676", "#2f7fd6", "#9a9a9a", "#d0662b"


@dataclass(frozen=True)
class Bar:
    """One contender.

    :param median: how long the bar is.
    :param low: where its spread begins.
    :param high: where it ends.
    :param ours: it is one of ours, which has another colour.
    """

    label: str
    median: float
    low: float
    high: float
    ours: bool


@dataclass(frozen=True)
class Panel:
    """Bars on one scale, which begins at 0, below a title with the unit."""

    title: str
    bars: Sequence[Bar]


def draw(about: str, panels: Sequence[Panel]) -> str:
    """An SVG of panels, one below the other.

    :param about: what the picture shows, for those who do not see it.
    """
    parts, top = [], 0
    for panel in panels:
        parts += _panel(panel, top)
        top += _height(panel)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="13" fill="{_TEXT}">'
        f"<title>{escape(about)}</title>"
    )
    return "\n".join([head, *parts, "</svg>"]) + "\n"


def _height(panel: Panel) -> int:
    return _TITLE + _ROW * len(panel.bars) + _GAP


def _panel(panel: Panel, top: int) -> list[str]:
    room = WIDTH - _LABEL - _VALUE
    # A spread far beyond all medians would leave the bars no room; its end is then cut.
    longest = min(max(bar.high for bar in panel.bars), 1.5 * max(bar.median for bar in panel.bars))
    scale = room / (longest or 1.0)
    parts = [f'<text x="0" y="{top + 19}" font-weight="600">{escape(panel.title)}</text>']
    for number, bar in enumerate(panel.bars):
        y = top + _TITLE + _ROW * number
        width, low, high = (min(v, longest) * scale for v in (bar.median, bar.low, bar.high))
        fill, middle = (_OURS if bar.ours else _PEER), y + _BAR / 2
        after = _LABEL + max(width, high) + 8
        text = f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(bar.label)}</text>'
        shape = f'<rect x="{_LABEL}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"'
        line = f'<path d="M{_LABEL + low:.1f} {middle}H{_LABEL + high:.1f}" stroke-width="2"'
        value = f'<text x="{after:.1f}" y="{y + 12}">{number_of(bar.median)}</text>'
        parts += [text, f'{shape} fill="{fill}"/>', f'{line} stroke="{_SPREAD}"/>', value]
    return parts


def number_of(value: float) -> str:
    """A number for reading: three digits, or all of those before the point."""
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
