"""What channels are called in sentences for people, everywhere. Rules, settings and records have the codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAMES: Final[Mapping[str, str]] = {
    "push": "Push",
    "sms": "SMS",
    "email": "Email",
    "webpush": "Web push",
    "webhook": "Webhook",
    "inbox": "Inbox",
}
"""In the order in which the console shows them."""


def named(channel: str) -> str:
    """The channel at the beginning of a sentence, or alone."""
    return NAMES.get(channel, channel)


def within(channel: str) -> str:
    """The same in the middle of a sentence."""
    return lowered(named(channel))


def lowered(name: str) -> str:
    """``Web push`` as ``web push``; ``SMS`` stays as it is."""
    return name if name.isupper() else name.lower()
