"""The leaderboard's charts as SVG: bars with their spread over seeds, and forgetting against utility drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from core.unlearning.evaluation.svg import frame

_LABEL, _TRACK, _BAR, _STEP = 230, 420, 11, 20
_WIDTH = 720
_PLOT_WIDTH, _PLOT_HEIGHT, _LEFT, _TOP = 600, 260, 70, 14


@dataclass(frozen=True)
class ChartBar:
    """A mean with its standard deviation, on a scale from 0 to `top`."""

    label: str
    mean: float | None
    spread: float | None = None
    top: float = 1.0


@dataclass(frozen=True)
class ChartPoint:
    """One contender: its `drop` of utility, and the share that is `forgotten`."""

    label: str
    drop: float
    forgotten: float
    is_useful: bool


def bars(rows: Sequence[ChartBar], title: str) -> Markup:
    """Horizontal bars, one below the other; a line shows the spread."""
    parts = [part for n, row in enumerate(rows) for part in _bar(row, 4 + n * _STEP)]
    return frame(_WIDTH, 4 + len(rows) * _STEP, title, parts)


def _bar(row: ChartBar, y: float) -> list[Markup]:
    scale, middle = _TRACK / row.top, y + _BAR / 2
    length = scale * min(max(row.mean or 0.0, 0.0), row.top)
    text = "–" if row.mean is None else f"{row.mean:.3f}"
    parts = [
        Markup('<text class="label" x="0" y="{:.1f}">{}</text>').format(y + _BAR - 1, row.label),
        Markup('<rect class="track" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(_LABEL, y, _TRACK, _BAR),
        Markup('<rect class="after" x="{}" y="{}" width="{:.1f}" height="{}" rx="2"/>').format(_LABEL, y, length, _BAR),
        Markup('<text class="value" x="{}" y="{:.1f}">{}</text>').format(_LABEL + _TRACK + 8, y + _BAR - 1, text),
    ]
    if row.spread:
        low, high = (_LABEL + min(max(length + sign * scale * row.spread, 0), _TRACK) for sign in (-1, 1))
        line = Markup('<line class="spread" x1="{0:.1f}" x2="{1:.1f}" y1="{2:.1f}" y2="{2:.1f}"/>')
        parts.append(line.format(low, high, middle))
    return parts


def scatter(points: Sequence[ChartPoint], limit: float, title: str) -> Markup:
    """Best at the upper left. The dashed line is the largest acceptable utility drop."""
    right = max([2 * limit, *(point.drop for point in points)])
    parts = [_grid_line(share) for share in (0.0, 0.5, 1.0)]
    mark = Markup('<line class="chosen" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>')
    parts.append(mark.format(_LEFT + _PLOT_WIDTH * limit / right, _TOP, _TOP + _PLOT_HEIGHT))
    for drop in (0.0, limit, right):
        tick = Markup('<text class="tick mid" x="{:.1f}" y="{}">{:.2f}</text>')
        parts.append(tick.format(_LEFT + _PLOT_WIDTH * drop / right, _TOP + _PLOT_HEIGHT + 18, drop))
    parts += [_point(point, right) for point in points]
    return frame(_WIDTH, _TOP + _PLOT_HEIGHT + 26, title, parts)


def _grid_line(share: float) -> Markup:
    y = _TOP + _PLOT_HEIGHT * (1 - share)
    return Markup(
        '<line class="grid" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>'
        '<text class="tick end" x="{3}" y="{4:.1f}">{5:.1f}</text>'
    ).format(_LEFT, _LEFT + _PLOT_WIDTH, y, _LEFT - 10, y + 4, share)


def _point(point: ChartPoint, right: float) -> Markup:
    x = _LEFT + _PLOT_WIDTH * max(point.drop, 0.0) / right
    y = _TOP + _PLOT_HEIGHT * (1 - min(max(point.forgotten, 0.0), 1.0))
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4"/><text x="{:.1f}" y="{:.1f}">{}</text>').format(
        "after" if point.is_useful else "forget", x, y, x + 7, y + 4, point.label
    )
