"""One line over time, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from gateway.console.markup import H, number
from gateway.console.pulse import SAMPLES

_WIDTH: Final = 600
_HEIGHT: Final = 160
_STEPS: Final = (1, 2, 5)
_LEAST: Final = 2


def area(values: Sequence[float], *, seconds: float, samples: int = SAMPLES) -> Markup:
    """``values``, oldest first and ``seconds`` apart, as an area that ends at the right edge: now."""
    top = scale(max(values, default=0))
    shown = list(values[-samples:])
    step = _WIDTH / (samples - 1)
    start = _WIDTH - step * (len(shown) - 1)
    points = [(start + step * index, _HEIGHT * (1 - value / top)) for index, value in enumerate(shown)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    lines = H("").join(
        H('<line class="rule" x1="0" x2="{}" y1="{}" y2="{}"/>').format(_WIDTH, y, y) for y in (0, _HEIGHT / 2, _HEIGHT)
    )
    drawn = H("")
    if len(points) >= _LEAST:
        first, last = points[0][0], points[-1][0]
        drawn = H('<polygon class="area" points="{} {},{} {},{}"/><polyline class="line" points="{}"/>').format(
            path, f"{last:.1f}", _HEIGHT, f"{first:.1f}", _HEIGHT, path
        )
    minutes = samples * seconds / 60
    return H(
        '<div class="chart" role="img" aria-label="Events a second, now {}">'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none">{}{}</svg>'
        '<span class="most">{}</span></div><div class="axis"><span>{} min ago</span><span>now</span></div>'
    ).format(number(shown[-1] if shown else 0), _WIDTH, _HEIGHT, lines, drawn, number(top), f"{minutes:g}")


def scale(most: float) -> float:
    """The next round number at or above ``most``: 1, 2 or 5 times a power of ten, at least 10."""
    power = 10.0
    while True:
        for step in _STEPS:
            if most <= step * power:
                return step * power
        power *= 10
