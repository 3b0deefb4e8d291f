"""The demo promises certain things at certain seconds; rules and the guided tour are written against them."""

from collections.abc import Callable
from typing import Any

import pytest

from firmware_sim.cast import Actor, assemble
from firmware_sim.people.ground import Place
from firmware_sim.people.walker import Walker
from firmware_sim.scenario import load

SEEDS = [1, 2, 3]


def nothing(_seconds: float) -> None:
    """No network."""


def told(
    device_id: str, seed: int, cut: Callable[[float], None] = nothing, speed: float | None = None
) -> list[tuple[float, str, Any]]:
    actor = next(a for a in assemble(load("demo"), seed, speed) if a.device_id == device_id)
    return [(at, said.kind, said.body) for at, said in lived(actor, cut)]


def lived(actor: Actor, cut: Callable[[float], None]) -> list[tuple[float, Any]]:
    seen = []
    while actor.due < 40:
        at = actor.due
        seen += [(at, said) for said in actor.act(cut)]
    return seen


def series(device_id: str, metric: str, seed: int) -> list[tuple[float, float]]:
    return [(at, body[metric]) for at, kind, body in told(device_id, seed) if kind == "telemetry"]


@pytest.mark.parametrize("seed", SEEDS)
def test_chiller_07_gets_too_warm_at_about_eight_seconds_and_stays_so(seed: int) -> None:
    temperatures = series("chiller-07", "temperature", seed)
    first = next(at for at, value in temperatures if value > 8)
    assert 5 < first < 11
    assert all(value > 8 for at, value in temperatures if at > first + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_chiller_03_gets_too_warm_at_about_twelve_seconds_and_has_recovered_by_twenty_six(seed: int) -> None:
    temperatures = series("chiller-03", "temperature", seed)
    assert 10 < next(at for at, value in temperatures if value > 8) < 14
    assert all(value < 6 for at, value in temperatures if at > 26)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_other_chiller_gets_too_warm(seed: int) -> None:
    for number in (1, 2, 4, 5, 6, 8, 9, 10, 11, 12):
        assert max(value for _, value in series(f"chiller-{number:02}", "temperature", seed)) < 8


@pytest.mark.parametrize("seed", SEEDS)
def test_only_purifier_02_passes_150_kilopascal(seed: int) -> None:
    assert series("purifier-02", "filter_pressure", seed)[-1][1] > 180
    for number in (1, 3, 4, 5, 6):
        assert max(value for _, value in series(f"purifier-{number:02}", "filter_pressure", seed)) < 130


@pytest.mark.parametrize("seed", SEEDS)
def test_washer_04_shakes_and_reports_a_fault_within_ten_seconds(seed: int) -> None:
    faults = [(at, body["code"]) for at, kind, body in told("washer-04", seed) if kind == "event"]
    assert faults[0][1] == "E25"
    assert faults[0][0] < 10
    assert max(value for _, value in series("washer-04", "vibration", seed)) > 10


def test_washer_05_loses_its_connection_at_fifteen_seconds_for_ten() -> None:
    cuts: list[float] = []
    told("washer-05", 1, cuts.append)
    assert cuts == [10]


def test_the_bad_sensor_is_rubbish_about_every_third_second() -> None:
    bad = [body for _, _, body in told("sensor-99", 1) if isinstance(body, bytes)]
    assert 11 <= len(bad) <= 14


@pytest.mark.parametrize(("phone", "inside_s"), [("yamada", 12), ("brown", 15), ("sato", 15), ("garcia", 15)])
def test_visitors_of_the_flagship_are_inside_long_enough_for_a_dwell(phone: str, inside_s: int) -> None:
    assert _seconds_inside(f"phone-{phone}", certain=True) >= inside_s


def test_who_walks_past_never_enters_and_a_poor_fix_is_never_certain() -> None:
    assert _seconds_inside("phone-kato", certain=False) == 0
    assert _seconds_inside("phone-mori", certain=True) == 0


def test_half_the_speed_moves_the_script_to_twice_the_time() -> None:
    actors = {a.device_id: a for a in assemble(load("demo"), 1, 60)}
    assert actors["chiller-03"].script[0].at == 17
    assert actors["chiller-03"].speed == 60
    assert actors["phone-kato"].speed == 2


def test_one_seed_gives_one_history_whoever_else_is_there() -> None:
    assert told("chiller-05", 9) == told("chiller-05", 9)
    assert told("phone-sato", 9) == told("phone-sato", 9)
    assert told("chiller-05", 9) != told("chiller-05", 10)


def _seconds_inside(device_id: str, *, certain: bool) -> int:
    actor = next(a for a in assemble(load("demo"), 1) if a.device_id == device_id)
    assert isinstance(actor.model, Walker)
    centre, radius = Place(35.6717, 139.7649), 60.0
    fixes = [said.body for _, said in lived(actor, nothing)]
    return sum(
        centre.distance(Place(f["lat"], f["lon"])) + (f["accuracy"] if certain else 0.0) <= radius for f in fixes
    )
