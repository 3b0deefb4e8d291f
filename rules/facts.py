"""Conditions on what the registry says: the same words for devices, customers and stores.

What the registry does not say is unknown: neither this nor that.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from devices.event import DeviceFacts, Millis
from rules.band import Quiet
from rules.condition import FACTS, Condition, Memory, Truth
from rules.metric import shown
from rules.reading import Reading
from rules.subject import Subject

MAX_PATTERN = 200
COMPARISONS = ("above", "below", "between", "equals")

Test = Callable[[Any], Truth]


class Part(NamedTuple):
    """One thing that is asked of one fact."""

    name: str
    """What it is called there: ``model``, ``tag``, ``attribute.tier``."""
    wanted: str
    """What it should be, to follow "is": ``gold``, ``like 2.*``, ``above 24``, ``tagged kitchen``."""
    test: Test
    """Given what the registry says; ``None``, which is unknown, never comes to it."""

    def holds(self, found: Any) -> Truth:
        """Whether ``found`` is what is asked for."""
        return None if found is None else self.test(found)

    def phrase(self, whose: str, found: Any, *, holds: bool) -> str:
        """``the device's age_months 30 is above 24``."""
        relation = f"is {'' if holds else 'no longer '}{self.wanted}"
        if self.name == "tag":
            return f"the {whose} {relation}"
        exact = found is None or isinstance(found, list | dict) or shown(found) == self.wanted
        fact = self.name.removeprefix("attribute.")
        return f"the {whose}'s {fact}{'' if exact else f' {shown(found)}'} {relation}"


def all_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's conjunction."""
    found = list(truths)
    return False if False in found else None if None in found else True


def any_of(truths: Iterable[Truth]) -> Truth:
    """Kleene's disjunction."""
    found = list(truths)
    return True if True in found else None if None in found else False


def exactly(value: Any) -> Test:
    """Equal, and of its kind: 1 is not ``true``."""
    return lambda found: bool(found == value) and (type(found) is bool) == (type(value) is bool)


def like(pattern: str) -> Test:
    """A text, or a number as it is written, that fits ``*``, ``?`` and ``[…]`` in their shell meaning."""
    compiled = re.compile(fnmatch.translate(pattern))

    def fits(found: Any) -> Truth:
        if isinstance(found, bool) or not isinstance(found, str | int | float):
            return False
        return found == pattern or compiled.match(str(found)) is not None

    return fits


def is_pattern(text: str) -> bool:
    """Whether ``text`` stands for more than itself."""
    return any(sign in text for sign in "*?[")


def read_pattern(reading: Reading, key: str) -> Part | None:
    """The text or pattern under ``key``."""
    text = reading.text(key)
    if text is None:
        return None
    if len(text) > MAX_PATTERN:
        reading.refuse(key, f"the pattern has {len(text)} characters", f"write at most {MAX_PATTERN}")
        return None
    return Part(key, f"like {text}" if is_pattern(text) else text, like(text))


def read_tag(reading: Reading) -> Part | None:
    """The tag under ``tag``; tags are a list that is known as a whole."""
    tag = reading.text("tag")
    return None if tag is None else Part("tag", f"tagged {tag}", lambda found: tag in found)


def read_attributes(reading: Reading, mend: str) -> list[Part]:
    """What is asked of each attribute under ``attribute``."""
    wanted = reading.mapping("attribute", mend)
    if wanted is None:
        return []
    if not wanted.entries:
        wanted.refuse(None, "no attribute is named here", mend)
    return [part for name in wanted.entries for part in _read_attribute(wanted, name)]


def _read_attribute(wanted: Reading, name: str) -> list[Part]:
    place = f"attribute.{name}"
    if isinstance(wanted.entries[name].value, dict):
        compared = wanted.mapping(name, "write {above: 24}")
        return [] if compared is None else _read_comparisons(compared, place)
    value = wanted.scalar(name)
    if isinstance(value, str) and is_pattern(value):
        part = read_pattern(wanted, name)
        return [] if part is None else [part._replace(name=place)]
    return [] if value is None else [Part(place, shown(value), exactly(value))]


def _read_comparisons(compared: Reading, place: str) -> list[Part]:
    compared.only(COMPARISONS)
    found = []
    if not compared.entries:
        compared.refuse(None, "nothing is compared here", "write {above: 24}, {below: 6} or {between: [6, 24]}")
    above, below, value = compared.number("above"), compared.number("below"), compared.scalar("equals")
    if above is not None:
        found.append(Part(place, f"above {shown(above)}", _number(lambda number: number > above)))
    if below is not None:
        found.append(Part(place, f"below {shown(below)}", _number(lambda number: number < below)))
    if value is not None:
        found.append(Part(place, shown(value), exactly(value)))
    limits = _read_pair(compared)
    if limits is not None:
        low, high = limits
        said = f"between {shown(low)} and {shown(high)}"
        found.append(Part(place, said, _number(lambda number: low <= number <= high)))
    return found


def _read_pair(compared: Reading) -> tuple[float, float] | None:
    node = compared.entries.get("between")
    if node is None:
        return None
    limits = [item.value for item in node.value] if isinstance(node.value, list) else []
    if len(limits) != 2 or any(type(limit) not in (int, float) for limit in limits) or limits[0] > limits[1]:  # noqa: PLR2004
        compared.refuse("between", "'between' must be a list of two numbers", "write the lower first: between: [6, 24]")
        return None
    return limits[0], limits[1]


def _number(compare: Callable[[float], bool]) -> Test:
    """A comparison of numbers; of what is no number it is unknown."""
    return lambda found: compare(found) if type(found) in (int, float) else None


def explained(parts: Iterable[Part], found: Callable[[Part], Any]) -> list[dict[str, Any]]:
    """What each part wanted, what was there, and what it came to, as JSON."""
    return [
        {"fact": part.name, "wanted": part.wanted, "found": found(part), "result": part.holds(found(part))}
        for part in parts
    ]


class OfFacts(Condition):
    """What the registry says of a device or its owner: true if all parts are; false if one is; else unknown.

    Remembers nothing: each look is at the registry's newest word.
    """

    __slots__ = ("parts",)

    watches = frozenset({FACTS})
    noun: str
    """The operator's word, and what a sentence calls whose facts these are."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        self.parts = parts

    def fact(self, facts: DeviceFacts, name: str) -> Any:
        """What the registry says; ``None`` where it says nothing."""
        raise NotImplementedError

    def on_event(self, memory: Memory, subject: Subject, at: Millis) -> Truth:
        """Look at the registry's newest word."""
        facts = subject.facts
        result: Truth = True
        for part in self.parts:
            found = self.fact(facts, part.name)
            held = None if found is None else part.test(found)
            if held is False:
                return False
            result = result and held
        return result

    def quiet(self, memory: Memory, subject: Subject, at: Millis) -> Quiet | None:
        """Whatever the device sends: only the registry changes it."""
        return Quiet(self.on_event(memory, subject, at), {})

    def explain(self, memory: Memory, subject: Subject, at: Millis) -> dict[str, Any]:
        """What was wanted, and what there was."""
        facts = explained(self.parts, lambda part: self.fact(subject.facts, part.name))
        return {"operator": self.noun, "facts": facts, "result": self.on_event(memory, subject, at)}

    def phrase(self, memory: Memory, subject: Subject, at: Millis, *, holds: bool) -> str:
        """``the device's model is chiller-x``."""
        found = [(part, self.fact(subject.facts, part.name)) for part in self.parts]
        return phrases(found, self.noun, holds=holds)


def phrases(found: list[tuple[Part, Any]], whose: str, *, holds: bool) -> str:
    """The parts that came to ``holds``; all where none did."""
    said = [each for each in found if each[0].holds(each[1]) is holds] or found
    return " and ".join(part.phrase(whose, fact, holds=holds) for part, fact in said)
