"""``for_devices``: which devices a rule concerns."""

from __future__ import annotations

import fnmatch
import re
from typing import Any, NamedTuple

from devices.event import DeviceFacts
from rules.reading import Reading

MAX_PATTERN = 200
FIELDS = ("model", "profile", "id", "store")
"""The facts that patterns can be written for."""


class Unmet(NamedTuple):
    """A part of ``for_devices`` that a device does not meet."""

    part: str
    """Such as ``model``, ``tag`` or ``attribute.floor``."""
    wanted: str
    found: str | None
    """What the device has there; ``None``: nothing."""

    def __str__(self) -> str:
        has = "has none" if self.found is None else f"has {self.found}"
        return f"{self.part}: the rule wants {self.wanted}, the device {has}"


class Selector:
    """All that is said must match; texts are patterns in which ``*``, ``?`` and ``[…]`` have their shell meaning."""

    def __init__(self, patterns: dict[str, str], tag: str | None, attributes: dict[str, Any]) -> None:
        self._patterns = [(field, re.compile(fnmatch.translate(pattern))) for field, pattern in patterns.items()]
        self.texts = patterns
        """The patterns, by field."""
        self.tag = tag
        self.attributes = attributes

    def head(self, field: str) -> str:
        """How a text must begin to match the field's pattern."""
        return self.texts[field][: _plain_until(self.texts[field])]

    def is_exact(self, field: str) -> bool:
        """Whether one text only matches the field's pattern: the pattern itself."""
        return field in self.texts and self.head(field) == self.texts[field]

    def matches(self, facts: DeviceFacts) -> bool:
        """Whether the rule concerns the device."""
        for field, pattern in self._patterns:
            text = getattr(facts, field)
            if not isinstance(text, str) or pattern.match(text) is None:
                return False
        if self.tag is not None and self.tag not in facts.tags:
            return False
        return all(
            name in facts.attributes and facts.attributes[name] == value for name, value in self.attributes.items()
        )

    def unmet(self, facts: DeviceFacts) -> tuple[Unmet, ...]:
        """The parts that keep the rule from concerning the device; empty where it does."""
        found = []
        for field, pattern in self._patterns:
            text = getattr(facts, field)
            if not isinstance(text, str) or pattern.match(text) is None:
                found.append(Unmet(field, self.texts[field], text or None))
        if self.tag is not None and self.tag not in facts.tags:
            found.append(Unmet("tag", self.tag, ", ".join(facts.tags) or None))
        for name, value in self.attributes.items():
            if name not in facts.attributes or facts.attributes[name] != value:
                has = facts.attributes.get(name)
                found.append(Unmet(f"attribute.{name}", str(value), None if has is None else str(has)))
        return tuple(found)


def _plain_until(pattern: str) -> int:
    """Where the first character stands that means something else than itself."""
    return min((place for place in map(pattern.find, "*?[") if place >= 0), default=len(pattern))


EVERY_DEVICE = Selector({}, None, {})


def read_selector(rule: Reading) -> Selector | None:
    """The ``for_devices`` of a rule; without one the rule concerns every device."""
    if "for_devices" not in rule:
        return EVERY_DEVICE
    reading = rule.mapping("for_devices", "write for_devices: {model: chiller-*}")
    if reading is None:
        return None
    reading.only((*FIELDS, "tag", "attribute"))
    patterns = {}
    for field in FIELDS:
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
