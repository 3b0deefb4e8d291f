"""When a message is tried again, and when no more. The only place for retries; pure.

Exponential backoff with full jitter over its upper half: the n-th wait is drawn from (d/2, d], d = 1 s · 2^(n-1), at
most five minutes. The lower half is left out so that a provider in trouble always gets a pause.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from notifiers.outcome import Retry

FIRST_S = 1.0
LONGEST_S = 300.0
ALARM_S = 30.0
"""The least wait where our own configuration is at fault: a person needs time to mend it."""
_DOUBLINGS = 20


class Again(msgspec.Struct, frozen=True):
    """Queue it again, ``delay_s`` from now."""

    delay_s: float


class GiveUp(msgspec.Struct, frozen=True):
    """It has failed for good."""

    reason: str


def delay_s(attempt: int, after_s: float | None, chance: float) -> float:
    """Seconds to wait after the ``attempt``-th try (from 1). ``chance``: uniform in [0, 1).

    The provider's own wish (``after_s``) is a lower bound, with up to a tenth on top so that all who were told the same
    do not come back at the same moment.
    """
    backoff = min(LONGEST_S, FIRST_S * 2.0 ** min(max(attempt, 1) - 1, _DOUBLINGS))
    own = backoff * (0.5 + (1.0 - chance) / 2)
    return own if after_s is None else max(own, after_s * (1 + chance / 10))


def after_retry(
    outcome: Retry, *, attempt: int, max_attempts: int, now: datetime, expires_at: datetime | None, chance: float
) -> Again | GiveUp:
    """What follows from a refusal "for now".

    Args:
        outcome: what the provider said.
        attempt: how often it was tried, this time included.
        max_attempts: ``delivery.max_attempts``.
        now: the present, UTC.
        expires_at: when the message becomes worthless.
        chance: uniform in [0, 1).
    """
    if attempt >= max_attempts:
        return GiveUp(f"gave up after {attempt} tries: {outcome.reason}")
    wait = delay_s(attempt, outcome.after_s, chance)
    if outcome.alarm:
        wait = max(wait, ALARM_S)
    if expires_at is not None and now + timedelta(seconds=wait) >= expires_at:
        return GiveUp(f"expires before the next try: {outcome.reason}")
    return Again(wait)
