"""Device profiles: which metrics a kind of device sends, in which units and limits, and how often."""

from __future__ import annotations

from typing import Literal

import msgspec

from devices.event import Millis

Kind = Literal["number", "boolean", "text"]


class MetricProfile(msgspec.Struct, frozen=True):
    """What is known of one metric."""

    kind: Kind = "number"
    unit: str | None = None
    """As people write it: ``°C``; see ``rules.units`` for those that are known."""
    min: float | None = None
    """The lowest value that the sensor can send, in ``unit``."""
    max: float | None = None
    """The highest."""


class DeviceProfile(msgspec.Struct, frozen=True):
    """What devices of one kind send. Durations in ms."""

    id: str
    metrics: dict[str, MetricProfile] = {}
    every: Millis | None = None
    """How often a device is expected to send."""
    absent_after: Millis | None = None
    """After how long a silence it counts as absent."""
