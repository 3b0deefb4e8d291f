"""How long messages collect: the less comes, the shorter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.ingress.mqtt import BATCH_MESSAGES, BUSY_LINGER_SECONDS, QUIET_LINGER_SECONDS, linger_after

BATCHES = st.integers(0, BATCH_MESSAGES)


@given(BATCHES, BATCHES)
def test_a_larger_batch_never_makes_the_next_wait_shorter(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert linger_after(small) <= linger_after(large)


def test_the_first_message_after_silence_waits_least_and_a_flood_most() -> None:
    assert linger_after(0) == linger_after(1) == QUIET_LINGER_SECONDS
    assert linger_after(BATCH_MESSAGES) == BUSY_LINGER_SECONDS
