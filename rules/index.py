"""Which rules may concern a device, found by what their selectors say rather than by asking each of them.

Each selector is filed once, under the most telling thing that it asks for: an exact id, store, tag, attribute, profile
or model; else the beginning of a pattern (``chiller-`` of ``chiller-*``); else among those that are always asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from devices.event import DeviceFacts
from rules.selector import FIELDS, Selector


class Index:
    """Selectors by number."""

    def __init__(self, selectors: Iterable[tuple[int, Selector]]) -> None:
        self._exact: dict[Hashable, list[int]] = {}
        self._heads: dict[str, dict[str, list[int]]] = {}
        self._always: list[int] = []
        self._selectors: dict[int, Selector] = {}
        for number, selector in selectors:
            self._selectors[number] = selector
            self._file(number, selector)
        self._lengths = {field: sorted({len(head) for head in heads}) for field, heads in self._heads.items()}

    def _file(self, number: int, selector: Selector) -> None:
        key = next(_exact_keys(selector), None)
        if key is not None:
            self._exact.setdefault(key, []).append(number)
            return
        heads = {field: selector.head(field) for field in selector.texts}
        field = max(heads, key=lambda name: len(heads[name]), default="")
        if field and heads[field]:
            self._heads.setdefault(field, {}).setdefault(heads[field], []).append(number)
        else:
            self._always.append(number)

    def concerning(self, facts: DeviceFacts) -> list[int]:
        """The selectors that match, in order of number."""
        return sorted(number for number in self._candidates(facts) if self._selectors[number].matches(facts))

    def _candidates(self, facts: DeviceFacts) -> Iterator[int]:
        yield from self._always
        for key in _keys(facts) if self._exact else ():
            yield from self._exact.get(key, ())
        for field, heads in self._heads.items():
            text = getattr(facts, field)
            for length in self._lengths[field] if isinstance(text, str) else ():
                yield from heads.get(text[:length], ()) if length <= len(text) else ()


def _exact_keys(selector: Selector) -> Iterator[Hashable]:
    """What a device must have exactly, the rarest first: few devices share an id, many a model."""
    for field in ("id", "store"):
        if selector.is_exact(field):
            yield field, selector.texts[field]
    if selector.tag is not None:
        yield "tag", selector.tag
    for name, value in selector.attributes.items():
        yield "attribute", name, value
    for field in ("profile", "model"):
        if selector.is_exact(field):
            yield field, selector.texts[field]


def _keys(facts: DeviceFacts) -> Iterator[Hashable]:
    for field in FIELDS:
        yield field, getattr(facts, field)
    for tag in dict.fromkeys(facts.tags):
        yield "tag", tag
    for name, value in facts.attributes.items():
        if isinstance(value, str | int | float):
            yield "attribute", name, value


class Likeness:
    """What of a device's facts matters to some selectors: devices alike in it are concerned by the same."""

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self._fields = [field for field in FIELDS if any(field in selector.texts for selector in selectors)]
        self._tags = frozenset(selector.tag for selector in selectors if selector.tag is not None)
        self._attributes = sorted({name for selector in selectors for name in selector.attributes})

    def of(self, facts: DeviceFacts) -> Hashable:
        """Equal for devices that are alike."""
        attributes = facts.attributes
        return (
            *[getattr(facts, field) for field in self._fields],
            self._tags.intersection(facts.tags) if self._tags else None,
            *[_plain(attributes[name]) if name in attributes else None for name in self._attributes],
        )


def _plain(value: object) -> Hashable:
    """An attribute as selectors can compare it: a list or a mapping equals none of them."""
    return (value,) if isinstance(value, str | int | float) else None
