from itertools import groupby
from random import Random
from typing import Any

from firmware_sim.machines.washing_machine import PROGRAMME, WashingMachine


def run(machine: WashingMachine, minutes: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rng = Random(1)
    readings, events = [], []
    for _ in range(int(minutes * 6)):
        first, *rest = machine.step(10.0, rng)
        assert isinstance(first.body, dict)
        readings.append(first.body)
        events += [said.body for said in rest if isinstance(said.body, dict)]
    return readings, events


def test_a_programme_passes_its_phases_in_order_and_reports_its_end() -> None:
    readings, events = run(WashingMachine(), 55)
    phases = [phase for phase, _ in groupby(r["phase"] for r in readings)]
    assert phases[: len(PROGRAMME)] == list(PROGRAMME)
    assert events == [{"type": "programme_finished", "programme": "cotton"}]


def test_the_wash_water_is_heated_to_the_set_temperature() -> None:
    readings, _ = run(WashingMachine(wash_temperature=60.0), 60)
    assert 59 < max(r["water_temperature"] for r in readings) < 63


def test_heating_takes_the_time_that_the_water_needs() -> None:
    machine = WashingMachine(wash_temperature=40.0)
    readings, _ = run(machine, 60)
    heating_s = 10 * sum(r["power"] > machine.heater_w for r in readings)
    expected = (16 + 4) * 4186 * 25 / machine.heater_w
    assert abs(heating_s - expected) < 0.05 * expected


def test_a_clogged_drain_pump_lengthens_draining() -> None:
    clean, _ = run(WashingMachine(), 40)
    clogged, events = run(WashingMachine(pump_clog=0.7), 40)
    assert sum(r["phase"] == "drain" for r in clogged) > 2 * sum(r["phase"] == "drain" for r in clean)
    assert not [e for e in events if e["type"] == "fault"]


def test_a_blocked_drain_pump_ends_in_fault_e18_with_water_in_the_drum() -> None:
    readings, events = run(WashingMachine(pump_clog=1.0), 40)
    assert events[0] == {"type": "fault", "code": "E18", "phase": "drain"}
    assert readings[-1]["water_level"] > 5


def test_a_worn_bearing_shakes_until_the_controller_stops_the_spin_with_e25() -> None:
    _, events = run(WashingMachine(bearing_wear=0.9, starts_at=6), 10)
    assert events[0] == {"type": "fault", "code": "E25", "phase": "spin"}


def test_a_new_machine_spins_far_below_the_limit() -> None:
    readings, events = run(WashingMachine(starts_at=6), 10)
    assert 0 < max(r["vibration"] for r in readings) < 6
    assert events[0]["type"] == "programme_finished"
