"""So many a second, whatever the order of asking."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.rate import Rate


def test_without_a_limit_everything_goes() -> None:
    rate = Rate(None)
    assert rate.allowance(1_000, 0.0) == 1_000
    rate.spend(1_000)
    assert (rate.allowance(7, 0.0), rate.seconds_to_next(0.0)) == (7, None)


def test_what_was_saved_up_in_a_second_goes_at_once_and_then_one_at_a_time() -> None:
    rate = Rate(10.0)
    assert rate.allowance(50, 0.0) == 10
    rate.spend(10)
    assert rate.allowance(50, 0.0) == 0
    assert rate.seconds_to_next(0.0) == 0.1
    assert rate.allowance(50, 0.25) == 2


def test_less_than_one_a_second_still_lets_one_go_in_time() -> None:
    rate = Rate(0.5)
    rate.spend(rate.allowance(3, 0.0))
    assert (rate.allowance(3, 1.0), rate.seconds_to_next(1.0)) == (0, 1.0)
    assert rate.allowance(3, 2.0) == 1


@given(
    st.floats(0.1, 500),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 300)), max_size=40),
)
def test_no_span_of_time_lets_more_go_than_its_share_and_one_seconds_worth(
    per_second: float, asked: list[tuple[float, int]]
) -> None:
    rate, now = Rate(per_second), 0.0
    gone: list[tuple[float, int]] = []
    for passed, wanted in asked:
        now += passed
        count = rate.allowance(wanted, now)
        assert 0 <= count <= wanted
        rate.spend(count)
        gone.append((now, count))
    for first, (begun, _) in enumerate(gone):
        for last in range(first, len(gone)):
            span = gone[last][0] - begun
            total = sum(count for _, count in gone[first : last + 1])
            assert total <= max(1.0, per_second) + per_second * span + 1e-6
