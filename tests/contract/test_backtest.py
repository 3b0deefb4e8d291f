"""For every operator: a backtest decides what the live run decides, with the ticks of the log and without."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given

from devices.event import DeviceChanged, DeviceFacts, DeviceSaid, Event, Millis, Telemetry, Tick
from rules.backtest import Backtest
from rules.decision import Decision
from rules.document import parse
from tests.contract.test_conditions import (
    ACROSS_DEVICES,
    ENDING,
    FIRES,
    OPERATOR_NAMES,
    VOCABULARIES,
    example,
    fates,
    generated,
    life,
    story,
)
from tests.unit.rules.story import GINZA, START
from tests.unit.rules.streams import Dice, stream, thrown

BEFORE = START - 60_000


def may_stand_in_a_file(event: Event) -> bool:
    """Whether devices say it themselves; ticks are only left out."""
    return isinstance(event, DeviceSaid | Tick)


def told(decisions: list[Decision]) -> list[tuple[Millis, str, str, str, str]]:
    return sorted((each.at, each.rule_id, each.subject, each.transition, each.summary) for each in decisions)


def live(name: str) -> list[Decision]:
    played = story(name)
    played.tell(*FIRES[name])
    return played.decisions


def backtest(
    name: str, events: Sequence[Event], *, makes_ticks: bool, more: Sequence[DeviceFacts] = ()
) -> list[Decision]:
    tried = Backtest(parse({f"{name}.md": example(name)}), makes_ticks=makes_ticks)
    tried.register(BEFORE, [DeviceFacts("chiller-7", owner="customer-1"), *more], [GINZA])
    return [decision for seq, event in enumerate(events, start=1) for decision in tried.feed(0, seq, [event])]


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_over_the_log_it_decides_what_was_decided(name: str) -> None:
    found = backtest(name, FIRES[name], makes_ticks=False)
    assert found
    assert told(found) == told(live(name))


@pytest.mark.parametrize("name", [name for name in OPERATOR_NAMES if all(map(may_stand_in_a_file, FIRES[name]))])
def test_without_ticks_it_decides_the_same_up_to_the_last_event(name: str) -> None:
    said = [event for event in FIRES[name] if isinstance(event, DeviceSaid)]
    last: Millis = said[-1].received_at
    expected = [decision for decision in live(name) if decision.at <= last]
    assert told(backtest(name, said, makes_ticks=True)) == told(expected)


def last_full_second(event: DeviceSaid) -> Tick:
    """The newest tick in a log that has one each second, when ``event`` reaches it."""
    return Tick((event.received_at - 1) // 1000 * 1000)


@pytest.mark.parametrize("name", sorted(set(OPERATOR_NAMES) - set(ACROSS_DEVICES)))
@generated
@given(lived=thrown)
def test_without_ticks_it_decides_the_same_in_any_life(name: str, lived: bytes) -> None:
    said = [event for event in stream(VOCABULARIES[name], Dice(lived)) if isinstance(event, DeviceSaid)]
    at = ENDING.at
    said.append(Telemetry("another", at, at, {"nothing": 1}))
    told_of = fates(life(name, [each for event in said for each in (last_full_second(event), event)]))
    registered = [event.facts for event in FIRES[name] if isinstance(event, DeviceChanged)]
    found = backtest(name, said, makes_ticks=True, more=registered)
    assert sorted((d.rule_id, d.subject, d.transition, d.at) for d in found) == sorted(told_of)
