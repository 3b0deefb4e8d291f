from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifiers.policy.stages.holdout import draw
from tests.unit.notifiers.policy.asking import customer, planned

ids = st.text(min_size=1, max_size=40)


@given(rule=ids, person=ids)
def test_a_draw_is_a_percentage_and_always_the_same(rule: str, person: str) -> None:
    place = draw(rule, person)
    assert 0 <= place < 100
    assert draw(rule, person) == place


def test_a_draw_never_changes_between_releases() -> None:
    assert round(draw("welcome-offer", "c-1001"), 6) == 17.779363  # b2sum -l 48


@given(person=ids, percents=st.tuples(st.floats(0, 100), st.floats(0, 100)))
def test_raising_the_percentage_only_adds_people(person: str, percents: tuple[float, float]) -> None:
    low, high = sorted(percents)
    to = customer(id=person)
    held_low = not planned(to=to, holdout_percent=low).steps
    held_high = not planned(to=to, holdout_percent=high).steps
    assert held_high or not held_low


def test_one_in_ten_is_held_out_at_ten_percent() -> None:
    people = 20_000
    held = sum(draw("welcome-offer", f"customer-{number}") < 10 for number in range(people))
    deviation = (people * 0.1 * 0.9) ** 0.5
    assert abs(held - people * 0.1) < 4 * deviation


def test_two_rules_hold_out_different_people() -> None:
    people = [f"customer-{number}" for number in range(20_000)]
    both = sum(draw("a", person) < 10 and draw("b", person) < 10 for person in people)
    expected = len(people) * 0.01
    assert abs(both - expected) < 4 * (expected * 0.99) ** 0.5
