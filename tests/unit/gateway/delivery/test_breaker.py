"""Leaving a provider alone, and looking whether it is back."""

from __future__ import annotations

from gateway.delivery.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_ASKED_S, LONGEST_PAUSE_S, Breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(now)
    return breaker


def test_a_few_failures_close_nothing() -> None:
    breaker = Breaker()
    for _ in range(FAILURES - 1):
        breaker.failed(0.0)
    assert breaker.allowance(free=4, busy=0, now=0.0) == 4


def test_a_success_between_failures_begins_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES):
        breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_after_failures_in_a_row_nothing_passes_until_the_pause_is_over_and_then_one_message() -> None:
    breaker = opened()
    assert breaker.allowance(free=4, busy=0, now=FIRST_PAUSE_S / 2) == 0
    assert breaker.allowance(free=4, busy=0, now=FIRST_PAUSE_S) == 1
    assert breaker.allowance(free=3, busy=1, now=FIRST_PAUSE_S) == 0


def test_a_failed_trial_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(12):
        left = breaker.seconds_left(now)
        assert left is not None
        pauses.append(left)
        now += left
        breaker.failed(now)
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_sends_that_were_under_way_when_it_opened_do_not_lengthen_the_pause() -> None:
    breaker = opened(now=0.0)
    for _ in range(10):
        breaker.failed(0.1)
    assert breaker.allowance(free=4, busy=0, now=FIRST_PAUSE_S) == 1


def test_a_trial_that_succeeds_opens_the_lane_again() -> None:
    breaker = opened()
    breaker.succeeded()
    assert breaker.allowance(free=4, busy=0, now=0.0) == 4


def test_a_pause_is_as_long_as_the_provider_asks_for_within_reason() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(0.0, 20.0)
    assert breaker.allowance(free=4, busy=0, now=19.9) == 0
    assert breaker.allowance(free=4, busy=0, now=20.0) == 1
    breaker.failed(20.0, 0.0)
    assert breaker.seconds_left(20.0) == 2 * FIRST_PAUSE_S
    breaker.failed(30.0, 86_400.0)
    assert breaker.seconds_left(30.0) == LONGEST_ASKED_S
