"""Visits on a noisy border: however a phone wanders and its positions err, one real visit is at most one visit."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from devices.event import Location
from rules.decision import Decision
from tests.unit.rules.story import GINZA, SECOND, START, Story, rule, store

RADIUS = 100.0
METRE = 1 / 111_195
EVERY_S = 20


class Seen(NamedTuple):
    """A moment of a walk: how far from the middle the phone really is, and what it says."""

    truth: float
    fix: Location


@st.composite
def walks(draw: st.DrawFn, error: float) -> tuple[float, list[Seen]]:
    """A walk to and fro across the border, loitering on it; positions err by up to ``error`` times their accuracy.

    All on one bearing, on which errors do the most harm.
    """
    accuracy = draw(st.sampled_from([5.0, 12.0, 20.0, 33.0]))
    most = 0.99 * error * accuracy
    places = st.sampled_from([RADIUS, RADIUS, 20.0, 320.0]) | st.floats(RADIUS - accuracy, RADIUS + 40 + 2 * accuracy)
    errors = st.lists(st.sampled_from([-most, most]) | st.floats(-most, most), min_size=1, max_size=6)
    seen = [_seen(0, 320.0, 0.0, accuracy)]
    for truth, offs in draw(st.lists(st.tuples(places, errors), min_size=1, max_size=12)):
        seen += [_seen(len(seen) + place, truth, off, accuracy) for place, off in enumerate(offs)]
    return accuracy, seen


def _seen(place: int, truth: float, off: float, accuracy: float) -> Seen:
    at = START + place * EVERY_S * SECOND
    return Seen(truth, Location("phone-3", at, at, 35 + (truth + off) * METRE, 139.0, accuracy))


def stays(walk: list[Seen], radius: float) -> int:
    """How often the phone really came to be within ``radius`` of the middle, having begun there included."""
    within = [False, *(moment.truth < radius for moment in walk)]
    return sum(now and not before for before, now in itertools.pairwise(within))


def fired(when: str, walk: list[Seen]) -> int:
    story = Story(rule(when), store())
    story.tell(*(moment.fix for moment in walk))
    return sum(isinstance(out, Decision) and out.transition == "firing" for out in story.outcomes)


@given(walks(error=1.0))
def test_enters_and_dwells_at_most_once_for_each_real_visit(walked: tuple[float, list[Seen]]) -> None:
    _, walk = walked
    assert fired("{zone: {enter: true}}", walk) <= stays(walk, RADIUS)
    assert fired("{zone: {dwell: 40s}}", walk) <= stays(walk, RADIUS)


@given(walks(error=1.0))
def test_leaves_at_most_once_for_each_real_leaving(walked: tuple[float, list[Seen]]) -> None:
    _, walk = walked
    outside = [moment._replace(truth=-moment.truth) for moment in walk]
    assert fired("{zone: {leave: true}}", walk) <= stays(outside, -RADIUS)


@given(walks(error=1.5))
def test_positions_that_are_worse_than_they_say_add_no_visits_to_a_fence_half_an_accuracy_larger(
    walked: tuple[float, list[Seen]],
) -> None:
    accuracy, walk = walked
    for motion in ("enter: true", "dwell: 40s"):
        assert fired(f"{{zone: {{{motion}}}}}", walk) <= stays(walk, RADIUS + accuracy / 2)


@given(walks(error=1.0))
def test_is_near_at_most_once_for_each_real_approach(walked: tuple[float, list[Seen]]) -> None:
    _, walk = walked
    assert fired("{zone: {near: 40m}}", walk) <= stays(walk, RADIUS + 1.2 * 40)


@given(walks(error=1.0))
def test_what_is_far_enough_from_the_border_is_never_missed(walked: tuple[float, list[Seen]]) -> None:
    accuracy, walk = walked
    story = Story(rule("{any: [{zone: {enter: true}}, {zone: {near: 40m}}]}"), store())
    for moment in walk:
        story.tell(moment.fix)
        inside = GINZA.id in story.state.subjects["phone-3"].inside
        if moment.truth <= RADIUS - 2 * accuracy - 0.5:
            assert inside
        if moment.truth >= RADIUS + 3 * accuracy + 0.5:
            assert not inside
