from random import Random

import pytest

from firmware_sim.machines.water_purifier import WaterPurifier


def run(purifier: WaterPurifier, hours: float) -> None:
    rng = Random(2)
    for _ in range(int(hours * 60)):
        purifier.step(60.0, rng)


def test_the_pressures_of_filter_and_housing_add_up_to_the_pump() -> None:
    purifier = WaterPurifier(filtered=1234.0)
    assert purifier.filter_pressure() + 90.0 * purifier.pumped_flow() == pytest.approx(purifier.pump_kpa)


def test_a_filter_that_clogs_takes_more_pressure_and_passes_less_water() -> None:
    purifier = WaterPurifier(silt=50.0)
    pressure, flow = purifier.filter_pressure(), purifier.pumped_flow()
    run(purifier, 5)
    assert purifier.filter_pressure() > 1.3 * pressure
    assert purifier.pumped_flow() < 0.85 * flow


def test_what_people_draw_goes_through_the_filter() -> None:
    purifier = WaterPurifier(litres_per_hour=24.0)
    before = purifier.filtered
    run(purifier, 48)
    assert purifier.filtered - before == pytest.approx(24.0 * 48, rel=0.15)
    assert 0 <= purifier.tank <= purifier.tank_size


def test_solids_pass_an_exhausted_cartridge_but_never_more_than_come_in() -> None:
    assert WaterPurifier(filtered=100.0).outlet_solids() == pytest.approx(18.0)
    assert WaterPurifier(filtered=4_500.0).outlet_solids() > 40.0
    assert WaterPurifier(filtered=1e6).outlet_solids() == 180.0


def test_the_lamp_counts_its_hours_and_fades_to_60_percent_in_9000() -> None:
    purifier = WaterPurifier(lamp_hours=8_999.0)
    run(purifier, 1)
    body = purifier.step(1.0, Random(1))[0].body
    assert isinstance(body, dict)
    assert body["uv_hours"] == pytest.approx(9_000.0, abs=0.01)
    assert body["uv_intensity"] == pytest.approx(60.0)
