"""Kizashi's own MQTT topics: ``devices/{id}/telemetry|status|location|event`` and the answers to commands.

The device is who the topic says. A payload that names another one is refused.
"""

from __future__ import annotations

from typing import Any

from devices import said
from devices.event import DeviceEvent, DeviceSaid, Millis
from devices.identity import checked_device_id
from devices.json_text import MAX_BYTES, parse_json
from devices.rejected import Reason, Rejected, excerpt

PREFIX = "devices/"
TOPICS = (
    "devices/+/telemetry",
    "devices/+/status",
    "devices/+/location",
    "devices/+/event",
    "devices/+/commands/+/result",
)
"""MQTT filters of the topics that this decoder reads."""

_KIND_LEVELS = 3
_RESULT_LEVELS = 5
_MAX_COMMAND_ID = 128


def matches(topic: str) -> bool:
    """Whether ``topic`` is one of ours."""
    return topic.startswith(PREFIX)


def decode(topic: str, payload: bytes, received_at: Millis) -> list[DeviceSaid]:
    """The events in one MQTT message, in the order in which they were written.

    Args:
        topic: the topic it was published to.
        payload: as received.
        received_at: when it was received, ms.

    Raises:
        Rejected: no event can be made of it. A list is taken whole or not at all.
    """
    levels = topic.split("/")
    if len(levels) == _KIND_LEVELS and levels[0] == "devices":
        kind = levels[2]
        if kind == "telemetry":
            return _telemetry(checked_device_id(levels[1]), payload, received_at)
        if kind == "location":
            device_id = checked_device_id(levels[1])
            return [said.location(device_id, _one(device_id, parse_json(payload)), received_at)]
        if kind == "status":
            return [_status(checked_device_id(levels[1]), payload, received_at)]
        if kind == "event":
            device_id = checked_device_id(levels[1])
            return [said.device_event(device_id, _one(device_id, parse_json(payload)), received_at)]
    if len(levels) == _RESULT_LEVELS and levels[0] == "devices" and levels[2] == "commands" and levels[4] == "result":
        return [_command_result(checked_device_id(levels[1]), levels[3], payload, received_at)]
    raise Rejected(
        Reason.BAD_TOPIC, f"{excerpt(topic, 80)}: publish to devices/{{id}}/telemetry, status, location or event"
    )


def _telemetry(device_id: str, payload: bytes, received_at: Millis) -> list[DeviceSaid]:
    document = parse_json(payload)
    if type(document) is not list:
        return [said.telemetry(device_id, _one(device_id, document), received_at)]
    if not document:
        raise Rejected(Reason.EMPTY, "the list has no readings")
    if len(document) > said.MAX_ITEMS:
        raise Rejected(Reason.TOO_MANY, f"{len(document)} readings in one list; at most {said.MAX_ITEMS}")
    events: list[DeviceSaid] = []
    for place, item in enumerate(document, start=1):
        try:
            events.append(said.telemetry(device_id, _one(device_id, item), received_at))
        except Rejected as error:
            raise error.within(f"item {place}") from error
    return events


def _one(device_id: str, document: Any) -> dict[str, Any]:
    if type(document) is not dict:
        raise Rejected(Reason.BAD_SHAPE, f"expected a JSON object, got {excerpt(document)}")
    if "device_id" in document and document["device_id"] != device_id:
        raise Rejected(
            Reason.OTHER_DEVICE, f"published as {device_id}, but the payload names {excerpt(document['device_id'])}"
        )
    return document


def _status(device_id: str, payload: bytes, received_at: Millis) -> DeviceSaid:
    if payload in (b"online", b"offline"):
        return said.status_word(device_id, payload.decode(), received_at)
    if len(payload) <= MAX_BYTES and payload.strip()[:1] not in (b"{", b'"', b""):
        raise Rejected(Reason.BAD_STATUS, f"status is {excerpt(payload)}: send online, offline or a JSON object")
    document = parse_json(payload)
    if type(document) is str:
        return said.status_word(device_id, document, received_at)
    return said.status(device_id, _one(device_id, document), received_at)


def _command_result(device_id: str, command_id: str, payload: bytes, received_at: Millis) -> DeviceSaid:
    if not command_id or len(command_id) > _MAX_COMMAND_ID or not command_id.isprintable():
        raise Rejected(Reason.BAD_TOPIC, f"command id {excerpt(command_id)}: 1 to {_MAX_COMMAND_ID} characters")
    sent = _one(device_id, parse_json(payload))
    at, _ = said.moment(sent.get("ts"), received_at)
    result = {name: value for name, value in sent.items() if name not in ("ts", "device_id")}
    return DeviceEvent(device_id, at, received_at, "command_result", {"command_id": command_id, "result": result})
