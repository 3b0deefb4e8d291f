"""``for_devices``: which devices a rule concerns."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from devices.event import DeviceFacts
from rules.reading import Reading

MAX_PATTERN = 200


class Selector:
    """All that is said must match; texts are patterns in which ``*``, ``?`` and ``[…]`` have their shell meaning."""

    def __init__(self, patterns: dict[str, str], tag: str | None, attributes: dict[str, Any]) -> None:
        self._patterns = [(field, re.compile(fnmatch.translate(pattern))) for field, pattern in patterns.items()]
        self._tag = tag
        self._attributes = attributes

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether the rule concerns the device."""
        for field, pattern in self._patterns:
            text = getattr(facts, field)
            if not isinstance(text, str) or pattern.match(text) is None:
                return False
        if self._tag is not None and self._tag not in facts.tags:
            return False
        return all(
            name in facts.attributes and facts.attributes[name] == value for name, value in self._attributes.items()
        )


EVERY_DEVICE = Selector({}, None, {})

_FIELDS = ("model", "profile", "id", "store")


def read_selector(rule: Reading) -> Selector | None:
    """The ``for_devices`` of a rule; without one the rule concerns every device."""
    if "for_devices" not in rule:
        return EVERY_DEVICE
    reading = rule.mapping("for_devices", "write for_devices: {model: chiller-*}")
    if reading is None:
        return None
    reading.only((*_FIELDS, "tag", "attribute"))
    patterns = {}
    for field in _FIELDS:
        pattern = reading.text(field)
        if pattern is not None and len(pattern) > MAX_PATTERN:
            reading.refuse(field, f"the pattern has {len(pattern)} characters", f"write at most {MAX_PATTERN}")
        elif pattern is not None:
            patterns[field] = pattern
    attributes = {}
    wanted = reading.mapping("attribute", "write attribute: {name: value}")
    if wanted is not None:
        attributes = {name: wanted.scalar(name) for name in wanted.entries}
    return Selector(patterns, reading.text("tag"), attributes)
