"""``device``: what the registry says of the device: its model, tags, attributes."""

from __future__ import annotations

from typing import Any

from devices.event import DeviceFacts
from rules.condition import Condition, Operator, Scope
from rules.facts import OfFacts, read_attributes, read_pattern, read_tag
from rules.reading import Reading

_FIELDS = ("model", "profile", "id", "store")
_MEND = "write device: {model: chiller-*, tag: kitchen, attribute: {firmware: 2.*}}"


class Device(OfFacts):
    """What the registry says of the device."""

    __slots__ = ()

    noun = "device"

    def fact(self, facts: DeviceFacts, name: str) -> Any:
        """An empty model or profile says nothing; tags are a list that is known as a whole."""
        if name.startswith("attribute."):
            return facts.attributes.get(name.removeprefix("attribute."))
        return list(facts.tags) if name == "tag" else getattr(facts, name) or None


def _read(reading: Reading, _scope: Scope) -> Condition | None:
    device = reading.mapping("device", _MEND)
    if device is None:
        return None
    noted = len(device.problems)
    device.only((*_FIELDS, "tag", "attribute"))
    parts = [part for part in (*(read_pattern(device, field) for field in _FIELDS), read_tag(device)) if part]
    parts += read_attributes(device, _MEND)
    if not device.entries:
        device.refuse(None, "nothing is asked of the device", _MEND)
    return Device(tuple(parts)) if len(device.problems) == noted else None


OPERATOR = Operator("device", _read)
