import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.condition import Truth
from rules.limits import ABOVE, BELOW, Beyond, Limits, Range, Within

numbers = st.integers(-10, 10)


def compared(limits: Limits, *found: Range | None) -> list[Truth]:
    """What holds, number by number."""
    memory = limits.fresh()
    return [limits.compare(memory, number) for number in found]


def exact(*values: float) -> list[Range]:
    """Numbers that are known."""
    return [Range(value, value) for value in values]


def test_exactly_the_limit_is_not_beyond_it() -> None:
    assert compared(Limits((Beyond(ABOVE, 5),)), *exact(5, 5.1, 5)) == [False, True, False]
    assert compared(Limits((Beyond(BELOW, 5),)), *exact(5, 4.9, 5)) == [False, True, False]


def test_stays_until_it_is_past_the_clearing_limit() -> None:
    assert compared(Limits((Beyond(ABOVE, 5, 3),)), *exact(4, 6, 4, 3, 2.9, 4)) == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert compared(Limits((Beyond(BELOW, 5, 7),)), *exact(6, 4, 6, 7, 7.1, 6)) == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_unknown_keeps_what_held() -> None:
    known, unknown = Range(6, 6), Range(-math.inf, math.inf)
    found = compared(Limits((Beyond(ABOVE, 5, 3),)), known, None, unknown, Range(4, 4))
    assert found == [True, None, None, True]


@pytest.mark.parametrize(
    ("number", "above", "below", "between"),
    [
        (Range(6, math.inf), True, False, None),
        (Range(4, math.inf), None, None, None),
        (Range(5, math.inf), None, False, None),
        (Range(9, math.inf), True, False, False),
        (Range(-math.inf, 4), False, True, False),
        (Range(5, 8), None, False, True),
    ],
)
def test_a_number_known_in_part_is_compared_as_far_as_it_is_known(
    number: Range, above: Truth, below: Truth, between: Truth
) -> None:
    assert Beyond(ABOVE, 5).compare(number, held=False) is above
    assert Beyond(BELOW, 5).compare(number, held=False) is below
    assert Within(5, 8).compare(number, held=False) is between


@given(numbers, numbers, st.booleans(), numbers, st.lists(numbers, min_size=1))
def test_what_a_range_says_every_number_in_it_says(
    limit: int, clear: int, held: bool, low: int, inside: list[int]
) -> None:
    number = Range(min(low, *inside), max(low, *inside))
    kinds = (
        Beyond(ABOVE, limit, min(limit, clear)),
        Beyond(BELOW, limit, max(limit, clear)),
        Within(min(limit, clear), max(limit, clear)),
    )
    for kind in kinds:
        whole = kind.compare(number, held=held)
        each = {
            kind.compare(Range(value, value), held=held) for value in range(min(low, *inside), max(low, *inside) + 1)
        }
        assert each == {whole} if whole is not None else each == {True, False}


@given(st.lists(st.one_of(st.none(), numbers), max_size=30))
def test_several_limits_hold_together(values: list[int | None]) -> None:
    parts = (Beyond(ABOVE, 2, 0), Beyond(BELOW, 8), Within(-5, 6))
    found = [None if value is None else Range(value, value) for value in values]
    together = compared(Limits(parts), *found)
    alone = zip(*(compared(Limits((part,)), *found) for part in parts), strict=True)
    assert together == [None if None in each else all(each) for each in alone]


def test_says_what_it_asks() -> None:
    limits = Limits((Beyond(ABOVE, 2, 0), Beyond(BELOW, 8.5), Within(-5, 6)))
    assert limits.explain() == {"above": 2, "clear_below": 0, "below": 8.5, "between": [-5, 6]}
    assert limits.phrase(holds=False) == "no longer above 2 and below 8.5 and between -5 and 6"
