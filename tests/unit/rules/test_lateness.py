"""Old news pages nobody; what is still true when the device has caught up is said then."""

from __future__ import annotations

from typing import Any

from rules.decision import Decision
from tests.unit.rules.story import HOUR, MINUTE, Story, reading, rule, tick

ACTS = "{case: {queue: field}, notify: {template: alert}}"
DAY_S = 24 * 3600


def warm() -> Story:
    return Story(rule("{metric: t, above: 8}", then=ACTS))


def backlog(minute: int, value: float, behind_ms: int) -> Any:
    """A reading of the given minute that reaches us so much later."""
    return reading(minute * 60, value, late_by=behind_ms)


def told(decision: Decision) -> bool:
    return decision.notify is not None and decision.late_ms is None and decision.inhibited_by is None


def test_an_alert_of_yesterday_is_decided_and_marked_and_opens_no_case() -> None:
    story = warm()
    story.tell(backlog(0, 5, 24 * HOUR), backlog(1, 9, 24 * HOUR - MINUTE), backlog(2, 5, 24 * HOUR - 2 * MINUTE))
    assert [(d.transition, d.late_ms is not None, d.case) for d in story.decisions] == [
        ("firing", True, None),
        ("resolved", False, None),
    ]
    assert story.decisions[0].late_ms == 24 * HOUR - MINUTE


def test_what_still_fires_when_the_device_has_caught_up_is_said_with_its_case() -> None:
    story = warm()
    story.tell(backlog(0, 5, 24 * HOUR), backlog(1, 9, 24 * HOUR))
    story.tell(*(backlog(2 + hour, 9, 24 * HOUR - hour * HOUR) for hour in range(24)))
    assert not any(told(decision) for decision in story.decisions)
    story.tell(backlog(30, 9, 0), tick(30 * 60 + 31))
    assert [d.transition for d in story.decisions] == ["firing", "repeat"]
    assert told(story.decisions[-1])
    assert story.decisions[-1].case is not None


def test_an_hour_is_not_late_yet() -> None:
    story = warm()
    story.tell(backlog(0, 5, HOUR), backlog(1, 9, HOUR))
    assert [told(decision) for decision in story.decisions] == [True]


def test_the_alert_of_a_device_that_falls_behind_later_goes_on() -> None:
    story = warm()
    story.tell(backlog(0, 5, 0), backlog(1, 9, 0), backlog(2, 9, 3 * HOUR), backlog(3, 9, 0), tick(600))
    assert [(d.transition, told(d)) for d in story.decisions] == [("firing", True)]
