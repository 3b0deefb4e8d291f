"""What one device has to see of the log: its own events, and those that every device sees. Fast over long logs.

A record of the log holds the events of many devices. Most of them are passed over undecoded, or decoded no further than
to their tag.
"""

from __future__ import annotations

import msgspec

from devices.event import AlertChanged, Event, RulesChanged, StoreChanged, Tick, decode_batch


class _Telemetry(msgspec.Struct, frozen=True, array_like=True, tag="t", tag_field="said", gc=False):
    """Somebody else's; the rest of the array is skipped."""


class _Status(msgspec.Struct, frozen=True, array_like=True, tag="s", tag_field="said", gc=False):
    """Somebody else's."""


class _Location(msgspec.Struct, frozen=True, array_like=True, tag="l", tag_field="said", gc=False):
    """Somebody else's."""


class _DeviceEvent(msgspec.Struct, frozen=True, array_like=True, tag="e", tag_field="said", gc=False):
    """Somebody else's."""


class _DeviceChanged(msgspec.Struct, frozen=True, array_like=True, tag="d", tag_field="said", gc=False):
    """Somebody else's."""


class _AlertCommand(msgspec.Struct, frozen=True, array_like=True, tag="a", tag_field="said", gc=False):
    """Somebody else's."""


class _MemberChanged(msgspec.Struct, frozen=True, array_like=True, tag="m", tag_field="said", gc=False):
    """Somebody else's."""


_Own = _Telemetry | _Status | _Location | _DeviceEvent | _DeviceChanged | _AlertCommand | _MemberChanged
SHARED = (Tick, StoreChanged, RulesChanged, AlertChanged)
"""What is written for every device of a partition."""

_shared_decoder = msgspec.msgpack.Decoder(list[_Own | Tick | StoreChanged | RulesChanged | AlertChanged])


def concerning(record: bytes, device_id: str) -> list[tuple[int, Event]]:
    """The events in ``record`` that matter to ``device_id``, each with its index in the record.

    Args:
        record: from ``encode_batch``.
        device_id: a device, or a group such as ``store/ginza``.

    Raises:
        msgspec.DecodeError: the record is no batch.
    """
    if device_id.encode() not in record:
        return [
            (index, event) for index, event in enumerate(_shared_decoder.decode(record)) if isinstance(event, SHARED)
        ]
    return [(index, event) for index, event in enumerate(decode_batch(record)) if concerns(event, device_id)]


def concerns(event: Event, device_id: str) -> bool:
    """Whether ``event`` is the device's own, or for every device of the partition."""
    return isinstance(event, SHARED) or event.device_id == device_id
