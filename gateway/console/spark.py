"""Small pictures of counts by day: bars beside a name, and a larger one with its dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup

from gateway.console.markup import NOTHING, H, joined, number

_HEIGHT: Final = 100
_GAP: Final = 0.28
_LEAST: Final = 3.0


def bars(counts: Sequence[int], label: str) -> Markup:
    """A bar a day without axes: the shape is what matters. ``label`` says it to those who can't see it."""
    most = max(counts, default=0)
    drawn = _row(counts, most, "bar", 1.0, 0.0) if most else NOTHING
    return H(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<line class="rule" x1="0" x2="{}" y1="{}" y2="{}"/>{}</svg>'
    ).format(max(len(counts), 1), _HEIGHT, label, max(len(counts), 1), _HEIGHT, _HEIGHT, drawn)


def days(series: Sequence[tuple[str, str, Sequence[int]]], last: date) -> Markup:
    """One or more series of counts by day, side by side, with a legend where there are several.

    Args:
        series: name, CSS class (``bar``, ``bar other``) and the counts, all as long, oldest first.
        last: the day of the newest count.
    """
    length = max((len(counts) for _, _, counts in series), default=0)
    most = max((count for _, _, counts in series for count in counts), default=0)
    width = 1.0 / max(len(series), 1)
    drawn = joined(_row(counts, most, css, width, place * width) for place, (_, css, counts) in enumerate(series))
    legend = NOTHING
    if len(series) > 1:
        legend = H('<div class="legend">{}</div>').format(
            joined(
                H('<span class="{}">{} <b>{}</b></span>').format(css, name, number(sum(counts)))
                for name, css, counts in series
            )
        )
    first = last - timedelta(days=max(length - 1, 0))
    said = "; ".join(f"{name}: {sum(counts)}" for name, _, counts in series)
    return H(
        '{}<div class="chart days"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<line class="rule" x1="0" x2="{}" y1="{}" y2="{}"/>{}</svg><span class="most">{}</span></div>'
        '<div class="axis"><span>{}</span><span>{}</span></div>'
    ).format(
        legend, max(length, 1), _HEIGHT, said, max(length, 1), _HEIGHT, _HEIGHT, drawn, number(most),
        f"{first:%-d %b}", f"{last:%-d %b}",
    )  # fmt: skip


def _row(counts: Sequence[int], most: int, css: str, width: float, offset: float) -> Markup:
    """The bars of one series; what is not nothing is always seen."""
    drawn = []
    for place, count in enumerate(counts):
        if not count:
            continue
        height = max(_LEAST, _HEIGHT * count / most)
        left = place + offset + _GAP / 2 * width
        drawn.append(
            H('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                css, f"{left:.3f}", f"{_HEIGHT - height:.1f}", f"{width * (1 - _GAP):.3f}", f"{height:.1f}", count
            )
        )
    return joined(drawn)
