"""The curves as one self-contained SVG file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

COLOURS = ("#0b7a4b", "#c2410c", "#1d4ed8", "#7c3aed", "#a16207", "#475569")
_WIDE, _HIGH, _LEFT, _TOP, _GAP, _LEGEND = 250, 150, 40, 34, 56, 22
Curves = Mapping[str, Sequence[float | None]]
"""By name, shares after 0, 1, 2, … requests; None where there is no share yet."""


def curves_svg(panels: Mapping[str, Curves]) -> str:
    """Panels side by side with one legend; the same name has the same colour everywhere."""
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = dict(zip(names, COLOURS, strict=False))
    parts = [_panel(n, title, curves, colours) for n, (title, curves) in enumerate(panels.items())]
    parts += [_key(n, name, colours[name]) for n, name in enumerate(names)]
    width, height = len(panels) * (_WIDE + _GAP) + _LEFT, _TOP + _HIGH + 44 + _LEGEND
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
        'font-family="sans-serif" font-size="11" fill="#1f2937"><rect width="100%" height="100%" fill="white"/>'
    ).format(width, height)
    return str(head + Markup("").join(parts) + Markup("</svg>")) + "\n"


def _panel(place: int, title: str, curves: Curves, colours: Mapping[str, str]) -> Markup:
    left, count = _LEFT + place * (_WIDE + _GAP), max(len(values) for values in curves.values())
    parts = [Markup('<text x="{}" y="{}" font-weight="bold">{}</text>').format(left, _TOP - 14, title)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _TOP + _HIGH * (1 - share)
        parts.append(
            Markup(
                '<line x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}" stroke="#d1d5db"/>'
                '<text x="{3}" y="{4:.1f}" text-anchor="end">{5:g}</text>'
            ).format(left, left + _WIDE, y, left - 6, y + 4, share)
        )
    for at in range(0, count, 2):
        x = left + _WIDE * at / max(count - 1, 1)
        parts.append(Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, _TOP + _HIGH + 16, at))
    parts += [_line(values, left, count, colours[name]) for name, values in curves.items()]
    return Markup("").join(parts)


def _line(values: Sequence[float | None], left: float, count: int, colour: str) -> Markup:
    spots = [
        (left + _WIDE * at / max(count - 1, 1), _TOP + _HIGH * (1 - value))
        for at, value in enumerate(values)
        if value is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    line = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>').format(path, colour)
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>')
    return line + Markup("").join(dot.format(x, y, colour) for x, y in spots)


def _key(place: int, name: str, colour: str) -> Markup:
    x, y = _LEFT + place * 170, _TOP + _HIGH + 42
    return Markup('<rect x="{0}" y="{1}" width="14" height="4" fill="{2}"/><text x="{3}" y="{4}">{5}</text>').format(
        x, y - 6, colour, x + 20, y, name
    )
