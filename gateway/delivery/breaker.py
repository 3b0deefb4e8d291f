"""Leaving a provider in trouble alone: after some failures in a row its messages wait, then one goes ahead to look.

Pure: time is passed in (monotonic seconds).
"""

from __future__ import annotations

FAILURES = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_ASKED_S = 300.0
"""So long a pause is kept at the provider's own wish (Retry-After), and no longer."""
_DOUBLINGS = 10


class Breaker:
    """One provider's."""

    def __init__(self) -> None:
        """Closed: everything passes."""
        self._failures = 0
        self._pauses = 0
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the provider is being left alone, or tried with one message."""
        return self._open_until is not None

    def allowance(self, free: int, busy: int, now: float) -> int:
        """How many of ``free`` places may be filled. ``busy``: sends under way."""
        if self._open_until is None:
            return free
        if now < self._open_until or busy:
            return 0
        return min(free, 1)

    def seconds_left(self, now: float) -> float | None:
        """Until the next trial; ``None`` while closed."""
        return None if self._open_until is None else max(0.0, self._open_until - now)

    def succeeded(self) -> None:
        """The provider answered, be it with a refusal of one message."""
        self._failures = self._pauses = 0
        self._open_until = None

    def failed(self, now: float, after_s: float | None = None) -> None:
        """It did not answer, or said that it can't now, and perhaps for how long (``after_s``)."""
        self._failures += 1
        if self._failures < FAILURES:
            return
        # What was under way when it opened comes in as failures too; only a trial's failure makes the pause longer.
        if self._open_until is None or now >= self._open_until:
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._pauses, _DOUBLINGS))
            self._pauses += 1
            self._open_until = now + max(pause, min(LONGEST_ASKED_S, after_s or 0.0))
