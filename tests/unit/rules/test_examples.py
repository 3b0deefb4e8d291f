"""Examples in rule files: their grammar, and how they are played."""

from __future__ import annotations

import pytest

from devices.event import CustomerFacts, DeviceEvent, Location, Status, Telemetry, Tick
from rules.document import parse
from rules.examples import DEFAULT_START, Example, read_examples
from rules.problem import Problem, RuleErrors
from rules.rehearsal import Verdict, rehearse

RULES = """
rules:
  - id: warm
    for_devices: {model: chiller-*}
    when: {metric: temperature, above: 8, for: 10m}
    severity: major
  - id: silent
    when: {absent_for: 1h}
"""
CHILLER = "devices: [{id: chiller-7, model: chiller-x, owner: tanaka}]"
WARM = "{at: 0s, temperature: 5}, {from: 1m, to: 12m, every: 1m, temperature: 9}"


def one(body: str) -> str:
    return RULES + f"tests:\n  - {{name: it, {body}}}\n"


def read(body: str) -> Example:
    (example,) = read_examples({"r.yaml": one(body)}, ["warm", "silent"])
    return example


def problems(body: str) -> list[Problem]:
    with pytest.raises(RuleErrors) as caught:
        read(body)
    return caught.value.problems


def play(body: str) -> Verdict:
    return rehearse(read(body), parse({"r.yaml": one(body)}))


def test_a_single_entry_is_one_reading() -> None:
    example = read("given: [{at: 90s, device: d, temperature: 9, door: open}], expect: []")
    at = DEFAULT_START + 90_000
    assert [arrival.event for arrival in example.given] == [
        Telemetry("d", at, at, {"temperature": 9, "door": "open"}),
    ]


def test_from_to_every_repeats_and_a_ramp_rises() -> None:
    example = read("given: [{from: 0s, to: 4m, every: 2m, device: d, t: {from: 5, to: 9}, n: [1, 2]}], expect: []")
    values = [a.event.values for a in example.given if isinstance(a.event, Telemetry)]
    assert values == [{"t": 5, "n": 1}, {"t": 7, "n": 2}, {"t": 9, "n": 1}]
    assert [a.at - DEFAULT_START for a in example.given] == [0, 120_000, 240_000]


def test_a_device_can_say_where_it_is_how_it_is_and_what_happened() -> None:
    example = read(
        "given: [{at: 1s, device: d, location: {lat: 35.1, lon: 139.2, accuracy: 8}},"
        " {at: 2s, device: d, status: offline}, {at: 3s, device: d, event: door-opened, data: {by: key}}, {at: 4s}],"
        " expect: []"
    )
    where, how, what, time = (arrival.event for arrival in example.given)
    assert isinstance(where, Location)
    assert (where.lat, where.lon, where.accuracy) == (35.1, 139.2, 8)
    assert isinstance(how, Status)
    assert not how.online
    assert isinstance(what, DeviceEvent)
    assert (what.type, what.data) == ("door-opened", {"by": "key"})
    assert time == Tick(DEFAULT_START + 4000)


def test_a_metric_named_like_a_word_of_the_grammar_stands_under_values() -> None:
    example = read("given: [{at: 1s, device: d, values: {status: 3, to: 4}}], expect: []")
    (arrival,) = example.given
    assert isinstance(arrival.event, Telemetry)
    assert arrival.event.values == {"status": 3, "to": 4}


def test_what_is_sent_late_arrives_late() -> None:
    example = read("given: [{at: 1m, late_by: 5m, device: d, t: 1}, {at: 2m, device: d, t: 2}], expect: []")
    events = [arrival.event for arrival in example.given if isinstance(arrival.event, Telemetry)]
    assert [event.values["t"] for event in events] == [2, 1]
    assert events[1].received_at - events[1].at == 300_000


def test_the_registry_stands_in_the_example() -> None:
    example = read(
        "customers: [{id: tanaka, time_zone: Asia/Tokyo}], stores: [{id: ginza, name: Ginza, tags: [flagship]}],"
        " devices: [{id: d, owner: tanaka, store: ginza, tags: kitchen, attributes: {floor: 2}}, {id: e}],"
        " given: [], expect: []"
    )
    known, other = example.devices
    assert known.customer == CustomerFacts("Asia/Tokyo")
    assert (known.tags, known.attributes) == (("kitchen",), {"floor": 2})
    assert other.owner is None
    assert example.stores[0].tags == ("flagship",)


def test_times_may_be_absolute() -> None:
    example = read(
        "starts: 2026-03-01T09:00:00+09:00, given: [{at: 2026-03-01T00:05:00Z, device: d, t: 1}], expect: []"
    )
    assert example.given[0].at - example.starts == 300_000


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("given: [{at: 1m, device: d, t: 1}]", "expect"),
        ("expect: []", "given"),
        ("given: [{device: d, t: 1}], expect: []", "'from' is missing"),
        ("given: [{at: 1m, every: 2m, device: d, t: 1}], expect: []", "beside 'at'"),
        ("given: [{from: 3m, to: 1m, every: 1m, device: d, t: 1}], expect: []", "before 'from'"),
        ("given: [{from: 0s, to: 7d, every: 1s, device: d, t: 1}], expect: []", "100000 events"),
        ("given: [{at: soon, device: d, t: 1}], expect: []", "no duration"),
        ("given: [{at: 1m, t: 1}], expect: []", "nobody is named"),
        ("given: [{at: 1m, device: a/b, t: 1}], expect: []", "cannot name a device"),
        ("given: [{at: 1m, device: d, t: null}], expect: []", "has no value"),
        ("given: [{at: 1m, device: d, t: {from: 1}}], expect: []", "has no value"),
        ("given: [{at: 1m, device: d, status: asleep}], expect: []", "online or offline|status is"),
        ("given: [{at: 1m, device: d, location: {lat: 95, lon: 0}}], expect: []", "lat is 95"),
        ("given: [{at: 1m, device: d, location: here}], expect: []", "lat is"),
        ("given: [], expect: [{rule: warn}]", "there is no rule 'warn'"),
        ("given: [{at: 1m, device: d, resolve: warn}], expect: []", "there is no rule 'warn'"),
        ("given: [{at: 1m, resolve: warm}], expect: []", "whose alert is meant"),
        ("given: [{at: 1m, device: d, snooze: warm}], expect: []", "go together"),
        ("given: [{at: 1m, device: d, resolve: warm, until: 1h}], expect: []", "go together"),
        ("given: [{at: 1m, device: d, t: 1, until: 1h}], expect: []", "go together"),
        ("given: [], expect: [{at: 1m}]", "'rule' is missing"),
        ("given: [], expect: [{rule: warm, is: fires}]", "cannot be 'fires'"),
        ("given: [], expect: [{rule: warm, severity: loud}]", "cannot be 'loud'"),
        ("given: [], expect: [], about: worm", "there is no rule 'worm'"),
        ("given: [], expect: [], starts: monday", "no time with an offset"),
        ("given: [], expect: [], devices: [{model: x}]", "'id' is missing"),
        ("given: [], expect: [], ever: []", "unknown key 'ever'"),
    ],
)
def test_a_mistake_is_named_with_its_line(body: str, word: str) -> None:
    found = problems(body)
    assert any(any(part in problem.message for part in word.split("|")) for problem in found), found
    assert all(problem.line >= 9 and problem.mend for problem in found)


def test_a_mistyped_rule_is_shown_the_right_one() -> None:
    assert "'warm'" in problems("given: [], expect: [{rule: warn}]")[0].mend


def test_no_tests_are_no_examples() -> None:
    assert read_examples({"r.yaml": RULES, "s.yaml": RULES + "tests: []\n"}, ["warm"]) == []


def test_ten_warm_minutes_fire() -> None:
    verdict = play(f"{CHILLER}, given: [{WARM}], expect: [{{at: 11m, rule: warm, severity: major}}]")
    assert verdict.passed
    assert [decision.customer_id for decision in verdict.decisions] == ["tanaka"]


def test_an_expectation_that_is_not_met_says_what_was_decided_and_why() -> None:
    (failure,) = play(f"{CHILLER}, given: [{WARM}], expect: [{{at: 10m, rule: warm}}], about: warm").failures[:1]
    assert failure.line == 10
    assert failure.message == "expected warm on chiller-7 firing at 10 min"
    assert "1 min later" in failure.decided[0]
    assert failure.why[0] == "warm at 10 min:"
    assert failure.why[1].startswith("✗ for: since 1 min")


def test_within_allows_for_some_time_either_way() -> None:
    assert play(f"{CHILLER}, given: [{WARM}], expect: [{{at: 10m, within: 1m, rule: warm}}]").passed
    assert play(f"{CHILLER}, given: [{WARM}], expect: [{{at: 12m, within: 1m, rule: warm}}]").passed
    assert not play(f"{CHILLER}, given: [{WARM}], expect: [{{at: 13m, within: 1m, rule: warm}}]").passed


def test_a_summary_is_a_pattern() -> None:
    assert play(f'{CHILLER}, given: [{WARM}], expect: [{{rule: warm, summary: "*9 is above 8*"}}]').passed
    verdict = play(f'{CHILLER}, given: [{WARM}], expect: [{{rule: warm, summary: "*7 is above 8*"}}]')
    assert "another summary" in verdict.failures[0].decided[0]


def test_what_fires_and_is_not_expected_fails_the_example() -> None:
    (failure,) = play(f"{CHILLER}, given: [{WARM}], expect: []").failures
    assert "fires, which is not expected" in failure.message
    assert failure.why


def test_other_rules_may_be_left_out_of_it() -> None:
    story = f"{CHILLER}, given: [{WARM}, {{at: 2h}}], expect: [{{at: 11m, rule: warm}}]"
    assert not play(story).passed, "silent fires as well"
    assert play(story + ", about: warm").passed
    assert play(story + ", about: [warm]").passed


def test_time_passes_up_to_what_is_expected() -> None:
    assert play("given: [{at: 0s, device: d, t: 1}], expect: [{at: 1h, rule: silent}]").passed


def test_never_forbids_every_transition_or_the_one_named() -> None:
    story = f"{CHILLER}, given: [{WARM}, {{at: 13m, temperature: 1}}], expect: [{{rule: warm}}]"
    assert play(story).passed
    assert play(story + ", never: [{rule: warm, is: repeat}]").passed
    (failure,) = play(story + ", never: [{rule: warm, is: resolved}]").failures
    assert failure.message.startswith("never expected: 13 min: warm on chiller-7 resolved")
    assert not play(story + ", never: [{device: chiller-7}]").passed


def test_a_rule_that_does_not_concern_the_device_says_so() -> None:
    (failure,) = play(f"devices: [{{id: f, model: freezer}}], given: [{WARM}], expect: [{{rule: warm}}]").failures
    assert "does not concern f" in failure.why[0]
    assert "chiller-*" in failure.why[0]


def test_a_device_that_was_never_heard_of_is_named() -> None:
    (failure,) = play("given: [{at: 1m}], expect: [{rule: warm, device: ghost}]").failures
    assert "ghost" in failure.why[0]


def test_two_equal_expectations_want_two_decisions() -> None:
    verdict = play(f"{CHILLER}, given: [{WARM}], expect: [{{rule: warm}}, {{rule: warm}}]")
    assert len(verdict.failures) == 1
    assert "another expectation has it" in verdict.failures[0].decided[0]


REPEATED = """
rules: [{id: hot, when: {metric: t, above: 8}, repeat_every: 1h}]
tests:
  - name: it
    given: [{at: 0s, device: d, t: 1}, {at: 1m, device: d, t: 9}, {at: 5h}%s]
    expect: [{at: 1m}]
    never: [{is: repeat}]
"""


@pytest.mark.parametrize(
    ("more", "passes"),
    [
        ("", False),
        (", {at: 30m, device: d, acknowledge: hot}", True),
        (", {at: 30m, device: d, snooze: hot, until: 6h}", True),
        (", {at: 30m, device: d, snooze: hot, until: 90m}", False),
        (", {at: 30m, device: d, resolve: hot}", True),
    ],
)
def test_a_person_may_have_their_say(more: str, passes: bool) -> None:
    files = {"r.yaml": REPEATED % more}
    (example,) = read_examples(files, ["hot"])
    assert rehearse(example, parse(files)).passed == passes


def test_a_word_about_an_alert_that_does_not_fire_is_told() -> None:
    files = {"r.yaml": REPEATED % ", {at: 30s, device: d, resolve: hot}, {at: 2m, device: d, t: 1}"}
    (example,) = read_examples(files, ["hot"])
    (failure,) = rehearse(example, parse(files)).failures
    assert failure.message == "30 s: resolve hot on d, which does not fire then"


def test_late_samples_do_not_fire() -> None:
    calm = "{at: 0s, temperature: 5}, {at: 30m, temperature: 5}"
    late = "{from: 1m, to: 12m, every: 1m, late_by: 1h, temperature: 9}"
    assert play(f"{CHILLER}, given: [{calm}, {late}], expect: []").passed
