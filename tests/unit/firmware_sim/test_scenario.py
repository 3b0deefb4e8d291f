from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_sim.scenario import ScenarioError, inventory, load, shipped, zone_where

NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def written(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("hour", range(24))
def test_the_zones_of_night_and_day_are_right_at_every_hour(hour: int) -> None:
    now = NOON.replace(hour=hour)
    assert now.astimezone(ZoneInfo(zone_where(2, now))).hour == 2
    assert now.astimezone(ZoneInfo(zone_where(12, now))).hour == 12


def test_every_shipped_scenario_loads_and_tells_what_it_is_about() -> None:
    found = {entry.name: entry.about for entry in shipped()}
    assert {"demo", "fleet"} <= set(found)
    assert all(found.values())


def test_the_inventory_of_the_demo_has_no_token_left_and_every_owner_in_it() -> None:
    known = inventory(load("demo"), NOON + timedelta(hours=3))
    zones = {entry["time_zone"] for kind in ("customers", "stores") for entry in known[kind].values()}
    assert all(ZoneInfo(zone) for zone in zones)
    assert {d["owner"] for d in known["devices"].values() if "owner" in d} <= set(known["customers"])
    assert known["customers"]["cust-sato"]["consents"]["maintenance"]["sms"] is True
    assert known["speed"] == 120


def test_a_fleet_becomes_its_devices() -> None:
    fleet = load("fleet")
    assert len(fleet.machines) == len(fleet.devices) == 5000
    assert "chiller-00001" in fleet.machines


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [", "not YAML"),
        ("name: x\nspede: 3", "unknown field `spede`"),
        ("name: x\nspeed: 0", "more than 0"),
        ("name: x\nmachines: {a: {product: chiller}}", "machines.a: 'a' is not in this scenario"),
        ("name: x\ndevices: {a: {owner: b}}", "devices.a.owner: 'b' is not in this scenario"),
        ("name: x\ndevices: {a: {}}\nmachines: {a: {product: toaster}}", "no product 'toaster'"),
        ("name: x\ndevices: {a: {}}\nmachines: {a: {product: chiller, every: 0}}", "machines.a.every"),
        (
            "name: x\ndevices: {a: {}}\nmachines: {a: {product: chiller, script: [{at: 1, set: {colour: 2}}]}}",
            "machines.a.script[0]: Chiller has no setting 'colour'",
        ),
        (
            "name: x\ndevices: {a: {}}\nmachines: {a: {product: chiller, settings: {ambient: warm}}}",
            "'ambient' is a number, not 'warm'",
        ),
        ("name: x\ndevices: {p: {}}\npeople: {p: {start: {store: s}}}", "people.p.start"),
        ("name: x\nfleets: [{id: a, count: 2, device: {}, machine: {product: chiller}}]", "a is there twice"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ScenarioError) as error:
        load(written(tmp_path, text))
    assert says in str(error.value)


def test_an_unknown_name_points_to_the_list() -> None:
    with pytest.raises(ScenarioError, match="--list"):
        load("no-such-scenario")
