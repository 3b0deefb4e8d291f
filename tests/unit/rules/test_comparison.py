"""Two versions of a rule side by side: which of their alerts are the same."""

from __future__ import annotations

import pytest

from rules.comparison import CANDIDATE, LIVE, MAX_CHANGES, Comparison, Side
from rules.decision import Decision, Position, Severity, Transition

MINUTE = 60_000


def decision(transition: Transition, minute: float, subject: str = "d", severity: Severity = "major") -> Decision:
    return Decision(
        id="", rule_id="r", rule_version="", subject=subject, at=round(minute * MINUTE), transition=transition,
        alert_id="", severity=severity, purpose="maintenance", position=Position(1, 0), customer_id="tanaka",
        store_id=None, summary=f"warm on {subject}", values={}, explanation={},
    )  # fmt: skip


def compared(*told: tuple[Side, Transition, float]) -> Comparison:
    comparison = Comparison()
    for side, transition, minute in told:
        comparison.take(side, decision(transition, minute))
    comparison.finish()
    return comparison


def counts(comparison: Comparison) -> tuple[int, int, int, int]:
    found = comparison.counts
    return comparison.same, found["new"], found["gone"], found["changed"]


def test_the_same_alert_is_no_change() -> None:
    comparison = compared(
        (CANDIDATE, "firing", 1), (LIVE, "firing", 1), (CANDIDATE, "resolved", 9), (LIVE, "resolved", 9)
    )
    assert counts(comparison) == (1, 0, 0, 0)


def test_an_alert_that_still_fires_on_both_sides_is_no_change() -> None:
    assert counts(compared((CANDIDATE, "firing", 1), (LIVE, "firing", 1))) == (1, 0, 0, 0)


def test_only_the_candidate_is_new_and_only_the_live_rule_is_gone() -> None:
    new, gone = compared((CANDIDATE, "firing", 1)), compared((LIVE, "firing", 2), (LIVE, "resolved", 3))
    assert counts(new) == (0, 1, 0, 0)
    assert counts(gone) == (0, 0, 1, 0)
    (change,) = gone.changes["gone"]
    assert (change.at, change.live_at, change.customer_id, change.says) == (None, 120_000, "tanaka", "warm on d")


def test_an_overlapping_alert_is_the_same_one_earlier() -> None:
    comparison = compared(
        (CANDIDATE, "firing", 1), (LIVE, "firing", 13), (CANDIDATE, "resolved", 20), (LIVE, "resolved", 20)
    )
    assert counts(comparison) == (0, 0, 0, 1)
    (change,) = comparison.changes["changed"]
    assert change.says == "fires 12 min earlier"
    assert (change.at, change.live_at) == (60_000, 780_000)


def test_a_different_end_is_told() -> None:
    comparison = compared(
        (CANDIDATE, "firing", 1), (LIVE, "firing", 1), (LIVE, "resolved", 20), (CANDIDATE, "resolved", 25)
    )
    assert comparison.changes["changed"][0].says == "ends 5 min later"
    (still,) = compared((CANDIDATE, "firing", 1), (LIVE, "firing", 1), (LIVE, "resolved", 9)).changes["changed"]
    assert still.says == "is still firing at the end"
    (over,) = compared((CANDIDATE, "firing", 1), (LIVE, "firing", 1), (CANDIDATE, "resolved", 9)).changes["changed"]
    assert over.says == "is over before the end"


def test_how_often_it_is_said_again_and_how_severe_it_is_are_told() -> None:
    comparison = Comparison()
    comparison.take(CANDIDATE, decision("firing", 1, severity="critical"))
    comparison.take(LIVE, decision("firing", 1))
    comparison.take(LIVE, decision("repeat", 61))
    comparison.take(LIVE, decision("repeat", 121))
    comparison.finish()
    assert comparison.changes["changed"][0].says == "is critical, not major, is repeated never, not 2 times"


@pytest.mark.parametrize(("begins", "changed"), [(12, 1), (31, 0)])
def test_alerts_that_follow_each_other_closely_are_the_same_trouble(begins: float, changed: int) -> None:
    comparison = compared(
        (CANDIDATE, "firing", 1), (CANDIDATE, "resolved", 2), (LIVE, "firing", begins), (LIVE, "resolved", begins + 1)
    )
    assert comparison.counts["changed"] == changed
    assert comparison.counts["new"] == comparison.counts["gone"] == 1 - changed


def test_one_long_alert_against_three_short_ones() -> None:
    told: list[tuple[Side, Transition, float]] = [(CANDIDATE, "firing", 0)]
    for begin in (0, 20, 40):
        told += [(LIVE, "firing", begin), (LIVE, "resolved", begin + 5)]
    told += [(CANDIDATE, "resolved", 60)]
    assert counts(compared(*told)) == (0, 0, 2, 1)


def test_devices_are_kept_apart() -> None:
    comparison = Comparison()
    comparison.take(CANDIDATE, decision("firing", 1, "a"))
    comparison.take(LIVE, decision("firing", 1, "b"))
    comparison.finish()
    assert counts(comparison) == (0, 1, 1, 0)


def test_all_changes_are_counted_and_some_are_kept() -> None:
    comparison = Comparison()
    for n in range(MAX_CHANGES + 7):
        comparison.take(CANDIDATE, decision("firing", n, f"d{n}"))
    comparison.finish()
    assert comparison.counts["new"] == MAX_CHANGES + 7
    assert len(comparison.changes["new"]) == MAX_CHANGES
