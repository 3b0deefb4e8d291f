"""Whether the brand's colours can be read on each other, as the mails put them there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

MIN_CONTRAST: Final = 4.5
"""WCAG 2.1, 1.4.3, level AA: text of ordinary size."""
WHITE: Final = "#ffffff"
"""The badge's text."""

PAIRS: Final = (
    ("text", "card"),
    ("text", "page"),
    ("quiet", "card"),
    ("quiet", "page"),
    ("accent", "page"),
    ("on_accent", "accent"),
)
"""Front and back, in ``[brand.light]`` and ``[brand.dark]``: text, small print, the name at the top, the button."""


class Pair(NamedTuple):
    """Two colours that are hard to read on each other."""

    table: str
    """``brand.light``."""
    front: str
    back: str
    """``accent``; of a badge what stands for it."""
    shade: str
    """What ``back`` looks like."""
    ratio: float
    mend: str

    def __str__(self) -> str:
        return (
            f"{self.front} on {self.back} {self.shade} has a contrast of {self.ratio:.1f}, which is hard to read "
            f"(WCAG 2.1 wants {MIN_CONTRAST}); {self.mend} would do"
        )


def weak(brand: Mapping[str, Any]) -> Iterator[Pair]:
    """The pairs of ``brand`` (complete, valid colours) whose contrast is below ``MIN_CONTRAST``."""
    for scheme in ("light", "dark"):
        colours = brand[scheme]
        for front, back in PAIRS:
            ratio = contrast(colours[front], colours[back])
            if ratio < MIN_CONTRAST:
                moved = nearest(colours[front], colours[back])
                yield Pair(f"brand.{scheme}", front, back, colours[back], ratio, f'{front} = "{moved}"')
    for severity, colour in brand["severity"].items():
        ratio = contrast(WHITE, colour)
        if ratio < MIN_CONTRAST:
            mend = f'{severity} = "{nearest(colour, WHITE)}"'
            yield Pair("brand.severity", severity, "the badge,", "behind white text,", ratio, mend)


def nearest(colour: str, other: str) -> str:
    """``colour``, made as little darker or lighter as it takes to be read on (or behind) ``other``."""
    ways = [(step, end) for step in range(1, 101) for end in ("#000000", WHITE)]
    for step, end in ways:
        moved = _between(colour, end, step / 100)
        if contrast(moved, other) >= MIN_CONTRAST:
            return moved
    return "#000000" if contrast("#000000", other) > contrast(WHITE, other) else WHITE


def _between(colour: str, end: str, share: float) -> str:
    parts = zip(_channels(colour), _channels(end), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in parts)


def contrast(front: str, back: str) -> float:
    """WCAG 2.1's contrast ratio of two colours (``#rrggbb``), 1 to 21."""
    darker, lighter = sorted((_luminance(front), _luminance(back)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [each / 255 for each in _channels(colour)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)  # noqa: PLR2004
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
