"""Rules on calendars, places and the registry: a restart, or more ticks, at any point of any stream change nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.event import CustomerFacts, DeviceFacts, Event, StoreFacts, Tick
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Outcome
from rules.state import PartitionState
from tests.unit.rules.story import GINZA, SECOND, START, Story, device, fix, reading, store, tick

RULES = """
calendars:
  - {id: quarters, hours: ["15:10-15:20", "15:25-15:40"], time_zone: UTC}
profiles:
  - {id: chiller, absent_after: 4m}
  - {id: oven, absent_after: 11m}
rules:
  - {id: during, when: {metric: t, above: 5, during: quarters}}
  - {id: not-during, when: {metric: t, above: 5, not: {during: quarters}, for: 3m}}
  - {id: hours, when: {metric: t, above: 5, during: store_hours}}
  - {id: owners-time, when: {metric: t, above: 5, during: {hours: "00:10-00:30", time_zone: customer}, for: 2m}}
  - {id: tagged, when: {metric: t, above: 5, device: {tag: kitchen}}}
  - {id: gold, when: {metric: t, above: 5, customer: {attribute: {tier: gold}}, for: 5m}}
  - {id: flagship, when: {metric: t, above: 5, store: {tag: flagship}}}
  - {id: silent, when: {absent_for: profile}}
  - {id: near, when: {zone: {near: 200m}, during: quarters}}
  - {id: by-itself, when: {during: quarters}}
"""  # the story begins at 15:06:40 UTC, six minutes past midnight in Tokyo


def facts(profile: str, tier: str | None, tags: tuple[str, ...], at_home: bool) -> DeviceFacts:
    customer = None if tier is None else CustomerFacts("Asia/Tokyo", "ja", {"tier": tier})
    return DeviceFacts("chiller-7", "x", profile, "aiko", "ginza" if at_home else None, tags, {}, customer)


happenings = st.one_of(
    st.integers(0, 10).map(lambda value: lambda after: reading(after, value)),
    st.builds(lambda north: lambda after: fix(after, north, device="chiller-7"), st.sampled_from([0, 150, 280, 900])),
    st.builds(
        lambda *said: lambda after: device(facts(*said), after),
        st.sampled_from(["", "chiller", "oven"]),
        st.sampled_from([None, "gold", "tin"]),
        st.sampled_from([(), ("kitchen",)]),
        st.booleans(),
    ),
    st.builds(
        lambda tags, hours: (
            lambda after: store(StoreFacts("ginza", "Ginza", GINZA.geofence, tags, {"mon": hours}, "Asia/Tokyo"), after)
        ),
        st.sampled_from([(), ("flagship",)]),
        st.sampled_from([["00:15-00:45"], ["00:00-00:20", "00:30-24:00"]]),
    ),
    st.just(tick),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    now, found = 0, []
    for pause, happening in draw(st.lists(st.tuples(st.integers(0, 400), happenings), min_size=1, max_size=40)):
        now += pause
        found.append(happening(now))
    return found


def restored(state: PartitionState) -> PartitionState:
    again = restore_shared(encode_shared(state))
    for device_id in state.subjects:
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


def said(outcomes: list[Outcome]) -> list[tuple[str, str, int, str | None]]:
    return [(o.rule_id, o.transition, o.at, o.store_id) for o in outcomes if isinstance(o, Decision)]


@given(streams())
def test_a_restart_after_every_event_changes_nothing(stream: list[Event]) -> None:
    whole, cut = Story(RULES), Story(RULES)
    for event in stream:
        whole.tell(event)
        cut.tell(event)
        cut.state = restored(cut.state)
    assert cut.outcomes == whole.outcomes
    assert not any(hasattr(outcome, "trace") for outcome in whole.outcomes)


@given(streams(), st.integers(1, 60))
def test_more_ticks_change_nothing(stream: list[Event], every: int) -> None:
    plain, ticked = Story(RULES), Story(RULES)
    reached = START
    for event in stream:
        # Seldom, but often enough for the registry's clock to be believed.
        plain.tell(*(Tick(at) for at in range(reached, event.at, 240 * SECOND)), event)
        ticked.tell(*(Tick(at) for at in range(reached, event.at, every * SECOND)), event)
        reached = max(reached, event.at)
    last = Tick(START + 86_400 * SECOND)
    plain.tell(last)
    ticked.tell(last)
    assert sorted(said(ticked.outcomes)) == sorted(said(plain.outcomes))
