"""How long to wait before the next attempt to connect."""

from __future__ import annotations

from random import Random

FIRST_S = 0.25


def wait_seconds(attempt: int, rng: Random, *, longest: float = 2.0) -> float:
    """Exponential with "equal jitter": half is fixed, half is drawn, so that a fleet does not come back at one moment.

    Args:
        attempt: 0 for the first try after the loss.
        rng: where the jitter comes from.
        longest: upper bound in seconds.
    """
    ceiling = min(longest, FIRST_S * 2.0 ** min(attempt, 30))
    return ceiling / 2 + rng.uniform(0, ceiling / 2)
