import math
from itertools import pairwise
from random import Random

import pytest

from firmware_sim.people.gps import Gps
from firmware_sim.people.ground import Place
from firmware_sim.people.walker import Leg, Walker

GINZA = Place(35.6717, 139.7649)


def test_nobody_walks_faster_than_their_pace() -> None:
    rng, walker = Random(1), Walker(GINZA, [Leg(GINZA.towards(45, 500))])
    for _ in range(300):
        before = walker.at
        walker.step(1.0, rng)
        assert before.distance(walker.at) <= walker.pace + 1e-6


def test_a_walker_arrives_about_when_distance_over_pace_says() -> None:
    rng, walker, seconds = Random(1), Walker(GINZA, [Leg(GINZA.towards(90, 134))], pauses_per_hour=0), 0
    while not walker.arrived:
        walker.step(1.0, rng)
        seconds += 1
    assert 99 <= seconds <= 103
    assert walker.at.distance(GINZA) == pytest.approx(134, abs=0.01)


def test_a_visitor_strolls_inside_for_the_whole_stay_and_then_leaves() -> None:
    rng = Random(5)
    walker = Walker(GINZA.towards(0, 50), [Leg(GINZA, stay=120, stroll=15), Leg(GINZA.towards(180, 100))])
    inside = 0
    while not walker.arrived:
        walker.step(1.0, rng)
        inside += walker.at.distance(GINZA) <= 15
    assert 120 <= inside <= 160
    assert walker.at.distance(GINZA) == pytest.approx(100, abs=0.01)


def test_the_reported_accuracy_holds_about_68_percent_of_the_fixes() -> None:
    rng, gps = Random(4), Gps(accuracy=8.0)
    errors = [math.hypot(*gps.error(1000.0, rng)) for _ in range(4000)]
    assert sum(error <= 8.0 for error in errors) / len(errors) == pytest.approx(0.68, abs=0.03)


def test_errors_wander_instead_of_jumping_and_are_larger_between_high_buildings() -> None:
    rng, gps = Random(4), Gps(accuracy=8.0)
    errors = [gps.error(1.0, rng)[0] for _ in range(4000)]
    steps = [abs(b - a) for a, b in pairwise(errors)]
    assert sum(steps) / len(steps) < 0.5 * sum(map(abs, errors)) / len(errors)
    assert Gps(accuracy=8.0, canyon=0.8).sigma > 3 * gps.sigma
