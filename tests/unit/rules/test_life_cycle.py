"""The life of an alert, as a person who reads the documentation would expect it."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from devices.event import AlertCommand
from rules.alert import Episode
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Intervention
from rules.document import parse
from rules.problem import RuleErrors
from tests.unit.rules.story import CHILLER, MINUTE, START, Story, device, happening, reading, rule, tick

HIGH = "{metric: t, above: 8}"
STEPS = (
    "[{severity: critical, when: {metric: t, above: 12}},"
    " {severity: major, when: {metric: t, above: 10, clear_below: 9}}]"
)
OFFLINE = """
rules:
  - {id: silent, when: {metric: t, absent_for: 10m}, then: {case: {}, notify: {template: alert}},
     inhibited_by: [offline], repeat_every: 1h}
  - {id: offline, when: {absent_for: 10m}, then: {notify: {template: alert}}}
"""
QUIET = """
rules:
  - {id: quiet, when: {metric: t, above: 8}, then: {notify: {template: alert}}, inhibited_by: [loud]}
  - {id: loud, when: {metric: v, above: 8}, then: {notify: {template: alert}}}
"""


def command(
    story: Story,
    after: float,
    action: Literal["acknowledge", "snooze", "resolve"],
    by: str = "mika",
    until: float | None = None,
    rule_id: str = "r",
) -> AlertCommand:
    """A person's word on the newest alert of the rule."""
    fired = [d for d in story.decisions if d.rule_id == rule_id and d.transition == "firing"]
    snoozed_until = None if until is None else START + round(until * 1000)
    return AlertCommand(
        START + round(after * 1000), "chiller-7", rule_id, fired[-1].id, action, by, until=snoozed_until
    )


def fired(when: str = HIGH, **more: str) -> Story:
    """An alert that began to fire at second 1."""
    story = Story(rule(when, then="{case: {}, notify: {template: alert}}", **more), device(CHILLER), reading(0, 5))
    story.tell(reading(1, 9))
    return story


def words(story: Story) -> list[tuple[str, float, str]]:
    """Since when another alert spoke for one that had been said, and until when."""
    found = [outcome for outcome in story.outcomes if isinstance(outcome, Intervention)]
    return [(word.action, (word.at - START) / 1000, word.by) for word in found]


def severities(story: Story) -> list[tuple[str, str]]:
    return [(decision.transition, decision.severity) for decision in story.decisions]


def restarted(story: Story) -> Story:
    again = restore_shared(encode_shared(story.state))
    for subject in story.state.subjects:
        restore_subject(again, subject, encode_subject(story.state, subject))
    story.state = again
    return story


class TestSteps:
    def test_the_severity_is_that_of_the_highest_step_that_holds(self) -> None:
        story = fired(steps=STEPS)
        story.tell(*(reading(i, value) for i, value in enumerate([11, 13, 11, 9.5, 8.5, 5], start=2)))
        assert severities(story) == [
            ("firing", "warning"), ("raised", "major"), ("raised", "critical"),
            ("lowered", "major"), ("lowered", "warning"), ("resolved", "warning"),
        ]  # fmt: skip
        assert len({decision.alert_id for decision in story.decisions}) == 1

    def test_an_alert_begins_where_it_already_is(self) -> None:
        story = Story(rule(HIGH, steps=STEPS), reading(0, 5))
        story.tell(reading(1, 13))
        assert severities(story) == [("firing", "critical")]

    def test_a_step_has_its_own_for_which_counts_before_the_alert_fires(self) -> None:
        steps = "[{severity: critical, when: {metric: v, above: 1, for: 5m}}]"
        story = Story(rule(HIGH, steps=steps), reading(0, 5), reading(0, 2, "v"))
        assert story.heard(reading(200, 9), reading(200, 2, "v"), tick(299)) == [("firing", 200)]
        assert story.heard(tick(301)) == [("raised", 300)]

    def test_a_step_of_which_nothing_is_known_any_more_leaves_the_severity(self) -> None:
        steps = "[{severity: critical, when: {metric: v, above: 1, for: 5m}}]"
        story = Story(rule(HIGH, steps=steps), reading(0, 5), reading(0, 2, "v"))
        story.tell(reading(200, 9), tick(300), *(reading(at, 9) for at in range(400, 2000, 300)))
        assert severities(story) == [("firing", "warning"), ("raised", "critical")]
        story.tell(reading(2000, 0, "v"))
        assert severities(story)[-1] == ("lowered", "warning")

    def test_a_step_may_ask_for_other_data_and_alone_fires_nothing(self) -> None:
        steps = "[{severity: critical, when: {metric: door, equals: open}}]"
        story = Story(rule(HIGH, steps=steps), reading(0, 5), reading(0, "open", "door"))
        assert story.heard(reading(1, 9), reading(2, "shut", "door"), reading(3, "open", "door")) == [
            ("firing", 1), ("lowered", 2), ("raised", 3)
        ]  # fmt: skip

    def test_each_step_does_what_it_says_and_else_what_the_one_below_it_says(self) -> None:
        steps = (
            "[{severity: critical, when: {metric: t, above: 12}, then: {case: {priority: urgent}}},"
            " {severity: major, when: {metric: t, above: 10}, then: {notify: {template: loud}}}]"
        )
        story = fired(steps=steps)
        story.tell(reading(2, 13), reading(3, 9))
        first, up, down = story.decisions
        assert first.case is not None
        assert first.notify is not None
        assert (first.case.priority, first.notify.template) == ("normal", "alert")
        assert up.case is not None
        assert up.notify is not None
        assert (up.case.priority, up.notify.template) == ("urgent", "loud")
        assert (down.case, down.notify) == (None, None)

    def test_it_says_why_it_rose_and_why_it_fell(self) -> None:
        story = fired(steps=STEPS)
        story.tell(reading(2, 13), reading(3, 11))
        assert [decision.summary for decision in story.decisions[1:]] == [
            "raised to critical: t 13 is above 12 on chiller-7",
            "lowered to major: t 11 is no longer above 12 on chiller-7",
        ]
        assert [step["severity"] for step in story.decisions[1].explanation["severity_steps"]] == ["major", "critical"]

    def test_a_rule_without_steps_is_not_asked_again_while_nothing_changes(self) -> None:
        (slot,) = fired().state.subjects["chiller-7"].slots
        assert slot is not None
        assert slot.settled is True

    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            ("[]", "at least one item"),
            ("[{when: {metric: t, above: 1}}]", "'severity' is missing"),
            ("[{severity: critical}]", "'when' is missing"),
            ("[{severity: info, when: {metric: t, above: 1}}]", "no rise from the rule's 'warning'"),
            ("[{severity: hot, when: {metric: t, above: 1}}]", "cannot be 'hot'"),
            ("[{severity: major, when: {metric: t, abvoe: 1}}]", "unknown operator 'abvoe'"),
            ("[{severity: major, whne: {metric: t, above: 1}}]", "unknown key 'whne'"),
            ("[{severity: major, when: {metric: t, above: 1}}, {severity: major, when: {metric: t, above: 2}}]",
             "another step to 'major'"),
        ],
    )  # fmt: skip
    def test_a_step_that_cannot_be_is_refused(self, steps: str, message: str) -> None:
        with pytest.raises(RuleErrors, match=message):
            parse({"a": rule(HIGH, steps=steps)})


class TestEndByTime:
    def test_it_ends_by_itself_and_does_not_fire_again_until_it_was_false_once(self) -> None:
        story = fired(auto_resolve_after="1h", repeat_every="25m")
        assert story.heard(*(tick(at) for at in range(60, 4000, 60))) == [
            ("repeat", 1501), ("repeat", 3001), ("resolved", 3601),
        ]  # fmt: skip
        ended = story.decisions[-1]
        assert (ended.ended_by, ended.notify) == ("time", None)
        assert ended.summary == "r on chiller-7 ended by itself after 1 h"
        assert story.heard(reading(4000, 9), tick(9000)) == []
        assert story.heard(reading(9001, 5), reading(9002, 9)) == [("firing", 9002)]

    def test_it_counts_from_when_it_was_last_raised(self) -> None:
        story = fired(steps=STEPS, auto_resolve_after="1h")
        assert story.heard(reading(1800, 11), reading(2000, 9.5), tick(5399)) == [("raised", 1800)]
        assert story.heard(tick(5400)) == [("resolved", 5400)]

    def test_a_recovery_before_that_is_a_recovery(self) -> None:
        story = fired(auto_resolve_after="1h")
        story.tell(reading(100, 5), tick(9000))
        assert [(d.transition, d.ended_by) for d in story.decisions] == [("firing", None), ("resolved", None)]


class TestPerson:
    def test_acknowledging_stops_the_repeats_and_being_raised_is_news_all_the_same(self) -> None:
        story = fired(steps=STEPS, repeat_every="10m")
        (said,) = story.tell(command(story, 60, "acknowledge"))
        assert isinstance(said, Intervention)
        assert said == Intervention(
            said.id, START + MINUTE, "acknowledge", "mika", story.decisions[0].id, "r", "chiller-7", "customer-1"
        )  # fmt: skip
        assert story.heard(tick(3000), reading(3001, 13)) == [("raised", 3001)]
        assert story.decisions[-1].notify is not None
        assert story.heard(tick(9000), reading(9001, 5)) == [("resolved", 9001)]

    def test_saying_it_again_changes_nothing(self) -> None:
        story = fired(repeat_every="10m")
        for action, until in (("acknowledge", None), ("snooze", 900.0)):
            said = command(story, 60, action, until=until)  # type: ignore[arg-type]
            assert len(story.tell(said)) == 1
            before = encode_subject(story.state, "chiller-7")
            assert story.tell(said) == []
            assert encode_subject(story.state, "chiller-7") == before

    def test_while_snoozed_nobody_hears_of_it_and_then_it_is_said_again(self) -> None:
        story = fired(steps=STEPS, repeat_every="10m")
        story.tell(command(story, 60, "snooze", until=1800))
        assert story.heard(tick(700), reading(900, 13)) == [("raised", 900)]
        assert story.decisions[-1].snoozed_until == START + 30 * MINUTE
        assert story.heard(tick(1799)) == []
        assert story.heard(tick(1800), tick(2400)) == [("repeat", 1800), ("repeat", 2400)]
        assert [decision.snoozed_until for decision in story.decisions[-2:]] == [None, None]

    def test_a_snooze_ends_by_our_clock_however_slow_the_devices_is(self) -> None:
        story = Story(rule(HIGH), device(CHILLER), reading(0, 5, late_by=600_000))
        story.tell(reading(1, 9, late_by=600_000), tick(610))
        story.tell(command(story, 620, "snooze", until=1200))
        assert story.heard(tick(1199)) == []
        assert story.heard(tick(1201)) == [("repeat", 600)]

    def test_a_snooze_that_the_alert_does_not_outlive_says_nothing(self) -> None:
        story = fired()
        story.tell(command(story, 60, "snooze", until=1800))
        assert story.heard(reading(100, 5), tick(1800)) == [("resolved", 100)]

    def test_a_snooze_may_be_prolonged_and_taking_notice_ends_it(self) -> None:
        story = fired()
        story.tell(command(story, 60, "snooze", until=600), command(story, 70, "snooze", until=900))
        assert story.heard(tick(899)) == []
        story.tell(command(story, 899.5, "acknowledge"))
        assert story.heard(tick(5000)) == []

    def test_a_snooze_that_is_over_already_changes_nothing(self) -> None:
        story = fired()
        assert story.tell(command(story, 60, "snooze", until=60)) == []

    def test_a_person_resolves_it_and_it_stays_so_until_it_was_false_once(self) -> None:
        story = fired(repeat_every="10m")
        assert story.heard(command(story, 60, "resolve")) == [("resolved", 60)]
        assert (story.decisions[-1].ended_by, story.decisions[-1].notify) == ("mika", None)
        assert story.decisions[-1].summary == "r on chiller-7 was resolved by mika"
        assert list(story.state.alerts()) == []
        assert story.heard(reading(61, 9), tick(4000), reading(4001, 9)) == []
        assert story.heard(reading(4002, 5), reading(4003, 9)) == [("firing", 4003)]

    @pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
    def test_a_word_on_another_episode_or_an_unknown_alert_changes_nothing(
        self, action: Literal["acknowledge", "snooze", "resolve"]
    ) -> None:
        story = fired()
        late = command(story, 200, action, until=900)
        story.tell(reading(100, 5), reading(150, 9))
        before = encode_subject(story.state, "chiller-7")
        stranger = AlertCommand(late.at, "nobody", "r", late.alert_id, action)
        other_rule = AlertCommand(late.at, "chiller-7", "s", late.alert_id, action)
        assert story.tell(late, stranger, other_rule) == []
        assert encode_subject(story.state, "chiller-7") == before
        assert "nobody" not in story.state.subjects

    def test_what_was_due_before_is_handled_first(self) -> None:
        story = fired(repeat_every="1m")
        assert story.heard(command(story, 100, "acknowledge"), tick(1000)) == [("repeat", 61)]

    def test_a_name_that_says_something_else_is_not_mistaken(self) -> None:
        story = fired()
        story.tell(command(story, 60, "resolve", by="time"))
        assert story.decisions[-1].ended_by == "a person named time"

    @pytest.mark.parametrize("action", ["acknowledge", "snooze", "resolve"])
    def test_a_restart_forgets_nothing(self, action: Literal["acknowledge", "snooze", "resolve"]) -> None:
        told = []
        for restart in (False, True):
            story = fired(steps=STEPS, repeat_every="10m", auto_resolve_after="3h")
            for event in (command(story, 60, action, until=1800), tick(1700), reading(1750, 13), reading(2000, 9),
                          tick(3000), tick(20_000), reading(20_001, 5), reading(20_002, 9)):  # fmt: skip
                if restart:
                    restarted(story)
                story.tell(event)
            told.append(story.outcomes)
        assert told[0] == told[1]


class TestNewVersion:
    def test_what_a_person_said_goes_on_under_the_rules_new_version(self) -> None:
        story = fired(repeat_every="10m")
        story.tell(command(story, 60, "acknowledge"))
        story.load(rule("{metric: t, above: 7}", repeat_every="10m"), after=70)
        assert story.heard(tick(5000)) == []

    def test_a_rule_that_became_more_serious_says_so(self) -> None:
        story = fired()
        assert [d.transition for d in story.load(rule(HIGH, severity="critical"), 70) if isinstance(d, Decision)] == [
            "raised"
        ]


class TestInhibition:
    def story(self) -> Story:
        story = Story(OFFLINE, device(CHILLER), reading(0, 5))
        story.tell(tick(601))
        return story

    def test_of_two_that_fire_at_once_the_explained_one_is_quiet(self) -> None:
        offline, silent = self.story().decisions
        assert (offline.rule_id, offline.inhibited_by) == ("offline", None)
        assert (silent.rule_id, silent.inhibited_by, silent.case) == ("silent", "offline", None)

    def test_repeats_are_quiet_too(self) -> None:
        story = self.story()
        story.tell(tick(600 + 3600))
        assert (story.decisions[-1].transition, story.decisions[-1].inhibited_by) == ("repeat", "offline")

    def test_what_ends_together_is_never_said(self) -> None:
        story = self.story()
        assert story.heard(reading(700, 5), tick(1200)) == [("resolved", 700), ("resolved", 700)]

    def test_what_ends_a_moment_later_is_never_said(self) -> None:
        story = self.story()
        assert story.heard(reading(700, 5, "v"), reading(720, 5), tick(1200)) == [("resolved", 700), ("resolved", 720)]

    def test_what_is_still_true_once_the_other_is_over_is_said_then(self) -> None:
        story = self.story()
        assert story.heard(reading(700, 5, "v"), tick(800)) == [("resolved", 700), ("repeat", 730)]
        said = story.decisions[-1]
        assert said.notify is not None
        assert said.case is not None
        assert (said.rule_id, said.inhibited_by) == ("silent", None)

    def test_it_waits_on_if_the_other_comes_back_in_time(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9, "v"), reading(11, 9), reading(20, 5, "v"), reading(40, 9, "v"))
        assert [(d.rule_id, d.transition) for d in story.decisions] == [
            ("loud", "firing"), ("quiet", "firing"), ("loud", "resolved"), ("loud", "firing"),
        ]  # fmt: skip
        assert story.heard(tick(300), reading(400, 5, "v"), tick(429)) == [("resolved", 400)]
        assert story.heard(tick(430), tick(4000)) == [("repeat", 430)]

    def test_snoozed_meanwhile_it_is_said_when_that_is_over(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9, "v"), reading(11, 9))
        story.tell(command(story, 15, "snooze", until=900, rule_id="quiet"))
        assert story.heard(reading(20, 5, "v"), tick(899), tick(900)) == [("resolved", 20), ("repeat", 900)]

    def test_acknowledged_meanwhile_it_need_not_be_said(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9, "v"), reading(11, 9))
        story.tell(command(story, 15, "acknowledge", rule_id="quiet"))
        assert story.heard(reading(20, 5, "v"), tick(900)) == [("resolved", 20)]

    def test_what_was_said_before_becomes_quiet_and_goes_on_afterwards(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9), reading(20, 9, "v"), reading(50, 5, "v"), tick(79))
        assert words(story) == [("inhibit", 20, "loud")]
        story.tell(tick(80))
        assert words(story) == [("inhibit", 20, "loud"), ("release", 80, "loud")]
        assert [(d.rule_id, d.transition) for d in story.decisions] == [
            ("quiet", "firing"), ("loud", "firing"), ("loud", "resolved"),
        ]  # fmt: skip

    def test_alerts_that_never_spoke_for_it_do_not_delay_it(self) -> None:
        other = "  - {id: flapping, when: {metric: w, above: 8}}\n"
        story = Story(QUIET + other, device(CHILLER), *(reading(0, 5, metric) for metric in "tvw"))
        story.tell(reading(10, 9), reading(20, 9, "v"), reading(50, 5, "v"))
        for after in range(51, 120, 10):
            story.tell(reading(after, 9, "w"), tick(after + 4), reading(after + 5, 5, "w"), tick(after + 9))
        assert words(story) == [("inhibit", 20, "loud"), ("release", 80, "loud")]

    def test_one_that_speaks_again_meanwhile_is_waited_for_anew(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9), reading(20, 9, "v"), reading(50, 5, "v"), reading(60, 9, "v"), reading(70, 5, "v"))
        story.tell(*(tick(after) for after in (81, 99, 100)))
        assert words(story) == [("inhibit", 20, "loud"), ("release", 100, "loud")]

    def test_what_is_said_anew_afterwards_needs_no_word(self) -> None:
        story = Story(QUIET.replace("[loud]", "[loud], repeat_every: 1m"), device(CHILLER), reading(0, 5))
        story.tell(reading(0, 5, "v"), reading(10, 9), reading(20, 9, "v"), tick(75), reading(80, 5, "v"), tick(110))
        assert words(story) == [("inhibit", 20, "loud")]
        assert [(d.transition, d.inhibited_by) for d in story.decisions if d.rule_id == "quiet"] == [
            ("firing", None), ("repeat", "loud"), ("repeat", None),
        ]  # fmt: skip

    def test_it_stays_quiet_through_a_restart(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9), reading(20, 9, "v"))
        again = restore_shared(encode_shared(story.state))
        restore_subject(again, "chiller-7", encode_subject(story.state, "chiller-7"))
        story.state = again
        story.tell(reading(50, 5, "v"), tick(80))
        assert words(story) == [("inhibit", 20, "loud"), ("release", 80, "loud")]

    def test_rules_that_come_to_inhibit_make_it_quiet(self) -> None:
        story = Story(QUIET.replace(", inhibited_by: [loud]", ""), device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9), reading(20, 9, "v"))
        assert words(story) == []
        story.load(QUIET, 30)
        assert words(story) == [("inhibit", 30, "loud")]

    def test_a_device_that_is_far_behind_is_no_reason_to_stay_quiet(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9), reading(20, 9, "v"))
        behind = 7_200_000
        story.tell(reading(50, 5, "v", late_by=behind), tick(81 + behind / 1000))
        assert [action for action, _, _ in words(story)] == ["inhibit", "release"]

    def test_what_was_said_before_is_not_said_again(self) -> None:
        text = OFFLINE.replace("absent_for: 10m}, then: {not", "absent_for: 20m}, then: {not")
        story = Story(text, device(CHILLER), reading(0, 5))
        assert story.heard(tick(601), tick(1201), reading(1300, 1, "v"), tick(1400)) == [
            ("firing", 600), ("firing", 1200), ("resolved", 1300)
        ]  # fmt: skip

    def test_a_rule_that_is_gone_keeps_nobody_quiet(self) -> None:
        story = Story(QUIET, device(CHILLER), reading(0, 5), reading(0, 5, "v"))
        story.tell(reading(10, 9, "v"), reading(11, 9))
        story.load("rules: [{id: quiet, when: {metric: t, above: 8}, then: {notify: {template: alert}}}]", after=20)
        assert story.heard(tick(49), tick(50)) == [("repeat", 50)]

    @pytest.mark.parametrize(
        ("inhibited_by", "line", "message", "mend"),
        [
            ("[offlin]", 5, "there is no rule 'offlin'", "did you mean 'offline'?"),
            ("[r]", 5, "'r' cannot inhibit itself", "explains the others"),
            ("[offline]", 2, "inhibit each other: ", "explains the others"),
            ("offline", 5, "must be a list", "a list of rule ids"),
            ("[[offline]]", 5, "expected a rule's id", "a list of rule ids"),
        ],
    )
    def test_names_the_place_and_the_mend(self, inhibited_by: str, line: int, message: str, mend: str) -> None:
        text = (
            "rules:\n  - {id: offline, when: {absent_for: 10m}, inhibited_by: [other]}\n"
            "  - {id: other, when: {absent_for: 10m}OTHER}\n"
            "  - id: r\n    inhibited_by: RULES\n    when: {metric: t, absent_for: 10m}\n"
        )
        circle = inhibited_by == "[offline]"
        text = text.replace("OTHER", ", inhibited_by: [offline]" if circle else "").replace("RULES", inhibited_by)
        with pytest.raises(RuleErrors) as caught:
            parse({"rules.yaml": text})
        (found,) = caught.value.problems
        assert found.line == line or (circle and found.line in (2, 3))
        assert message in found.message
        assert mend in found.mend


class TestMoment:
    def test_what_happens_is_told_and_its_end_is_not(self) -> None:
        story = Story(rule("{event: door-forced}", then="{notify: {template: alert}}"), device(CHILLER))
        story.tell(happening(10, "door-forced"), tick(11))
        fired, over = story.decisions
        assert fired.notify is not None
        assert (fired.transition, over.transition, over.at - fired.at) == ("firing", "resolved", 1)
        assert (over.ended_by, over.notify) == ("passed", None)

    def test_each_time_is_an_alert_of_its_own(self) -> None:
        story = Story(rule("{event: door-forced}"), device(CHILLER))
        story.tell(*(happening(at, "door-forced") for at in (10, 10.001, 10.002, 20)))
        assert [decision.transition for decision in story.decisions] == ["firing", "resolved"] * 3 + ["firing"]
        assert len({decision.alert_id for decision in story.decisions}) == 4

    def test_it_is_as_serious_as_it_is_at_that_moment(self) -> None:
        text = rule("{event: door-forced}", steps="[{severity: critical, when: {metric: t, above: 8}}]")
        story = Story(text, device(CHILLER), reading(0, 9))
        story.tell(happening(10, "door-forced"), tick(11))
        assert severities(story) == [("firing", "critical"), ("resolved", "critical")]

    def test_a_step_must_be_able_to_last(self) -> None:
        with pytest.raises(RuleErrors, match="a step must be able to last"):
            parse({"a": rule(HIGH, steps="[{severity: critical, when: {event: door-forced}}]")})

    def test_of_two_in_any_the_one_that_lasts_decides(self) -> None:
        story = Story(rule("{any: [{event: door-forced}, {metric: t, above: 8}]}"), device(CHILLER), reading(0, 5))
        story.tell(happening(10, "door-forced"), tick(11), reading(20, 9), reading(30, 5))
        assert [(d.transition, d.ended_by) for d in story.decisions] == [("firing", None), ("resolved", None)] * 2


def test_an_alert_in_a_checkpoint_of_before_there_were_steps_is_read() -> None:
    before = msgspec.msgpack.encode(["r", "d_1", START, None, START + MINUTE])  # rule, alert, since, store, repeat
    episode = msgspec.msgpack.decode(before, type=Episode)
    assert (episode.alert_id, episode.due(None), episode.ends_at(5 * MINUTE)) == (
        "d_1", START + MINUTE, START + 5 * MINUTE,
    )  # fmt: skip
    story = fired(steps=STEPS)
    (slot,) = story.state.subjects["chiller-7"].slots
    assert slot is not None
    slot.episode = msgspec.structs.replace(episode, repeat_at=None)
    story.tell(reading(2, 9), reading(3, 13))
    assert severities(story) == [("firing", "warning"), ("raised", "critical")]
