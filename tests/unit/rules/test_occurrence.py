from hypothesis import given
from hypothesis import strategies as st

from devices.event import Millis
from rules.condition import Condition, Memory, Truth
from rules.conditions.changed import Changed
from rules.conditions.equals import Equals
from rules.occurrence import no_rising, rises
from rules.subject import NEVER

STATE = Equals("t", 1, NEVER)
MOMENT = Changed("t")


def beginnings(condition: Condition, truths: list[tuple[Millis, Truth]]) -> list[Millis]:
    """When it begins, as it is asked at these times."""
    memory: Memory = no_rising()
    return [at for at, truth in truths if rises(condition, memory, truth, at)]


def test_begins_where_it_was_false_before() -> None:
    assert beginnings(STATE, [(0, False), (1, True), (2, True), (3, False), (4, True)]) == [1, 4]


def test_true_at_first_sight_is_no_beginning_but_what_happens_always_is() -> None:
    assert beginnings(STATE, [(0, None), (1, True), (2, True), (3, False), (4, True)]) == [4]
    assert beginnings(MOMENT, [(0, None), (1, True)]) == [1]


def test_unknown_begins_and_ends_nothing() -> None:
    assert beginnings(STATE, [(0, False), (1, True), (2, None), (3, True), (4, False), (5, None), (6, True)]) == [1, 6]


def test_of_what_happens_each_millisecond_counts_once() -> None:
    assert beginnings(MOMENT, [(1, True), (1, True), (2, True), (3, False), (3, False), (4, True)]) == [1, 2, 4]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([True, False, None])), max_size=20))
def test_asking_twice_changes_nothing(steps: list[tuple[int, Truth]]) -> None:
    at, truths = 0, []
    for gap, truth in steps:
        at += gap + 1
        truths.append((at, truth))
    twice = [asked for asked in truths for _ in range(2)]
    for condition in (STATE, MOMENT):
        assert beginnings(condition, twice) == beginnings(condition, truths)
