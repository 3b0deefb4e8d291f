"""What stands in the two streams: batches of events, and what was refused."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from devices.event import Event, Millis

PREVIEW_BYTES = 512


class Batch(NamedTuple):
    """One record of a partition. An event's position is (``seq``, its index in ``events``)."""

    seq: int
    """The stream's sequence: rises within a partition, with gaps (other partitions' records)."""
    events: list[Event]
    """In the order in which they were appended. Empty where the record could not be decoded."""
    pending: int = 0
    """How many records of this partition stood behind this one when it was delivered: 0 means caught up."""


class RejectedRecord(msgspec.Struct, frozen=True):
    """One piece of input that was refused, as it stands in the rejected stream (JSON)."""

    at: Millis
    source: str
    """``mqtt``, ``http``, ``coap``, or ``log`` for a record that could not be decoded."""
    topic: str
    """The MQTT topic, or where there is none the device's id or the place in the request."""
    reason: str
    """A short code out of a closed set; the metric's label."""
    detail: str
    payload_preview: str


def preview(payload: bytes) -> str:
    """Show the first 512 bytes of ``payload``: what is printable as it is, everything else escaped."""
    text = payload[:PREVIEW_BYTES].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
