"""What the inbox channel needs to know: nothing."""

from __future__ import annotations

import msgspec


class InboxConfig(msgspec.Struct, frozen=True):
    """No settings: the inbox is part of the gateway."""
