"""The past, decided again."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from devices.event import DeviceFacts, Event, RulesChanged
from rules.backtest import MAX_EXAMPLES, Backtest, Report, RuleReport
from rules.document import parse
from rules.rule import Ruleset
from tests.unit.rules.story import CHILLER, GINZA, MINUTE, START, reading, status, tick

WARM = "{id: warm, when: {metric: t, above: 8}, severity: major}"
WARMER = "{id: warm, when: {metric: t, above: 9}, severity: major}"
SILENT = "{id: silent, when: {absent_for: 1h}}"


def rules(*written: str) -> Ruleset:
    return parse({"r.yaml": f"rules: [{', '.join(written)}]"})


def story(*temperatures: float, device: str = "chiller-7", every: float = 60) -> list[Event]:
    return [reading(number * every, value, device=device) for number, value in enumerate(temperatures)]


def run(
    events: list[Event], candidate: Ruleset, live: Ruleset | None = None, *, wanted: frozenset[str] | None = None
) -> Report:
    backtest = Backtest(candidate, live, wanted=wanted, makes_ticks=True)
    backtest.register(START, [CHILLER], [GINZA])
    backtest.feed(0, 1, events)
    return backtest.report()


def of(report: Report, rule_id: str = "warm") -> RuleReport:
    (found,) = (rule for rule in report.rules if rule.rule_id == rule_id)
    return found


def test_counts_what_would_have_been_decided_and_for_whom() -> None:
    report = run(story(5, 9, 5, 9, 5), rules(WARM))
    tally = of(report).candidate
    assert tally is not None
    assert tally.counts == {"firing": 2, "resolved": 2}
    assert (tally.devices, tally.customers) == (1, 1)
    assert [(named.id, named.count) for named in tally.top_customers] == [("customer-1", 2)]
    assert (tally.first_at, tally.last_at) == (START + MINUTE, START + 3 * MINUTE)
    assert tally.per_day == {"2025-06-15": 2}
    assert tally.examples[0].summary == "t 9 is above 8 on chiller-7"
    assert (report.events, report.first_at, report.last_at) == (5, START, START + 4 * MINUTE)


def test_without_live_rules_there_is_nothing_to_compare() -> None:
    report = run(story(5, 9), rules(WARM))
    assert not report.compared
    assert not report.differs
    assert of(report).live is None
    assert not of(report).devices_gained


def test_a_lower_limit_fires_more_often() -> None:
    report = run(story(5, 8.5, 5, 9.5, 5), rules(WARM), rules(WARMER))
    warm = of(report)
    assert (warm.same, warm.new, warm.gone, warm.changed) == (1, 1, 0, 0)
    assert warm.candidate is not None
    assert warm.live is not None
    assert (warm.candidate.fired, warm.live.fired) == (2, 1)
    assert warm.changes[0].says == "t 8.5 is above 8 on chiller-7"
    assert report.differs


def test_says_which_devices_are_gained_and_lost() -> None:
    events = sorted(story(5, 8.5) + story(5, 8.6, device="other"), key=lambda event: event.at)
    candidate = rules("{id: warm, for_devices: {model: chiller-*}, when: {metric: t, above: 8}}")
    live = rules("{id: warm, for_devices: {id: other}, when: {metric: t, above: 8}}")
    warm = of(run(events, candidate, live))
    assert (warm.devices_gained, warm.devices_lost) == (["chiller-7"], ["other"])


def test_a_rule_that_says_the_same_is_run_once_and_is_the_same() -> None:
    backtest = Backtest(rules(WARM), rules("{when: {above: 8, metric: t}, severity: major, id: warm}"))
    assert len(backtest.sides) == 1
    backtest.feed(0, 1, story(5, 9, 5))
    warm = of(backtest.report())
    assert (warm.same, warm.new, warm.gone, warm.changed) == (1, 0, 0, 0)
    assert warm.candidate == warm.live


def test_a_rule_that_is_gone_and_one_that_is_new_are_told() -> None:
    report = run(story(5, 9.5, 5), rules(SILENT), rules(WARMER))
    warm, silent = of(report), of(report, "silent")
    assert warm.candidate is None
    assert warm.gone == 1
    assert silent.live is None
    assert silent.new == 0


def test_only_the_wanted_rules_are_reported() -> None:
    report = run(story(5, 9), rules(WARM, SILENT), rules(WARMER, SILENT), wanted=frozenset({"warm"}))
    assert [rule.rule_id for rule in report.rules] == ["warm"]


def test_a_rule_is_run_together_with_those_whose_alerts_silence_it() -> None:
    silenced = "{id: silenced, when: {absent_for: 10m}, inhibited_by: [warm]}"
    backtest = Backtest(rules(silenced, WARM, SILENT), None, wanted=frozenset({"silenced"}))
    assert {rule.id for rule in backtest.sides[0].partitions.states[0].ruleset.rules} == {"silenced", "warm"}
    assert [rule.rule_id for rule in backtest.report().rules] == ["silenced"]


def test_a_rule_whose_silencer_changed_is_run_on_both_sides() -> None:
    silenced = "{id: silenced, when: {absent_for: 10m}, inhibited_by: [warm]}"
    backtest = Backtest(rules(silenced, WARM), rules(silenced, WARMER), wanted=frozenset({"silenced"}))
    assert len(backtest.sides) == 2


def test_time_passes_between_events_where_the_past_has_no_ticks() -> None:
    report = run([reading(0, 1), reading(7200, 1), reading(7260, 1)], rules(SILENT))
    tally = of(report, "silent").candidate
    assert tally is not None
    assert tally.examples[0].at == START + 3600 * 1000
    assert tally.counts == {"firing": 1, "resolved": 1}


def test_no_time_passes_after_the_last_event() -> None:
    tally = of(run([reading(0, 1)], rules(SILENT)), "silent").candidate
    assert tally is not None
    assert tally.fired == 0


def test_the_ticks_of_a_log_are_used_as_they_are() -> None:
    backtest = Backtest(rules(SILENT))
    backtest.feed(0, 1, [reading(0, 1)])
    assert backtest.feed(0, 2, [status(4000, online=True)]) == []
    (decision,) = backtest.feed(0, 3, [tick(4001)])
    assert decision.at == START + 3600 * 1000


def test_what_the_live_rules_left_in_the_log_is_decided_again() -> None:
    backtest = Backtest(rules(WARM))
    other = RulesChanged(START, "v2", {"r.yaml": "rules: []"})
    backtest.feed(0, 1, [reading(0, 5), other, reading(60, 9)])
    assert of(backtest.report()).candidate is not None
    assert backtest.report().events == 2


def test_partitions_are_folded_apart() -> None:
    backtest = Backtest(rules(SILENT), partitions=2)
    backtest.feed(0, 1, [reading(0, 1)])
    backtest.feed(1, 2, [tick(4000)])
    assert of(backtest.report(), "silent").candidate is not None
    assert not backtest.feed(1, 3, [tick(4001)]), "time came to the other partition only"
    assert backtest.feed(0, 4, [tick(4000)])


def test_a_rule_that_raises_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ruleset = rules(WARM)
    (rule,) = ruleset.rules

    class Broken(type(rule.condition)):  # type: ignore[misc]
        def on_event(self, *_: object) -> bool:
            raise ZeroDivisionError("no")

    broken = Broken.__new__(Broken)
    for name in ("metric", "stale_after", "timed", "watches"):
        setattr(broken, name, getattr(rule.condition, name))
    tally = of(run(story(5, 9), replace(ruleset, rules=(replace(rule, condition=broken),)))).candidate
    assert tally is not None
    assert tally.faults == 2
    assert "ZeroDivisionError" in tally.first_fault


def test_examples_are_bounded_and_the_report_is_json() -> None:
    report = run(story(*[5, 9] * (MAX_EXAMPLES + 5)), rules(WARM), rules(WARMER))
    tally = of(report).candidate
    assert tally is not None
    assert tally.fired == MAX_EXAMPLES + 5
    assert len(tally.examples) == MAX_EXAMPLES
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_device_that_the_registry_does_not_know_is_matched_by_no_model() -> None:
    ruleset = rules("{id: warm, for_devices: {model: chiller-*}, when: {metric: t, above: 8}}")
    backtest = Backtest(ruleset)
    backtest.register(START, [DeviceFacts("a", model="chiller-x")], [])
    made = backtest.feed(
        0, 1, [reading(after, value, device=device) for after, value in ((0, 1), (60, 9)) for device in "ab"]
    )
    assert [decision.subject for decision in made] == ["a"]
