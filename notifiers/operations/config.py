"""Where the operations team wants to hear."""

from __future__ import annotations

import msgspec

SERVICE_SECONDS = 10.0
"""For each of the team's channels to take a message."""


class OperationsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Apprise URLs (``slack://…``, ``mailto://…``, ``json://…``). They hold secrets: nothing shows them.

    Raises:
        ValueError: there is none.
    """

    urls: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("operations.urls is empty: write apprise URLs, separated by spaces or lines")

    def __repr__(self) -> str:
        return f"OperationsConfig({len(self.urls)} urls)"

    __str__ = __repr__


def urls_of(text: str) -> tuple[str, ...]:
    """The URLs of a setting: separated by spaces or lines."""
    return tuple(text.split())
