"""Laws of the backoff."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.retry import ALARM_S, LONGEST_S, Again, GiveUp, after_retry, delay_s
from notifiers.outcome import Retry

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(attempt=st.integers(1, 10_000), chance=CHANCES)
def test_a_wait_is_never_longer_than_the_longest_and_never_nothing(attempt: int, chance: float) -> None:
    assert 0.5 <= delay_s(attempt, None, chance) <= LONGEST_S


@given(attempt=st.integers(1, 100), chance=CHANCES)
def test_a_later_try_never_waits_less_at_the_same_draw(attempt: int, chance: float) -> None:
    assert delay_s(attempt + 1, None, chance) >= delay_s(attempt, None, chance)


@given(attempt=st.integers(1, 100), chance=CHANCES, after_s=st.floats(0, 86_400))
def test_the_providers_wish_is_never_undercut(attempt: int, chance: float, after_s: float) -> None:
    assert delay_s(attempt, after_s, chance) >= after_s


@given(chance=CHANCES, max_attempts=st.integers(1, 20))
def test_the_last_try_gives_up_and_says_why(chance: float, max_attempts: int) -> None:
    verdict = after_retry(
        Retry("503"), attempt=max_attempts, max_attempts=max_attempts, now=NOW, expires_at=None, chance=chance
    )
    assert isinstance(verdict, GiveUp)
    assert "503" in verdict.reason


def test_a_message_that_would_expire_before_its_next_try_is_given_up_now() -> None:
    soon = NOW + timedelta(seconds=10)
    verdict = after_retry(Retry("429", 60.0), attempt=1, max_attempts=8, now=NOW, expires_at=soon, chance=0.0)
    assert isinstance(verdict, GiveUp)


def test_a_fault_of_our_own_settings_waits_for_a_person() -> None:
    verdict = after_retry(Retry("401", alarm=True), attempt=1, max_attempts=8, now=NOW, expires_at=None, chance=0.9)
    assert isinstance(verdict, Again)
    assert verdict.delay_s >= ALARM_S
