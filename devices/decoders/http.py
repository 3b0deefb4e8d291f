"""The body of ``POST /v1/events``: one object or a list of them, each an event with its ``device_id`` and ``kind``.

Each item stands alone: a bad one is refused with its reason and spoils none of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devices import said
from devices.event import DeviceSaid, Millis
from devices.identity import checked_device_id
from devices.json_text import parse_json
from devices.rejected import Reason, Rejected, excerpt

MAX_HTTP_BYTES = 1024 * 1024
"""Largest body."""

KINDS: dict[str, Callable[[str, dict[str, Any], Millis], DeviceSaid]] = {
    "telemetry": said.telemetry,
    "status": said.status,
    "location": said.location,
    "event": said.device_event,
}


def decode_http(body: bytes, received_at: Millis) -> list[DeviceSaid | Rejected]:
    """One outcome for each item, in the order of the body: the event, or why there is none.

    Args:
        body: JSON, one object or a list of at most ``said.MAX_ITEMS``.
        received_at: when it was received, ms.

    Raises:
        Rejected: the body as a whole cannot be read.
    """
    document = parse_json(body, MAX_HTTP_BYTES)
    items = document if type(document) is list else [document]
    if not items:
        raise Rejected(Reason.EMPTY, "the list has no events")
    if len(items) > said.MAX_ITEMS:
        raise Rejected(Reason.TOO_MANY, f"{len(items)} events in one list; at most {said.MAX_ITEMS}")
    return [_outcome(item, received_at) for item in items]


def _outcome(item: Any, received_at: Millis) -> DeviceSaid | Rejected:
    try:
        return _event(item, received_at)
    except Rejected as error:
        return error


def _event(item: Any, received_at: Millis) -> DeviceSaid:
    if type(item) is not dict:
        raise Rejected(Reason.BAD_SHAPE, f"expected a JSON object, got {excerpt(item)}")
    device_id = checked_device_id(item.get("device_id"))
    kind = item.get("kind", "telemetry")
    read = KINDS.get(kind) if type(kind) is str else None
    if read is None:
        raise Rejected(Reason.UNKNOWN_FIELD, f"kind is {excerpt(kind)}: send {', '.join(KINDS)}")
    return read(device_id, {name: value for name, value in item.items() if name != "kind"}, received_at)
