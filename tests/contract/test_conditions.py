"""What holds for every operator: it has a page whose example works, a test, and the laws of the fold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from devices.event import CustomerFacts, DeviceChanged, DeviceFacts, Event, Tick, decode_batch, encode_batch
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.conditions.catalog import OPERATORS
from rules.decision import Decision, Fault, Outcome, Position
from rules.document import parse
from rules.engine import step
from rules.reference import renewed
from rules.state import PartitionState
from tests.unit.rules.story import START, Story, device, fix, happening, reading, store, tick
from tests.unit.rules.streams import Dice, disturbed, just_before_each, stream, thrown, ticked, vocabulary

PAGES = Path("docs/reference/rules")
TESTS = Path("tests/unit/rules/conditions")
OPERATOR_NAMES = sorted(OPERATORS)

FREEZERS = ("chiller-7", "freezer-2", "freezer-3")


def _warm_and_cold_again(abnormal: float, normal: float = 5) -> list[Event]:
    return [reading(at, value, "temperature") for at, value in ((0, normal), (10, abnormal), (20, normal))]


FIRES: dict[str, list[Event]] = {
    "above": [reading(0, 5, "temperature"), reading(10, 9, "temperature"), reading(20, 5, "temperature")],
    "below": [reading(0, 50, "battery"), reading(10, 19, "battery"), reading(20, 31, "battery")],
    "between": [reading(0, 5, "temperature"), reading(10, 2, "temperature"), reading(20, 3, "temperature")],
    "equals": [reading(0, False, "door_open"), reading(10, True, "door_open"), reading(20, False, "door_open")],
    "absent_for": [reading(0, 1), tick(899), tick(901), reading(950, 1)],
    "every": [reading(0, 5), tick(28_799), tick(28_801), happening(29_000, "cleaned"), tick(29_100)],
    "operating_hours": [
        reading(0, 1000, "hours_run"),
        reading(10, 1499, "hours_run"),
        reading(20, 1500, "hours_run"),
        happening(30, "serviced"),
        reading(40, 1500, "hours_run"),
    ],
    "forecast": [
        *(reading(60 * minute, 80 - 2 * minute, "tank_level") for minute in range(24)),
        *(reading(60 * minute, 95, "tank_level") for minute in range(24, 28)),
    ],
    "anomaly": [
        *(reading(60 * minute, 3 + (minute * 7 % 5 - 2) / 10, "vibration") for minute in range(40)),
        reading(2400, 4.5, "vibration"),
        reading(2460, 3.6, "vibration"),
        reading(2520, 3.1, "vibration"),
    ],
    "zone": [
        fix(0, 500, device="chiller-7"),
        fix(10, 0, device="chiller-7"),
        fix(100, 5, device="chiller-7"),
        tick(131),
        fix(140, 500, device="chiller-7"),
    ],
    "device": [
        device(DeviceFacts("chiller-7", "chiller-x", owner="customer-1", attributes={"age_months": 30}), -10),
        *_warm_and_cold_again(9),
    ],
    "customer": [
        device(DeviceFacts("chiller-7", owner="customer-1", customer=CustomerFacts(attributes={"tier": "gold"})), -10),
        *_warm_and_cold_again(12, normal=20),
    ],
    "store": [device(DeviceFacts("chiller-7", owner="customer-1", store="ginza"), -10), *_warm_and_cold_again(9)],
    "during": [reading(0, False, "door_open"), reading(10, True, "door_open"), tick(6 * 3600)],
    "group": [
        *(device(DeviceFacts(name, "freezer-x", owner="c", store="ginza"), 0) for name in FREEZERS),
        *(reading(after, -20, "temperature", name) for after, name in enumerate(FREEZERS, 1)),
        *(reading(after, -10, "temperature", name) for after, name in enumerate(FREEZERS, 10)),
        tick(311),
        tick(400),
        reading(410, -18, "temperature", "freezer-3"),
    ],
    "firing": [
        reading(0, 5, "temperature"),
        reading(1, True, "door_open"),
        reading(10, 9, "temperature"),
        reading(300, 9, "temperature"),
        tick(620),
        reading(700, 1, "temperature"),
    ],
    "all": [
        reading(0, 5, "temperature"),
        reading(1, False, "door_open"),
        reading(10, 9, "temperature"),
        reading(20, True, "door_open"),
    ],
    "any": [
        reading(0, 5, "temperature"),
        reading(1, 2, "vibration"),
        reading(10, 13, "vibration"),
        reading(20, 1, "vibration"),
    ],
    "not": [reading(0, 5, "pressure"), reading(10, 9, "pressure"), reading(20, 5, "pressure")],
    "for": [
        reading(0, 5, "temperature"),
        reading(10, 9, "temperature"),
        reading(300, 9, "temperature"),
        tick(620),
        reading(700, 1, "temperature"),
    ],
    "rate": [
        *(reading(minute * 60, 80, "level") for minute in range(30)),
        *(reading(minute * 60, 80 - (minute - 29), "level") for minute in range(30, 60)),
        *(reading(minute * 60, 50, "level") for minute in range(60, 90)),
    ],
    "window": [
        *(reading(minute * 60, 50, "power") for minute in range(20)),
        *(reading(minute * 60, 130, "power") for minute in range(20, 40)),
        *(reading(minute * 60, 50, "power") for minute in range(40, 60)),
    ],
    "changed": [reading(0, "auto", "mode"), reading(10, "manual", "mode"), tick(11), reading(20, "auto", "mode")],
    "event": [
        happening(0, "door-opened"),
        happening(10, "error-3", code=7),
        tick(15),
        happening(20, "error-cleared"),
    ],
    "matches": [
        reading(0, "ok", "fault_code"),
        reading(10, "E17", "fault_code"),
        reading(20, "ok", "fault_code"),
    ],
    "count": [
        happening(0, "door-opened"),
        happening(100, "door-opened"),
        happening(200, "door-opened"),
        tick(700),
    ],
    "sequence": [
        reading(0, 5, "temperature"),
        happening(10, "door-opened"),
        reading(600, 9, "temperature"),
        reading(900, 5, "temperature"),
    ],
}
"""For each operator, what a device says so that the example on its page fires, and resolves again."""

ACROSS_DEVICES = frozenset({"group"})
"""Where devices have to wait for each other: what one of them did counts once time has come so far."""


def example(name: str) -> str:
    found = re.search(r"```yaml\n(.*?)```", (PAGES / f"{name}.md").read_text(), re.DOTALL)
    assert found, f"the page of {name} has no example"
    return found.group(1)


def story(name: str) -> Story:
    return Story(example(name), store(), device(DeviceFacts("chiller-7", owner="customer-1")))


def module_of(name: str) -> str:
    operator = OPERATORS[name]
    return (operator.read or operator.wrap).__module__.rpartition(".")[2]


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_has_a_page_a_test_and_a_story(name: str) -> None:
    assert f"# `{name}`" in (PAGES / f"{name}.md").read_text()
    assert (TESTS / f"test_{module_of(name)}.py").exists()
    assert name in FIRES


def test_no_page_describes_what_does_not_exist() -> None:
    assert {page.stem for page in PAGES.glob("*.md") if page.stem != "README"} == set(OPERATORS)


def test_every_file_of_an_operator_is_in_the_catalog() -> None:
    files = {path.stem for path in Path("rules/conditions").glob("*.py")} - {"__init__", "catalog"}
    assert files == {module_of(name) for name in OPERATORS}


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_the_example_on_its_page_uses_it_and_fires_and_resolves(name: str) -> None:
    assert parse({f"{name}.md": example(name)}, frozenset({"alert", "offer"}))
    assert re.search(rf"\b{name}\b", example(name))
    told = story(name)
    told.tell(*FIRES[name])
    last_rule = re.findall(r"- id: (\S+)", example(name))[-1]
    decisions = [decision for decision in told.decisions if decision.rule_id == last_rule]
    assert [decision.transition for decision in decisions] in (["firing", "resolved"], ["firing"])
    if name != "between":
        assert told.decisions[-1].transition == "resolved"


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_a_decision_explains_itself_in_plain_json(name: str) -> None:
    told = story(name)
    told.tell(*FIRES[name])
    for decision in told.decisions:
        tree = json.loads(json.dumps(decision.explanation))
        assert tree == decision.explanation
        assert {"operator", "result"} <= tree.keys()
        assert tree["result"] is (decision.transition == "firing")
        assert "chiller-7" in decision.summary
        json.dumps(decision.values)


def restored(state: PartitionState) -> PartitionState:
    again = restore_shared(encode_shared(state))
    for device_id in state.subjects:
        restore_subject(again, device_id, encode_subject(state, device_id))
    return again


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_a_restart_at_any_point_changes_nothing(name: str) -> None:
    events = FIRES[name]
    whole = story(name)
    expected = whole.tell(*events)
    for cut in range(len(events) + 1):
        told = story(name)
        told.tell(*events[:cut])
        told.state = restored(told.state)
        told.tell(*events[cut:])
        assert told.outcomes == expected, f"cut before event {cut}"


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_a_restart_after_every_event_changes_nothing(name: str) -> None:
    expected = story(name).tell(*FIRES[name])
    told = story(name)
    for event in FIRES[name]:
        told.tell(event)
        told.state = restored(told.state)
    assert told.outcomes == expected


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_duplicates_and_old_events_change_nothing(name: str) -> None:
    expected = [(d.transition, d.at) for d in _decisions(story(name).tell(*FIRES[name]))]
    told = story(name)
    for i, event in enumerate(FIRES[name]):
        told.tell(event, event, *FIRES[name][: i + 1])
    assert [(d.transition, d.at) for d in told.decisions] == expected


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_the_same_log_gives_the_same_decisions(name: str) -> None:
    log = encode_batch(FIRES[name])
    runs = []
    for _ in range(2):
        state = story(name).state
        runs.append([out for i, event in enumerate(decode_batch(log)) for out in step(state, event, Position(9, i))])
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", OPERATOR_NAMES)
def test_how_often_time_is_told_does_not_matter(name: str) -> None:
    expected = [(d.transition, d.at) for d in _decisions(story(name).tell(*FIRES[name]))]
    told = story(name)
    for event in FIRES[name]:
        reached = event.at
        told.tell(*(Tick(at) for at in range(max(told.state.now, START), reached, 500)), event)
    assert [(d.transition, d.at) for d in told.decisions] == expected


VOCABULARIES = {name: vocabulary(example(name), FIRES[name]) for name in OPERATOR_NAMES}
generated = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENDING = tick(400 * 24 * 3600)
"""Long after every deadline."""


def life(name: str, events: list[Event]) -> Story:
    """The example's rules with what ``events`` lead to. What its story's first devices are is known from the start."""
    told = story(name)
    told.tell(*(event for event in FIRES[name] if isinstance(event, DeviceChanged)))
    told.outcomes.clear()
    told.tell(*events)
    return told


def fates(told: Story) -> list[tuple[str, str, str, int]]:
    """What was decided of whom and when."""
    return [(d.rule_id, d.subject, d.transition, d.at) for d in told.decisions]


@pytest.mark.parametrize("name", OPERATOR_NAMES)
@generated
@given(lived=thrown, more=thrown)
def test_a_restart_at_any_point_of_any_life_changes_nothing(name: str, lived: bytes, more: bytes) -> None:
    events = stream(VOCABULARIES[name], Dice(lived))
    cuts = set(more)
    whole, again = life(name, []), life(name, [])
    for place, event in enumerate([*events, ENDING]):
        if place in cuts:
            again.state = restored(again.state)
        assert whole.tell(event) == again.tell(event)
    for device_id in whole.state.subjects:
        assert encode_subject(whole.state, device_id) == encode_subject(again.state, device_id)


@pytest.mark.parametrize("name", OPERATOR_NAMES)
@generated
@given(lived=thrown, more=thrown)
def test_duplicates_and_late_events_change_nothing_in_any_life(name: str, lived: bytes, more: bytes) -> None:
    events = stream(VOCABULARIES[name], Dice(lived))
    assert fates(life(name, [*disturbed(events, Dice(more)), ENDING])) == fates(life(name, [*events, ENDING]))


@pytest.mark.parametrize("name", OPERATOR_NAMES)
@generated
@given(lived=thrown, more=thrown)
def test_how_often_time_is_told_does_not_matter_in_any_life(name: str, lived: bytes, more: bytes) -> None:
    events = stream(VOCABULARIES[name], Dice(lived))
    if name in ACROSS_DEVICES:
        events = just_before_each(events)
    assert fates(life(name, [*ticked(events, Dice(more)), ENDING])) == fates(life(name, [*events, ENDING]))


@pytest.mark.parametrize("name", OPERATOR_NAMES)
@generated
@given(lived=thrown)
def test_every_episode_begins_once_and_ends_once_in_any_life(name: str, lived: bytes) -> None:
    told = life(name, [*stream(VOCABULARIES[name], Dice(lived)), ENDING])
    assert not [outcome for outcome in told.outcomes if isinstance(outcome, Fault)]
    assert len({decision.id for decision in told.decisions}) == len(told.decisions)
    open_: dict[tuple[str, str], Decision] = {}
    for decision in told.decisions:
        alert = (decision.rule_id, decision.subject)
        began = open_.get(alert)
        assert (began is None) == (decision.transition == "firing")
        assert decision.alert_id == (began or decision).alert_id
        assert decision.at >= (began or decision).at
        if decision.transition == "resolved":
            del open_[alert]
        else:
            open_[alert] = decision
        assert json.loads(json.dumps(decision.explanation)) == decision.explanation


def _decisions(outcomes: list[Outcome]) -> list[Decision]:
    return [outcome for outcome in outcomes if isinstance(outcome, Decision)]


def test_the_table_of_operators_is_what_the_catalog_says() -> None:
    page = (PAGES / "README.md").read_text()
    assert renewed(page) == page, "run `make docs`"
    with pytest.raises(ValueError, match="needs a line"):
        renewed("# Rules")
