"""Where a rule's link leads for one customer: the rule's address with what is known filled in. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from rules.then import PLACEHOLDERS


def target_of(link: str, known: Mapping[str, str | None]) -> str:
    """``link`` with each ``{placeholder}`` replaced by its value, percent-encoded; what is not known becomes empty.

    Encoded, a value can change neither the host nor the shape of the path: where the link leads stays the word of the
    rule's author.
    """
    for name in PLACEHOLDERS:
        link = link.replace(f"{{{name}}}", quote(known.get(name) or "", safe=""))
    return link
