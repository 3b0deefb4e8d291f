"""Which readings ask whom."""

from __future__ import annotations

import pytest

from devices.event import Telemetry
from rules.conditions.between import Between
from rules.threshold import Threshold
from tests.unit.rules.story import START, Story, fix, reading, rule, store, tick


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the conditions that were asked, in order."""
    asked: list[str] = []
    for kind in (Threshold, Between):
        before = kind.on_event

        def noted(self, memory, subject, at, before=before, kind=kind):  # type: ignore[no-untyped-def]
            asked.append(kind.__name__)
            return before(self, memory, subject, at)

        monkeypatch.setattr(kind, "on_event", noted)
    return asked


TWO = """rules:
  - {id: r1, when: {metric: t, above: 8, clear_below: 6}}
  - {id: r2, when: {metric: t, between: [2, 9]}}
"""


def test_a_reading_that_changes_nothing_asks_no_rule(asked: list[str]) -> None:
    story = Story(TWO, reading(-2, 1), reading(-1, 3), reading(0, 3))
    asked.clear()
    story.tell(reading(1, 4), reading(2, 7.9), reading(3, 8), reading(4, 2))
    assert asked == []
    assert story.state.subjects["chiller-7"].samples["t"] == (START + 4000, 2)


def test_a_reading_beyond_a_limit_asks_and_decides(asked: list[str]) -> None:
    story = Story(TWO, reading(0, 3), reading(1, 4))
    asked.clear()
    assert story.heard(reading(2, 8.5)) == [("firing", 2)]
    assert set(asked) == {"Threshold", "Between"}


def test_while_an_alert_fires_its_clearing_limit_bounds_the_calm(asked: list[str]) -> None:
    story = Story(TWO, *(reading(at, value) for at, value in enumerate([1, 3, 4, *[8.5] * 6])))
    asked.clear()
    story.tell(reading(10, 6), reading(11, 8.9))
    assert asked == []
    assert story.heard(reading(12, 5.9)) == [("resolved", 12)]


def test_a_rule_that_counts_is_asked_and_the_others_are_not(asked: list[str]) -> None:
    story = Story(
        "rules:\n"
        "  - {id: r1, when: {metric: t, above: 8, for: 10m}}\n"
        "  - {id: r2, when: {metric: t, between: [20, 90]}}\n",
        *(reading(at, 5 if at < 2 else 9) for at in range(8)),
    )
    asked.clear()
    story.tell(reading(8, 9.5))
    assert asked == ["Threshold"]


def test_a_text_is_calm_as_long_as_it_is_the_same(asked: list[str]) -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, "off"))
    asked.clear()
    story.tell(reading(1, "off"), reading(2, "off"))
    assert asked == []
    story.tell(reading(3, "on"))
    assert "Threshold" in asked


def test_a_truth_value_is_no_number(asked: list[str]) -> None:
    story = Story(rule("{metric: t, above: 8}"), reading(0, 1))
    asked.clear()
    story.tell(reading(1, True))
    assert "Threshold" in asked


def test_a_metric_not_heard_before_is_news(asked: list[str]) -> None:
    story = Story(rule("{any: [{metric: t, above: 8}, {metric: u, above: 8}]}"), reading(0, 1))
    asked.clear()
    story.tell(Telemetry("chiller-7", START + 1000, START + 1000, {"t": 1, "u": 1}))
    assert len(asked) >= 2


def test_a_metric_that_jumps_at_each_reading_is_not_bounded_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded = 0
    before = Threshold.quiet

    def counted(self, memory, subject, at):  # type: ignore[no-untyped-def]
        nonlocal bounded
        bounded += 1
        return before(self, memory, subject, at)

    monkeypatch.setattr(Threshold, "quiet", counted)
    Story(rule("{metric: t, above: 8}"), *(reading(at, 9 if at % 2 else 1) for at in range(640)))
    assert bounded < 30


def test_silence_is_noticed_though_nobody_was_asked() -> None:
    story = Story(rule("{absent_for: 5m}"), *(reading(60 * minute, 1) for minute in range(20)))
    assert story.heard(tick(60 * 19 + 299), tick(60 * 19 + 301)) == [("firing", 60 * 19 + 300)]
    assert story.heard(reading(60 * 30, 1)) == [("resolved", 60 * 30)]


def test_positions_that_lead_nowhere_ask_no_rule_about_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    from rules.conditions.zone import Enter

    story = Story(rule("{zone: {enter: true}}"), store(), fix(0, 900), fix(1, 800))
    asked = []
    before = Enter.on_event

    def noted(self, memory, subject, at):  # type: ignore[no-untyped-def]
        asked.append(at)
        return before(self, memory, subject, at)

    monkeypatch.setattr(Enter, "on_event", noted)
    assert story.heard(fix(2, 700), fix(3, 600)) == []
    assert asked == []
    assert story.heard(fix(4, 0)) == [("firing", 4)]
