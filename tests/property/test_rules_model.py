"""The engine against a plain model of above, below, hysteresis and for, written from the semantics page alone.

The model keeps every sample of a metric and asks, at each moment at which anything could change, whether the condition
has held for long enough, by looking back over the whole history. It shares nothing with the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from devices.event import Telemetry, Tick
from rules.decision import Decision, Outcome
from tests.unit.rules.story import START, Story

GAP = 600


@dataclass
class Written:
    """A rule, in seconds."""

    word: str
    limit: int
    clear: int | None
    hold: int | None

    def yaml(self) -> str:
        other = "clear_below" if self.word == "above" else "clear_above"
        clear = "" if self.clear is None else f", {other}: {self.clear}"
        hold = "" if self.hold is None else f", for: {self.hold}s"
        return f"rules: [{{id: r, when: {{metric: t, {self.word}: {self.limit}{clear}{hold}}}}}]"

    def beyond(self, value: int) -> bool:
        return value > self.limit if self.word == "above" else value < self.limit

    def back(self, value: int) -> bool:
        if self.clear is None:
            return not self.beyond(value)
        return value < self.clear if self.word == "above" else value > self.clear


@dataclass
class Model:
    """One device under one rule: history in, transitions out."""

    rule: Written
    samples: list[tuple[int, bool]] = field(default_factory=list)
    """(second, whether the condition held from it on)."""
    firing: bool = False
    told: list[tuple[str, int]] = field(default_factory=list)

    def sample(self, at: int, value: int) -> None:
        if self.samples and at <= self.samples[-1][0]:
            return
        self._fire_if_complete(before=at)
        held = bool(self.samples) and self.samples[-1][1]
        holds = not self.rule.back(value) if held else self.rule.beyond(value)
        self.samples.append((at, holds))
        if self.firing and not holds:
            self.firing = False
            self.told.append(("resolved", at))
        elif self.rule.hold is None:
            if holds and not self.firing and len(self.samples) > 1:
                self._fire(at)
        else:
            self._fire_if_complete(before=at + 1)

    def time(self, at: int) -> None:
        if self.samples:
            self._fire_if_complete(before=at + 1)

    def _fire(self, at: int) -> None:
        self.firing = True
        self.told.append(("firing", at))

    def _fire_if_complete(self, before: int) -> None:
        if self.rule.hold is None or self.firing or not self.samples:
            return
        begin = None
        previous = None
        for at, holds in self.samples:
            if not holds or begin is None or previous is None or at - previous > GAP:
                begin = at if holds else None
            previous = at
        if begin is None or previous is None:
            return
        complete = begin + self.rule.hold
        if complete < before and complete - previous <= GAP:
            self._fire(complete)


@st.composite
def rules(draw: st.DrawFn) -> Written:
    word = draw(st.sampled_from(["above", "below"]))
    width = draw(st.none() | st.integers(0, 3))
    clear = None if width is None else (5 - width if word == "above" else 5 + width)
    return Written(word, 5, clear, draw(st.none() | st.sampled_from([1, 60, 300, 600, 1500])))


moments = st.integers(0, 4000)
happenings = st.lists(
    st.tuples(st.integers(0, 700), st.integers(0, 10) | st.none()), min_size=1, max_size=40
)  # (seconds after the one before, value or a tick)


def transitions(outcomes: list[Outcome]) -> list[tuple[str, int]]:
    return [(o.transition, (o.at - START) // 1000) for o in outcomes if isinstance(o, Decision)]


@given(rules(), happenings)
def test_decides_as_the_model_does(rule: Written, happened: list[tuple[int, int | None]]) -> None:
    story, model, now = Story(rule.yaml()), Model(rule), 0
    for pause, value in happened:
        now += pause
        at = START + now * 1000
        if value is None:
            story.tell(Tick(at))
            model.time(now)
        else:
            story.tell(Telemetry("d", at, at + 1, {"t": value}))
            model.sample(now, value)
    assert transitions(story.outcomes) == model.told


@given(rules(), st.lists(st.tuples(moments, st.integers(0, 10)), min_size=1, max_size=40))
def test_decides_as_the_model_does_when_samples_come_shuffled_and_twice(
    rule: Written, sent: list[tuple[int, int]]
) -> None:
    story, model = Story(rule.yaml()), Model(rule)
    for moment, value in sent:
        at = START + moment * 1000
        story.tell(*[Telemetry("d", at, START + 40_000_000, {"t": value})] * 2)
        model.sample(moment, value)
    assert transitions(story.outcomes) == model.told
