"""Small pictures for the report as inline SVG: no script, no font, no file beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

_LABEL, _TRACK, _BAR, _GAP = 230, 420, 9, 4
_WIDTH, _HALF = 720, 350
_PLOT_WIDTH, _PLOT_HEIGHT, _LEFT, _TOP = 600, 150, 60, 24
SERIES = ("before", "after", "reference")


def percent(value: float | None) -> str:
    """A share as people read it: one decimal, a dash for what could not be measured."""
    return "–" if value is None else f"{100 * value:.1f} %".replace("-", "−").replace("−0.0", "0.0")


def amount(value: float | None, *, share: bool) -> str:
    """A share as `percent`; any other number with three decimals."""
    return percent(value) if share or value is None else f"{value:.3f}"


def bars(rows: Sequence[tuple[str, Mapping[str, float | None]]], *, narrow: bool = False) -> Markup:
    """Horizontal bars in [0, 1]: for each row a label (above the bars when `narrow`), and a bar for each series."""
    parts: list[Markup] = []
    top, head, left, track = (0, 18, 0, _HALF - 62) if narrow else (4, 0, _LABEL, _TRACK)
    for label, values in rows:
        series = [name for name in SERIES if name in values]
        height = len(series) * (_BAR + _GAP)
        baseline = top + 12 if narrow else top + height / 2 + 3
        parts.append(Markup('<text class="label" x="0" y="{:.1f}">{}</text>').format(baseline, label))
        top += head
        parts += [_bar(name, values[name], top + i * (_BAR + _GAP), left, track) for i, name in enumerate(series)]
        top += height + 12
    return frame(_HALF if narrow else _WIDTH, top - 6, "Shares before and after", parts)


def _bar(name: str, value: float | None, y: float, left: float, track: float) -> Markup:
    length = 0.0 if value is None else track * min(max(value, 0.0), 1.0)
    return Markup(
        '<rect class="track" x="{0}" y="{2}" width="{1}" height="{3}" rx="2"/>'
        '<rect class="{4}" x="{0}" y="{2}" width="{5:.1f}" height="{3}" rx="2"/>'
        '<text class="value {4}-text" x="{6}" y="{7:.1f}">{8}</text>'
    ).format(left, track, y, _BAR, name, length, left + track + 8, y + _BAR - 0.5, percent(value))


def curve(points: Sequence[Mapping[str, float | None]], labels: Sequence[str], chosen: int | None) -> Markup:
    """Lines in [0, 1] over equally spaced labels, one for each key of the points; `chosen` marks one label."""
    xs = [_LEFT + _PLOT_WIDTH * i / max(len(labels) - 1, 1) for i in range(len(labels))]
    parts = [_gridline(share) for share in (0.0, 0.5, 1.0)]
    if chosen is not None:
        mark = Markup('<line class="chosen" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>')
        parts.append(mark.format(xs[chosen], _TOP - 8, _TOP + _PLOT_HEIGHT))
    for x, label in zip(xs, labels, strict=True):
        parts.append(
            Markup('<text class="tick mid" x="{:.1f}" y="{}">{}</text>').format(x, _TOP + _PLOT_HEIGHT + 18, label)
        )
    for name in points[0] if points else ():
        spots = [(x, _height(point[name])) for x, point in zip(xs, points, strict=True) if point[name] is not None]
        parts.append(_line(name, spots, dots=True))
    return frame(_WIDTH, _TOP + _PLOT_HEIGHT + 26, "Forgetting and usefulness over k", parts)


def sparkline(values: Sequence[float], name: str = "after") -> Markup:
    """A line without axes from the smallest to the largest value."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = 640 / max(len(values) - 1, 1)
    spots = [(4 + i * step, 6 + 48 * (1 - (value - low) / span)) for i, value in enumerate(values)]
    return frame(_WIDTH, 60, "Training loss", [_line(name, spots, dots=False)])


def interval(auc: float, low: float, high: float, *, right: float) -> Markup:
    """A point with its interval on [0, 1], and a line where it should be."""
    x = [_LABEL + _TRACK * value for value in (auc, low, high, right)]
    parts = [
        Markup('<line class="grid" x1="{}" x2="{}" y1="14" y2="14"/>').format(_LABEL, _LABEL + _TRACK),
        Markup('<line class="chosen" x1="{0:.1f}" x2="{0:.1f}" y1="3" y2="25"/>').format(x[3]),
        Markup('<line class="after-line" x1="{:.1f}" x2="{:.1f}" y1="14" y2="14"/>').format(x[1], x[2]),
        Markup('<circle class="after" cx="{:.1f}" cy="14" r="4.5"/>').format(x[0]),
    ]
    return frame(_WIDTH, 28, "Membership AUC with its interval", parts)


def _height(value: float | None) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - min(max(value or 0.0, 0.0), 1.0))


def _gridline(share: float) -> Markup:
    y = _height(share)
    return Markup(
        '<line class="grid" x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}"/>'
        '<text class="tick end" x="{3}" y="{4:.1f}">{5}</text>'
    ).format(_LEFT, _LEFT + _PLOT_WIDTH, y, _LEFT - 10, y + 4, f"{100 * share:.0f} %")


def _line(name: str, spots: Sequence[tuple[float, float]], *, dots: bool) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    line = Markup('<polyline class="{}-line" points="{}"/>').format(name, path)
    marks = (Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(name, x, y) for x, y in spots)
    return line + Markup("").join(marks) if dots else line


def frame(width: float, height: float, title: str, parts: Sequence[Markup]) -> Markup:
    """The whole picture around its parts."""
    head = Markup('<svg viewBox="0 0 {} {:.0f}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">')
    return head.format(width, height, title) + Markup("").join(parts) + Markup("</svg>")
