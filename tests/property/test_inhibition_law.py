"""Whatever happens, and through any restarts: what was said of who speaks for an alert is what holds in the end.

An escalation waits on that word alone, so one that is missing would let it wait for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.event import AlertCommand, DeviceFacts, Event, Telemetry
from rules.alert import Slot
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Fault, Intervention
from rules.inhibition import inhibitor
from rules.subject import Subject
from tests.unit.rules.story import HOUR, START, Story, device, reading, tick

WARM = "{id: warm, when: {metric: t, above: 8}, then: {notify: {template: alert}}"
OFF = "{id: off, when: {metric: v, above: 8}}"
DOWN = "{id: down, when: {metric: up, equals: 0}}"
BY_BOTH = "inhibited_by: [off, {rule: down, same: store}]"
STEPS = "steps: [{severity: critical, when: {metric: t, above: 12}}]"
RULES = (
    f"rules: [{WARM}, {BY_BOTH}}}, {OFF}, {DOWN}]",
    f"rules: [{WARM}, {BY_BOTH}, repeat_every: 2m, {STEPS}}}, {OFF}, {DOWN}]",
    f"rules: [{WARM}, inhibited_by: [away]}}, {OFF.replace('off', 'away')}, {DOWN}]",
    f"rules: [{WARM}}}, {OFF}, {DOWN}]",
    f"rules: [{OFF}, {DOWN}]",
)
DEVICES = ("d1", "gateway")
ACTIONS: Final[tuple[Literal["acknowledge", "snooze", "resolve"], ...]] = ("acknowledge", "snooze", "resolve")
VALUES = {"t": (9, 5, 13), "v": (9, 5), "up": (0, 1)}

Happening = tuple[str, str, int, int]
HAPPENINGS = st.tuples(
    st.sampled_from(["t", "t", "v", "v", "up", "up", "tick", "tick", "tick", "move", "rules", "word"]),
    st.sampled_from(DEVICES),
    st.integers(0, 5),
    st.sampled_from([1, 12, 31, 70]),
)


def facts(name: str, shop: str | None) -> DeviceFacts:
    return DeviceFacts(name, owner="customer-1", store=shop)


def firing(story: Story) -> Iterator[tuple[Subject, Slot]]:
    for _, subject in sorted(story.state.subjects.items()):
        for slot in subject.slots:
            if slot.episode is not None:
                yield subject, slot


def word(story: Story, number: int, at: int) -> Iterator[Event]:
    """A person's word on one of the alerts that fire."""
    found = list(firing(story))
    if found:
        subject, slot = found[number % len(found)]
        action = ACTIONS[number % len(ACTIONS)]
        until = at + 90_000 if action == "snooze" else None
        yield AlertCommand(at, subject.id, slot.rule.id, slot.alert_id, action, "mika", until=until)


def events(story: Story, happening: Happening, after: int) -> Iterator[Event]:
    what, name, number, _ = happening
    at = START + after * 1000
    match what:
        case "tick":
            yield tick(after)
        case "move":
            yield device(facts(name, ("ginza", "ueno", None)[number % 3]), after)
        case "word":
            yield from word(story, number, at)
        case _:
            behind = 2 * HOUR if what != "up" and number == 5 else 0
            yield Telemetry(name, at - behind, at, {what: VALUES[what][number % len(VALUES[what])]})


def restart(story: Story) -> None:
    again = restore_shared(encode_shared(story.state))
    for subject_id in story.state.subjects:
        restore_subject(again, subject_id, encode_subject(story.state, subject_id))
    story.state = again


def as_told(story: Story) -> dict[str, str | None]:
    """By alert that fires: who speaks for it, as the alert's row says."""
    found: dict[str, str | None] = {}
    for outcome in story.outcomes:
        match outcome:
            case Decision(transition="resolved"):
                found.pop(outcome.alert_id)
            case Decision(transition="firing" | "raised" | "repeat"):
                found[outcome.alert_id] = outcome.inhibited_by
            case Intervention(action="inhibit" | "release"):
                found[outcome.alert_id] = outcome.by if outcome.action == "inhibit" else None
    return found


def beginning() -> Story:
    known = [device(facts(name, "ginza")) for name in DEVICES]
    well = [reading(0, value, metric, name) for name in DEVICES for metric, value in (("t", 5), ("v", 5), ("up", 1))]
    return Story(RULES[0], *known, *well)


@settings(max_examples=300)
@given(st.lists(st.tuples(HAPPENINGS, st.booleans()), min_size=30, max_size=60))
def test_what_was_said_last_is_what_holds(happenings: list[tuple[Happening, bool]]) -> None:
    story, restarted, after = beginning(), beginning(), 1
    for happening, restarts in happenings:
        after += happening[3]
        if happening[0] == "rules":
            for each in (story, restarted):
                each.load(RULES[happening[2] % len(RULES)], after)
        else:
            told = list(events(story, happening, after))
            for each in (story, restarted):
                each.tell(*told)
        if restarts:
            restart(restarted)
    assert story.outcomes == restarted.outcomes
    ids = [outcome.id for outcome in story.outcomes if isinstance(outcome, Decision | Intervention)]
    assert len(ids) == len(set(ids))
    assert not [outcome for outcome in story.outcomes if isinstance(outcome, Fault)]
    story.tell(*(tick(after + wait) for wait in (100, 150, 200, 3 * 3600, 3 * 3600 + 100, 3 * 3600 + 200)))
    said = as_told(story)
    for subject, slot in firing(story):
        assert (said[slot.alert_id] is None) == (inhibitor(slot, subject) is None)
