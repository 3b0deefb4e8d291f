"""The life of an alert against a plain model that was written from docs/explanation/alerts.md alone.

The model lives second by second and keeps nothing but what a person would write on a slip of paper. It shares nothing
with the engine. The engine is told the same, with restarts at any point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.event import AlertCommand, Event, Telemetry, Tick
from rules.checkpoint import encode_shared, encode_subject, restore_shared, restore_subject
from rules.decision import Decision, Intervention
from tests.unit.rules.story import START, Story

SETTLE = 30
TICKS = 30
"""Never longer than the shortest ``repeat_every``: several repeats missed at once would be one."""

Said = tuple[str, int, str, bool, str | None]
"""Transition, second, severity, whether anybody may hear of it, and what ended it."""
Action = Literal["acknowledge", "snooze", "resolve"]


@dataclass(frozen=True)
class Rule:
    repeat: int | None
    auto_resolve: int | None
    inhibited: bool

    def yaml(self) -> str:
        more = "" if self.repeat is None else f"\n    repeat_every: {self.repeat}s"
        more += "" if self.auto_resolve is None else f"\n    auto_resolve_after: {self.auto_resolve}s"
        more += "\n    inhibited_by: [loud]" if self.inhibited else ""
        return f"""
rules:
  - id: r
    when: {{metric: t, above: 8}}
    severity: minor
    steps:
      - {{severity: critical, when: {{metric: t, above: 12}}}}
      - {{severity: major, when: {{metric: t, above: 10}}}}
    then: {{case: {{}}, notify: {{template: alert}}}}{more}
  - {{id: loud, when: {{metric: v, above: 8}}}}
"""


def severity_of(value: int) -> str:
    return "critical" if value > 12 else "major" if value > 10 else "minor"


ORDER = ["minor", "major", "critical"]


@dataclass
class Model:
    rule: Rule
    known: bool = False
    """Whether it was ever known to be true or false."""
    pending: bool = False
    fired_at: int | None = None
    severity: str = "minor"
    risen_at: int = 0
    repeat_at: int | None = None
    acknowledged: bool = False
    snoozed_until: int | None = None
    unsaid: bool = False
    say_at: int | None = None
    spoken_for: bool = False
    """As was said last."""
    must_be_false_once: bool = False
    loud: bool = False
    loud_known: bool = False
    episodes: int = 0
    told: list[Said] = field(default_factory=list)
    hushed: list[tuple[str, int]] = field(default_factory=list)
    """When another alert began to speak for it, and when that was over, where no decision says so."""

    def t(self, now: int, value: int) -> None:
        holds = value > 8
        if self.fired_at is not None:
            if holds:
                self._change_severity(now, severity_of(value))
            else:
                self.end(now, None)
        elif self.must_be_false_once:
            self.must_be_false_once = holds
        elif holds and self.known:
            self._fire(now, severity_of(value))
        self.known = True

    def v(self, now: int, value: int) -> None:
        holds = value > 8
        was = self.loud
        self.loud = holds and self.loud_known
        self.loud_known = True
        if self.fired_at is None:
            return
        if was and not self.loud and (self.unsaid or self.spoken_for) and self.snoozed_until is None:
            self.say_at = now + SETTLE
        if self._inhibited() and not self.spoken_for:
            self.spoken_for = True
            self.hushed.append(("inhibit", now))

    def command(self, now: int, action: Action, until: int) -> bool:
        """Whether a note of it is made."""
        if self.fired_at is None:
            return False
        if action == "resolve":
            self.end(now, "mika")
            self.must_be_false_once = True
            return False
        if action == "acknowledge":
            if self.acknowledged:
                return False
            self.acknowledged, self.unsaid = True, False
            self.repeat_at = self.snoozed_until = self.say_at = None
            if self.spoken_for and not self._inhibited():
                self.say_at = now + SETTLE
            return True
        if until <= now or until == self.snoozed_until:
            return False
        self.snoozed_until = until
        self.repeat_at = self.say_at = None
        return True

    def time(self, now: int) -> None:
        """What the alert does by itself at this second."""
        if self.fired_at is None:
            return
        if self.rule.auto_resolve is not None and now == self.risen_at + self.rule.auto_resolve:
            self.end(now, "time")
            self.must_be_false_once = True
        elif now == self.snoozed_until:
            self.snoozed_until = None
            self._again(now)
        elif now == self.say_at:
            self.say_at = None
            if not self._inhibited() and self.unsaid:
                self._again(now)
            elif not self._inhibited():
                self.spoken_for = False
                self.hushed.append(("release", now))
        elif now == self.repeat_at:
            self._again(now)

    def _fire(self, now: int, severity: str) -> None:
        self.episodes += 1
        self.fired_at = self.risen_at = now
        self.severity = severity
        self.acknowledged = self.unsaid = False
        self.snoozed_until = self.say_at = None
        self._plan_repeat(now)
        self._tell("firing", now)

    def _change_severity(self, now: int, severity: str) -> None:
        before, self.severity = self.severity, severity
        if ORDER.index(severity) > ORDER.index(before):
            self.risen_at = now
            self._tell("raised", now)
        elif severity != before:
            self.told.append(("lowered", now, severity, False, None))

    def _again(self, now: int) -> None:
        self._tell("repeat", now)
        self._plan_repeat(now)

    def _plan_repeat(self, now: int) -> None:
        wanted = self.rule.repeat is not None and not self.acknowledged
        self.repeat_at = now + (self.rule.repeat or 0) if wanted else None

    def _tell(self, transition: str, now: int) -> None:
        heard = not self._inhibited() and self.snoozed_until is None
        self.unsaid = not heard
        self.spoken_for = self._inhibited()
        self.say_at = None
        self.told.append((transition, now, self.severity, heard, None))

    def _inhibited(self) -> bool:
        return self.rule.inhibited and self.loud

    def end(self, now: int, ended_by: str | None) -> None:
        self.told.append(("resolved", now, self.severity, ended_by is None, ended_by))
        self.fired_at = None


rules = st.builds(
    Rule,
    repeat=st.sampled_from([None, 60, 300]),
    auto_resolve=st.sampled_from([None, 400, 900]),
    inhibited=st.booleans(),
)
values = st.sampled_from([5, 9, 9, 11, 13])
readings = st.tuples(st.integers(1, 120), st.just("t"), values)
happenings = st.lists(
    st.one_of(
        readings,
        readings,
        readings,
        st.tuples(st.integers(1, 120), st.just("v"), st.sampled_from([5, 9])),
        st.tuples(
            st.integers(1, 120),
            st.sampled_from(["acknowledge", "snooze", "snooze", "resolve"]),
            st.sampled_from([-10, 45, 100, 300]),
        ),
        st.tuples(st.integers(100, 600), st.just("wait"), st.just(0)),
    ),
    min_size=15,
    max_size=60,
)


def restart(story: Story) -> None:
    again = restore_shared(encode_shared(story.state))
    for subject in story.state.subjects:
        restore_subject(again, subject, encode_subject(story.state, subject))
    story.state = again


def said(decision: Decision) -> Said:
    heard = decision.notify is not None and decision.inhibited_by is None and decision.snoozed_until is None
    return (decision.transition, (decision.at - START) // 1000, decision.severity, heard, decision.ended_by)


def event_of(story: Story, now: int, what: str, number: int) -> Event | None:
    at = START + now * 1000
    if what in ("t", "v"):
        return Telemetry("d", at, at, {what: number})
    fired = [d for d in story.decisions if d.rule_id == "r" and d.transition == "firing"]
    if what == "wait" or not fired:
        return None
    return AlertCommand(at, "d", "r", fired[-1].id, what, "mika", at + number * 1000)  # type: ignore[arg-type]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(rules, happenings, st.frozensets(st.integers(0, 60), max_size=5))
def test_lives_as_the_model_does_through_any_restarts(
    rule: Rule, happened: list[tuple[int, str, int]], restarts: frozenset[int]
) -> None:
    story, model, now, notes = Story(rule.yaml()), Model(rule), 0, 0
    for number, (pause, what, amount) in enumerate(happened):
        if number in restarts:
            restart(story)
        for second in range(now + 1, now + pause + 1):
            if second > now + 1:
                model.time(second - 1)
            if second % TICKS == 0 and second < now + pause:
                story.tell(Tick(START + second * 1000))
        now += pause
        event = event_of(story, now, what, amount)
        if event is not None:
            story.tell(event)
        if what == "t":
            model.t(now, amount)
        elif what == "v":
            model.v(now, amount)
        elif event is not None:
            notes += model.command(now, what, now + amount)  # type: ignore[arg-type]
        model.time(now)
        story.tell(Tick(START + now * 1000))
    assert [said(decision) for decision in story.decisions if decision.rule_id == "r"] == model.told
    words = [outcome for outcome in story.outcomes if isinstance(outcome, Intervention)]
    hushed = [(word.action, (word.at - START) // 1000) for word in words if word.by == "loud"]
    assert hushed == model.hushed
    assert len(words) == notes + len(hushed)
    assert len({d.alert_id for d in story.decisions if d.rule_id == "r"}) == model.episodes
