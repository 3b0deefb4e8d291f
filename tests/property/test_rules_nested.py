"""Operators inside each other, in any way that has a meaning, keep the laws of the fold."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.event import Event
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Fault
from rules.state import PartitionState
from tests.unit.rules.story import MINUTE, SECOND, Story, reading, rule, tick
from tests.unit.rules.streams import Dice, Vocabulary, disturbed, stream, thrown, ticked


class Part(NamedTuple):
    """A condition."""

    text: str
    momentary: bool


STATES = [
    "metric: a, above: 5",
    "metric: a, above: 5, clear_below: 3",
    "metric: b, between: [3, 6]",
    "metric: c, equals: 'on'",
    'metric: c, matches: "o[a-z]"',
    "metric: a, absent_for: 5m",
    "metric: a, rate: {per: minute, over: 2m}, above: 0.5",
    "metric: b, rate: {per: hour, over: 10m, counter: true}, below: 10",
    "metric: a, window: {avg: 5m}, above: 5, clear_below: 4",
    "metric: a, window: {count: 3m}, below: 2",
    "metric: b, window: {max: 2m}, above: 5",
    "metric: b, window: {stddev: 4m}, between: [0, 1]",
    "event: {type: x, until: 'y'}",
]
MOMENTS = ["event: x", 'event: "[xy]"', "metric: c, changed: true", "metric: a, changed: {from: 5}"]

leaves = st.one_of(
    st.sampled_from([Part(text, momentary=False) for text in STATES]),
    st.sampled_from([Part(text, momentary=True) for text in MOMENTS]),
)


def _listed(parts: list[Part]) -> str:
    return ", ".join(f"{{{part.text}}}" for part in parts)


def _around(inner: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    several = st.lists(inner, min_size=1, max_size=3)
    steps = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda parts: Part(f"all: [{_listed(parts)}]", any(part.momentary for part in parts))),
        several.map(lambda parts: Part(f"any: [{_listed(parts)}]", all(part.momentary for part in parts))),
        inner.map(lambda part: Part(f"not: {{{part.text}}}", momentary=False)),
        inner.map(lambda part: part if part.momentary else Part(f"all: [{{{part.text}}}], for: 2m", momentary=False)),
        inner.map(lambda part: Part(f"all: [{{{part.text}}}], count: 2, within: 5m", momentary=False)),
        steps.map(
            lambda parts: Part(f"sequence: {{steps: [{_listed(parts)}], within: 6m}}", momentary=parts[-1].momentary)
        ),
    )


conditions = st.recursive(leaves, _around, max_leaves=5).map(lambda part: f"{{{part.text}}}")
generated = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KNOWN = Vocabulary(
    devices=["chiller-7"],
    metrics={"a": [1, 3, 4, 5, 6, 9.5, "broken"], "b": [0, 2, 5, 7.5, True], "c": ["on", "off", "ox", 1]},
    happenings=[("x", {}), ("y", {}), ("x", {"n": 1})],
    facts=[],
    pauses=[1, SECOND, 2 * MINUTE - 1, 2 * MINUTE, 5 * MINUTE, 6 * MINUTE, 6 * MINUTE + 1],
    story=[reading(0, 1, "a"), reading(60, 7, "a"), reading(120, 7, "a")],
)
ENDING = tick(400 * 24 * 3600)


def life(when: str, events: list[Event], *, calming: bool = True) -> Story:
    """What ``events`` lead to."""
    story = Story(rule(when))
    story.state.calming = calming
    story.tell(*events)
    return story


def fates(story: Story) -> list[tuple[str, int]]:
    """What was decided when."""
    return [(decision.transition, decision.at) for decision in story.decisions]


def restored(state: PartitionState) -> PartitionState:
    """As after a restart."""
    again = restore_shared(encode_shared(state))
    for device_id in state.subjects:
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


@generated
@given(conditions, thrown, st.frozensets(st.integers(0, 200), max_size=4))
def test_a_restart_changes_nothing(when: str, lived: bytes, cuts: frozenset[int]) -> None:
    whole, again = life(when, []), life(when, [])
    for place, event in enumerate([*stream(KNOWN, Dice(lived)), ENDING]):
        if place in cuts:
            again.state = restored(again.state)
        assert whole.tell(event) == again.tell(event)
    for device_id in whole.state.subjects:
        assert encode_subject(whole.state, device_id) == encode_subject(again.state, device_id)


@generated
@given(conditions, thrown, thrown)
def test_duplicates_and_late_events_change_nothing(when: str, lived: bytes, more: bytes) -> None:
    events = stream(KNOWN, Dice(lived))
    assert fates(life(when, [*disturbed(events, Dice(more)), ENDING])) == fates(life(when, [*events, ENDING]))


@generated
@given(conditions, thrown, thrown)
def test_how_often_time_is_told_does_not_matter(when: str, lived: bytes, more: bytes) -> None:
    events = stream(KNOWN, Dice(lived))
    assert fates(life(when, [*ticked(events, Dice(more)), ENDING])) == fates(life(when, [*events, ENDING]))


@generated
@given(conditions, thrown)
def test_leaving_calm_devices_alone_decides_nothing(when: str, lived: bytes) -> None:
    calm, asked = life(when, []), life(when, [], calming=False)
    for event in [*stream(KNOWN, Dice(lived)), ENDING]:
        assert calm.tell(event) == asked.tell(event)
    assert {name: encode_subject(calm.state, name) for name in calm.state.subjects} == {
        name: encode_subject(asked.state, name) for name in asked.state.subjects
    }


@generated
@given(conditions, thrown)
def test_every_episode_begins_once_and_ends_once(when: str, lived: bytes) -> None:
    story = life(when, [*stream(KNOWN, Dice(lived)), ENDING])
    assert not [outcome for outcome in story.outcomes if isinstance(outcome, Fault)]
    began: Decision | None = None
    for decision in story.decisions:
        assert decision.transition == ("resolved" if began else "firing")
        # What happened again a millisecond later ends one alert, and begins the next, by what is true then.
        assert decision.explanation["result"] is (began is None) or decision.ended_by is not None
        assert "chiller-7" in decision.summary
        assert began is None or began.at <= decision.at
        began = None if began else decision
