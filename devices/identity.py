"""How devices are named."""

from __future__ import annotations

import re

from devices.rejected import Reason, Rejected, excerpt

DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:@-]{0,127}")
"""No dots, slashes, wildcards or spaces: an id is one level of an MQTT topic and one token of a NATS subject."""


def is_device_id(text: str) -> bool:
    """Whether ``text`` may name a device."""
    return DEVICE_ID.fullmatch(text) is not None


def checked_device_id(value: object) -> str:
    """``value`` as a device id.

    Raises:
        Rejected: it is not one (``bad_device_id``).
    """
    if isinstance(value, str) and is_device_id(value):
        return value
    raise Rejected(
        Reason.BAD_DEVICE_ID,
        f"{excerpt(value)} cannot name a device: use 1 to 128 letters, digits, '_', ':', '@' or '-', "
        "beginning with a letter or digit",
    )
