"""A chart as SVG text: a line over time, or bars side by side."""

from __future__ import annotations

import math
from html import escape

from qa.research.markdown import number
from qa.research.model import Chart

WIDTH = 640
LINE_HEIGHT = 240
BAR = 26  # height of a row with a bar
_LABEL = 190  # width of the names beside bars
_SIZES = ((1e9, "B"), (1e6, "M"), (1e4, "k"))


def picture(chart: Chart) -> str:
    """Return a chart as an SVG element that scales with its place."""
    if chart.dated and len(chart.points) > 1 and min(v for _, v in chart.points) >= 0:
        return _line(chart)
    return _bars(chart)


def _line(chart: Chart) -> str:
    xs = [_place(date) for date, _ in chart.points]
    top = _round_up(max(value for _, value in chart.points))
    left, right, above, below = 56, 44, 26, 30
    wide, high = WIDTH - left - right, LINE_HEIGHT - above - below
    span = xs[-1] - xs[0] or 1.0
    spots = [
        (left + (x - xs[0]) / span * wide, above + (1 - value / top) * high) for x, (_, value) in zip(xs, chart.points, strict=True)
    ]
    parts = []
    for step in range(5):
        y = above + step / 4 * high
        parts.append(f'<line class="axis" x1="{left}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{short(top * (1 - step / 4))}</text>')
    parts.append(f'<path class="path" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in spots)}"/>')
    last_label = last_date = -math.inf
    for i, ((x, y), (date, value)) in enumerate(zip(spots, chart.points, strict=True)):
        final = i == len(spots) - 1
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"><title>{escape(date)}: {number(value)}</title></circle>')
        if x - last_label > 46 and (final or spots[-1][0] - x > 46):
            parts.append(f'<text class="v" x="{x:.1f}" y="{y - 10:.1f}" text-anchor="middle">{short(value)}</text>')
            last_label = x
        if x - last_date > 64 and (final or spots[-1][0] - x > 64):
            parts.append(f'<text x="{x:.1f}" y="{LINE_HEIGHT - 8}" text-anchor="middle">{escape(date)}</text>')
            last_date = x
    return _svg(chart, LINE_HEIGHT, parts)


def _bars(chart: Chart) -> str:
    low, high = min(0.0, *(v for _, v in chart.points)), max(0.0, *(v for _, v in chart.points))
    room = WIDTH - _LABEL - 80
    scale = room / ((high - low) or 1.0)
    zero = _LABEL - low * scale
    parts = []
    for row, (name, value) in enumerate(chart.points):
        y = row * BAR + 4
        length = abs(value) * scale
        shown = name if len(name) <= 28 else name[:27] + "…"
        parts.append(f'<text x="{_LABEL - 10}" y="{y + 14}" text-anchor="end">{escape(shown)}</text>')
        parts.append(f'<rect class="bar" x="{zero if value >= 0 else zero - length:.1f}" y="{y}" width="{max(length, 1):.1f}" height="18"/>')
        parts.append(f'<text class="v" x="{max(zero, zero + value * scale) + 8:.1f}" y="{y + 14}">{short(value)}</text>')
    return _svg(chart, len(chart.points) * BAR + 8, parts)


def _svg(chart: Chart, height: int, parts: list[str]) -> str:
    told = "; ".join(f"{key} {number(value)}" for key, value in chart.points)
    label = escape(f"{chart.title} ({chart.unit}): {told}", quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def _place(date: str) -> float:
    """Put a date on a line of years; a year without a month stands at its middle."""
    year, month, day = ([*map(int, date.split("-")), 0, 0])[:3]
    return year + ((month - 1 + (day or 15) / 31) / 12 if month else 0.5)


def _round_up(value: float) -> float:
    """Return the next round number from a value on."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return float(next(m * power for m in (1, 2, 2.5, 4, 5, 8, 10) if m * power >= value * 0.9999))


def short(value: float) -> str:
    """Write a value for an axis."""
    for size, mark in _SIZES:
        if abs(value) >= size:
            return f"{value / (1e3 if mark == 'k' else size):.3g}{mark}"
    return number(round(value, 2))
