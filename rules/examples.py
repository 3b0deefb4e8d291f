"""Examples of what rules should do, written in YAML beside them: given these events, expect these decisions.

Reading only; ``rules.rehearsal`` plays them. See docs/how-to/test-a-rule.md for the grammar.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from devices.event import CustomerFacts, DeviceFacts, Millis, StoreFacts, Tick
from rules.decision import Transition
from rules.given import Arrival, instant, offset, read_given
from rules.problem import Problem, RuleErrors, closest
from rules.reading import Reading
from rules.source import read_yaml
from rules.steps import SEVERITIES

DEFAULT_START: Final[Millis] = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday: when an example starts that does not say so."""
TRANSITIONS: Final[tuple[Transition, ...]] = ("firing", "repeat", "raised", "lowered", "resolved")

_KEYS = ("name", "about", "devices", "stores", "customers", "starts", "given", "expect", "never")
_EXPECT_KEYS = ("at", "within", "rule", "device", "is", "severity", "summary", "inhibited_by")
_MEND = "write tests: followed by a list of examples, each with name, given and expect"
_GIVEN_MEND = "write given: [{at: 0s, device: chiller-7, temperature: 5}, …]"
_EXPECT_MEND = "write expect: [{at: 11m, rule: chiller-too-warm, device: chiller-7, is: firing}], or [] for silence"


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A decision that must, or must never, be taken. What is ``None`` is not looked at."""

    line: int
    at: Millis | None = None
    within: Millis = 0
    """How far off ``at`` it may be, either way."""
    rule: str | None = None
    device: str | None = None
    transition: Transition | None = None
    severity: str | None = None
    summary: str | None = None
    inhibited_by: str | None = None
    """The rule whose alert speaks for it."""
    """A pattern in which ``*`` stands for anything."""


class _Usual(NamedTuple):
    """What ``expect`` need not repeat."""

    starts: Millis
    rules: Collection[str]
    device: str | None


@dataclass(frozen=True, slots=True)
class Example:
    """One story and how it must end."""

    name: str
    file: str
    line: int
    starts: Millis
    about: frozenset[str]
    """The rules that are looked at; empty: all."""
    devices: tuple[DeviceFacts, ...]
    stores: tuple[StoreFacts, ...]
    given: tuple[Arrival, ...]
    """In the order in which they reach the gateway."""
    expected: tuple[Expected, ...]
    never: tuple[Expected, ...]

    @property
    def ends(self) -> Millis:
        """Until when time passes: to the last thing that is given or expected."""
        moments = [arrival.at for arrival in self.given]
        moments += [each.at + each.within for each in self.expected if each.at is not None]
        return max(moments, default=self.starts)


def read_examples(files: Mapping[str, str], rules: Collection[str]) -> list[Example]:
    """The examples in ``files``, in their order.

    Args:
        files: file name to YAML text; only what stands under ``tests:`` is read.
        rules: the ids of the rules that there are.

    Raises:
        RuleErrors: with all problems in all files.
    """
    problems: list[Problem] = []
    found: list[Example] = []
    for file in sorted(files):
        root, broken = read_yaml(file, files[file])
        problems += broken
        if root is None or not isinstance(root.value, dict):
            continue
        document = Reading(file, root, "", problems)
        if "tests" in document and document.entries["tests"].value == []:
            continue
        for node, path in document.items("tests", _MEND):
            reading = document.nested(node, path, _MEND)
            if reading is not None:
                found.append(_read_example(reading, rules))
    if problems:
        raise RuleErrors(sorted(problems, key=lambda problem: problem[:3]))
    return found


def _read_example(reading: Reading, rules: Collection[str]) -> Example:
    reading.only(_KEYS)
    starts = _read_start(reading)
    customers = _read_customers(reading)
    devices = _read_devices(reading, customers)
    reading.need("given", _GIVEN_MEND)
    reading.need("expect", _EXPECT_MEND)
    name = reading.text("name") if reading.need("name", "say what it shows: name: ten warm minutes fire") else None
    given = read_given(reading, starts, devices[0].id if len(devices) == 1 else None, rules)
    usual = _Usual(starts, rules, _only_device(devices, given))
    return Example(
        name=name or "",
        file=reading.file,
        line=reading.node.line,
        starts=starts,
        about=frozenset(_known_rules(reading, rules)),
        devices=devices,
        stores=_read_stores(reading),
        given=given,
        expected=_read_decisions(reading, "expect", usual),
        never=_read_decisions(reading, "never", usual),
    )


def _read_start(reading: Reading) -> Millis:
    text = reading.text("starts")
    if text is None:
        return DEFAULT_START
    moment = instant(text)
    if moment is None:
        reading.refuse("starts", f"'{text}' is no time with an offset", "write it like 2026-03-01T09:00:00+09:00")
        return DEFAULT_START
    return moment


def _read_customers(reading: Reading) -> dict[str, CustomerFacts]:
    found = {}
    for each in _mappings(reading, "customers", "write customers: [{id: tanaka, time_zone: Asia/Tokyo}]"):
        each.only(("id", "time_zone", "locale", "attributes"))
        customer_id = _id(each)
        zone, locale = each.text("time_zone") or "UTC", each.text("locale") or "en"
        found[customer_id] = CustomerFacts(zone, locale, _plain(each, "attributes"))
    return found


def _read_devices(reading: Reading, customers: dict[str, CustomerFacts]) -> tuple[DeviceFacts, ...]:
    found = []
    for each in _mappings(reading, "devices", "write devices: [{id: chiller-7, model: chiller-x}]"):
        each.only(("id", "model", "profile", "owner", "store", "tags", "attributes"))
        owner = each.text("owner")
        found.append(
            DeviceFacts(
                id=_id(each),
                model=each.text("model") or "",
                profile=each.text("profile") or "",
                owner=owner,
                store=each.text("store"),
                tags=_texts(each, "tags"),
                attributes=_plain(each, "attributes"),
                customer=customers.get(owner, CustomerFacts()) if owner is not None else None,
            )
        )
    return tuple(found)


def _read_stores(reading: Reading) -> tuple[StoreFacts, ...]:
    found = []
    for each in _mappings(reading, "stores", "write stores: [{id: ginza, geofence: {lat: …, lon: …, radius: 80}}]"):
        each.only(("id", "name", "geofence", "tags", "opening_hours", "time_zone"))
        found.append(
            StoreFacts(
                id=_id(each),
                name=each.text("name") or "",
                geofence=_plain(each, "geofence"),
                tags=_texts(each, "tags"),
                opening_hours=_plain(each, "opening_hours"),
                time_zone=each.text("time_zone") or "UTC",
            )
        )
    return tuple(found)


def _only_device(devices: tuple[DeviceFacts, ...], given: tuple[Arrival, ...]) -> str | None:
    """The one device that the example is about, so that ``expect`` need not repeat it."""
    named = {facts.id for facts in devices}
    named |= {arrival.event.device_id for arrival in given if not isinstance(arrival.event, Tick)}
    return next(iter(named)) if len(named) == 1 else None


def _known_rules(reading: Reading, rules: Collection[str]) -> tuple[str, ...]:
    named = _texts(reading, "about")
    for rule in named:
        if rule not in rules:
            reading.refuse("about", f"there is no rule '{rule}'", closest(rule, rules, f"rules: {', '.join(rules)}"))
    return named


def _read_decisions(reading: Reading, key: str, usual: _Usual) -> tuple[Expected, ...]:
    if key not in reading or reading.entries[key].value == []:
        return ()
    return tuple(_read_decision(each, key, usual) for each in _mappings(reading, key, _EXPECT_MEND))


def _read_decision(reading: Reading, key: str, usual: _Usual) -> Expected:
    reading.only(_EXPECT_KEYS)
    said: Any = reading.choice("is", TRANSITIONS)
    return Expected(
        line=reading.node.line,
        at=offset(reading, "at", usual.starts),
        within=reading.duration("within") or 0,
        rule=_read_rule(reading, key, usual.rules),
        device=reading.text("device") or (usual.device if key == "expect" else None),
        transition=said or ("firing" if key == "expect" else None),
        severity=reading.choice("severity", SEVERITIES),
        summary=reading.text("summary"),
        inhibited_by=reading.text("inhibited_by"),
    )


def _read_rule(reading: Reading, key: str, rules: Collection[str]) -> str | None:
    if "rule" not in reading and (key == "never" or len(rules) == 1):
        return next(iter(rules)) if len(rules) == 1 else None
    reading.need("rule", "say which rule: rule: chiller-too-warm")
    rule = reading.text("rule")
    if rule is not None and rule not in rules:
        reading.refuse("rule", f"there is no rule '{rule}'", closest(rule, rules, f"rules: {', '.join(rules)}"))
    return rule


def _mappings(reading: Reading, key: str, mend: str) -> list[Reading]:
    nested = [reading.nested(node, path, mend) for node, path in reading.items(key, mend)]
    return [each for each in nested if each is not None]


def _id(reading: Reading) -> str:
    return (reading.text("id") if reading.need("id", "give it an id") else None) or ""


def _texts(reading: Reading, key: str) -> tuple[str, ...]:
    """One text, or a list of texts."""
    node = reading.entries.get(key)
    if node is None:
        return ()
    items = node.value if isinstance(node.value, list) else [node]
    if any(isinstance(item.value, list | dict) or not item.text.strip() for item in items):
        reading.refuse(key, f"'{key}' must be a text or a list of texts", f"write {key}: [one, another]")
        return ()
    return tuple(item.text for item in items)


def _plain(reading: Reading, key: str) -> dict[str, Any]:
    node = reading.entries.get(key)
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        reading.refuse(key, f"'{key}' must be a mapping", f"write {key}: {{name: value}}")
        return {}
    plain: dict[str, Any] = node.plain()
    return plain
