"""So many a second, whatever the order of asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.rate import Bucket


def test_a_bucket_holds_a_seconds_worth_and_at_least_one() -> None:
    assert Bucket.of(10.0).size == 10.0
    assert Bucket.of(0.5).size == 1.0


def test_what_was_not_used_is_saved_up_to_its_size() -> None:
    bucket = Bucket.of(10.0)
    assert bucket.filled(0.0, 0.25) == 2.5
    assert bucket.filled(9.0, 3_600.0) == 10.0


def test_the_next_goes_when_its_token_is_there() -> None:
    bucket = Bucket.of(10.0)
    assert bucket.seconds_to_next(0.0) == 0.1
    assert bucket.seconds_to_next(0.5) == 0.05
    assert bucket.seconds_to_next(1.5) == 0.0
    assert Bucket.of(0.5).seconds_to_next(0.0) == 2.0


def test_a_clock_that_was_put_back_takes_nothing_away() -> None:
    assert Bucket.of(10.0).filled(3.0, -3_600.0) == 3.0


@given(
    st.floats(0.1, 500),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 300)), max_size=40),
)
def test_no_span_of_time_lets_more_go_than_its_share_and_one_seconds_worth(
    per_second: float, asked: list[tuple[float, int]]
) -> None:
    bucket, now = Bucket.of(per_second), 0.0
    saved = bucket.size
    gone: list[tuple[float, int]] = []
    for passed, wanted in asked:
        now += passed
        saved = bucket.filled(saved, passed)
        count = min(wanted, int(saved))
        saved -= count
        gone.append((now, count))
    for first, (begun, _) in enumerate(gone):
        for last in range(first, len(gone)):
            span = gone[last][0] - begun
            total = sum(count for _, count in gone[first : last + 1])
            assert total <= bucket.size + per_second * span + 1e-6


@given(st.floats(0.1, 500), st.floats(0, 1, exclude_max=True))
def test_after_the_wait_one_may_go(per_second: float, saved: float) -> None:
    bucket = Bucket.of(per_second)
    assert bucket.filled(saved, bucket.seconds_to_next(saved)) == pytest.approx(1.0)
