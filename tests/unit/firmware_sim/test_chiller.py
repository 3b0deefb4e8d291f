from random import Random

import pytest

from firmware_sim.machines.chiller import Chiller, charge_factor


def run(chiller: Chiller, hours: float, seed: int = 1) -> list[float]:
    rng = Random(seed)
    temperatures = []
    for _ in range(int(hours * 60)):
        chiller.step(60.0, rng)
        temperatures.append(chiller.temperature)
    return temperatures


def duty(chiller: Chiller) -> float:
    """Share of a day's minutes in which the compressor runs."""
    rng, running = Random(1), 0
    for _ in range(24 * 60):
        chiller.step(60.0, rng)
        running += chiller.compressor_on
    return running / (24 * 60)


def test_a_healthy_cabinet_stays_around_its_setpoint_for_a_day_of_use_and_defrosts() -> None:
    temperatures = run(Chiller(), 24)
    assert min(temperatures) > 2.0
    assert max(temperatures) < 8.0
    assert sum(temperatures) / len(temperatures) == pytest.approx(4.0, abs=0.7)


def test_with_a_dead_compressor_the_cabinet_ends_at_ambient_temperature() -> None:
    temperatures = run(Chiller(compressor_dead=True, ambient=27.0), 24)
    assert temperatures[-1] == pytest.approx(27.0, abs=0.1)
    assert temperatures == sorted(temperatures)


def test_a_leak_raises_the_duty_and_then_the_temperature() -> None:
    assert duty(Chiller(charge=0.65)) > 1.25 * duty(Chiller())
    leaking = Chiller(charge=0.65, leak_per_hour=0.02)
    assert max(run(leaking, 6)) < 8.0
    assert max(run(leaking, 24)) > 8.0


def test_a_fouled_condenser_is_hotter_and_costs_more_energy_for_the_same_cold() -> None:
    clean, fouled = Chiller(), Chiller(fouling=0.6)
    run(clean, 12)
    peak_clean = clean.energy_wh
    run(fouled, 12)
    assert fouled.energy_wh > 1.15 * peak_clean
    assert max(run(fouled, 4)) < 8.0


def test_an_open_door_warms_the_cabinet_and_a_closed_one_lets_it_recover() -> None:
    chiller = Chiller(openings_per_hour=0)
    run(chiller, 1)
    chiller.door_held_open = True
    assert run(chiller, 0.5)[-1] > 8.0
    chiller.door_held_open = False
    assert run(chiller, 1)[-1] < 6.0


def test_the_charge_matters_only_once_a_fifth_is_gone() -> None:
    assert charge_factor(1.0) == charge_factor(0.8) == 1.0
    assert charge_factor(0.55) == pytest.approx(0.5)
    assert charge_factor(0.2) == 0.0


def test_current_is_drawn_only_while_the_compressor_runs() -> None:
    chiller, rng = Chiller(), Random(3)
    for _ in range(200):
        body = chiller.step(30.0, rng)[0].body
        assert isinstance(body, dict)
        assert (float(body["compressor_current"]) > 0) == body["compressor_on"]
