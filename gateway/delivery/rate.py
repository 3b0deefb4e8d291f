"""So many messages a second to one provider: what was not used is saved up, for a second at most.

Pure: time is passed in (monotonic seconds).
"""

from __future__ import annotations


class Rate:
    """A token bucket (ITU-T I.371, "leaky bucket as a meter") that holds a second's worth, and at least one message."""

    def __init__(self, per_second: float | None) -> None:
        """``None``: without a limit."""
        self._per_second = per_second
        self._size = max(1.0, per_second or 0.0)
        self._saved = self._size
        self._at: float | None = None

    def allowance(self, wanted: int, now: float) -> int:
        """How many of ``wanted`` may go now."""
        if self._per_second is None:
            return wanted
        self._save(self._per_second, now)
        return min(wanted, int(self._saved))

    def spend(self, count: int) -> None:
        """So many go, after ``allowance`` has let them."""
        self._saved -= count

    def seconds_to_next(self, now: float) -> float | None:
        """Until one more may go; ``None``: one may now."""
        if self._per_second is None:
            return None
        self._save(self._per_second, now)
        return None if self._saved >= 1.0 else (1.0 - self._saved) / self._per_second

    def _save(self, per_second: float, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._saved = min(self._size, self._saved + passed * per_second)
        self._at = now
