"""Scenario files: who owns what, which machines run, who walks where, and what goes wrong when.

``customers``, ``devices`` and ``stores`` have the shapes of the HTTP interface, so that a gateway can be filled from
the same file. ``machines`` and ``people`` say how to simulate them. Times of the script are seconds at the scenario's
own speed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import yaml

from firmware_sim.machines.catalog import SettingError, build
from firmware_sim.people.ground import Place
from firmware_sim.said import Setting

NIGHT, DAY = "!night", "!day"
_LOCAL_HOUR = {NIGHT: 2, DAY: 12}


class ScenarioError(ValueError):
    """The scenario can't be used; the message says where and how to mend it."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happens ``at`` seconds from the start."""

    at: float
    set: dict[str, Setting] = {}
    """Settings of the model to change."""
    lose_connection: float = 0.0
    """Pull the plug and come back after so many seconds."""


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to simulate one device."""

    product: str
    every: float = 1.0
    """Seconds between two messages, real time."""
    settings: dict[str, Setting] = {}
    script: list[Turn] = []


class Spot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place: degrees, or so many ``metres`` from the middle of a ``store`` in direction ``bearing`` (0 is north)."""

    store: str = ""
    bearing: float = 0.0
    metres: float = 0.0
    lat: float | None = None
    lon: float | None = None


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Go to ``to`` and stay for ``stay`` simulated seconds, strolling within ``stroll`` metres."""

    to: Spot
    stay: float = 0.0
    stroll: float = 0.0


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phone's receiver: metres under open sky, and the share of the sky that buildings hide."""

    accuracy: float = 6.0
    canyon: float = 0.0


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to simulate one person with a phone; named by the phone's device id."""

    start: Spot
    route: list[Stop] = []
    every: float = 1.0
    pace: float = 1.34
    pauses_per_hour: float = 20.0
    sets_off_after: float = 0.0
    gps: Receiver = Receiver()
    script: list[Turn] = []


class Fleet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``count`` devices alike; ``{n}`` in ``id`` becomes 1, 2, 3, … (``{n:05d}`` pads)."""

    id: str
    count: int
    device: dict[str, Any]
    machine: Machine


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario, checked."""

    name: str
    about: str = ""
    speed: float = 1.0
    """Simulated seconds of a machine's life in one real second."""
    people_speed: float = 1.0
    """The same for people, who would otherwise fly."""
    seconds: float | None = None
    """How long to run, real time; None is until stopped."""
    customers: dict[str, dict[str, Any]] = {}
    devices: dict[str, dict[str, Any]] = {}
    stores: dict[str, dict[str, Any]] = {}
    machines: dict[str, Machine] = {}
    people: dict[str, Person] = {}
    fleets: list[Fleet] = []

    def place(self, spot: Spot) -> Place:
        """Where ``spot`` is."""
        if spot.lat is not None and spot.lon is not None:
            centre = Place(spot.lat, spot.lon)
        else:
            centre = middle(self.stores[spot.store]["geofence"])
        return centre.towards(spot.bearing, spot.metres)


@dataclass(frozen=True, slots=True)
class Shipped:
    """A scenario that comes with the package."""

    name: str
    about: str


def shipped() -> list[Shipped]:
    """The scenarios that come with the package, by name."""
    folder = resources.files("firmware_sim") / "scenarios"
    names = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return [Shipped(name, load(name).about.strip()) for name in names]


def load(path_or_name: str | Path) -> Scenario:
    """Read a scenario by path, or by the name of a shipped one, and check it whole.

    Raises:
        ScenarioError: it is not there, not YAML, or something in it does not fit together.
    """
    text = _text(path_or_name)
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the safe one
        scenario = msgspec.convert(document, Scenario)
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path_or_name}: not YAML: {error}") from error
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path_or_name}: {error}") from error
    try:
        scenario = _with_fleets(scenario)
        _check(scenario)
    except ScenarioError as error:
        raise ScenarioError(f"{path_or_name}: {error}") from error
    return scenario


def resolve(scenario: Scenario, now: datetime) -> Scenario:
    """Replace the time zones ``!night`` and ``!day`` by zones where it is two to three in the night, or about noon.

    Args:
        scenario: as loaded.
        now: an aware time.
    """
    zones = {token: zone_where(hour, now) for token, hour in _LOCAL_HOUR.items()}

    def resolved(entries: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {
            key: {**entry, "time_zone": zones.get(entry["time_zone"], entry["time_zone"])}
            if "time_zone" in entry
            else entry
            for key, entry in entries.items()
        }

    return msgspec.structs.replace(scenario, customers=resolved(scenario.customers), stores=resolved(scenario.stores))


def zone_where(hour: int, now: datetime) -> str:
    """The IANA zone of whole hours where it is ``hour`` o'clock at ``now`` (aware). POSIX's sign: GMT-9 is east."""
    east = (hour - now.astimezone(UTC).hour) % 24
    if east > 12:  # noqa: PLR2004 - half a day: the other way round is nearer
        east -= 24
    return f"Etc/GMT{-east:+d}"


def inventory(scenario: Scenario, now: datetime) -> dict[str, Any]:
    """What a gateway must know before the scenario runs: JSON with the shapes of the HTTP interface."""
    known = resolve(scenario, now)
    return {
        "name": known.name,
        "speed": known.speed,
        "seconds": known.seconds,
        "customers": known.customers,
        "devices": known.devices,
        "stores": known.stores,
    }


def middle(geofence: dict[str, Any]) -> Place:
    """The centre of a circle, or the mean of a polygon's outer corners."""
    if "radius" in geofence:
        return Place(float(geofence["lat"]), float(geofence["lon"]))
    corners = geofence["coordinates"][0][:-1]
    return Place(sum(c[1] for c in corners) / len(corners), sum(c[0] for c in corners) / len(corners))


def _text(path_or_name: str | Path) -> str:
    path = Path(path_or_name)
    packaged = resources.files("firmware_sim") / "scenarios" / f"{path_or_name}.yaml"
    try:
        if path.suffix in {".yaml", ".yml"} or path.is_file():
            return path.read_text(encoding="utf-8")
        if packaged.is_file():
            return packaged.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    raise ScenarioError(f"no scenario {str(path_or_name)!r}: give a .yaml file or a name from kizashi-sim --list")


def _with_fleets(scenario: Scenario) -> Scenario:
    devices, machines = dict(scenario.devices), dict(scenario.machines)
    for number, fleet in enumerate(scenario.fleets):
        for n in range(1, fleet.count + 1):
            try:
                device_id = fleet.id.format(n=n)
            except (KeyError, IndexError, ValueError) as error:
                raise ScenarioError(f"fleets[{number}].id {fleet.id!r}: only {{n}} can be filled in") from error
            if device_id in devices:
                raise ScenarioError(f"fleets[{number}]: {device_id} is there twice; put {{n}} into its id")
            devices[device_id] = fleet.device
            machines[device_id] = fleet.machine
    return msgspec.structs.replace(scenario, devices=devices, machines=machines, fleets=[])


def _check(scenario: Scenario) -> None:
    if scenario.speed <= 0 or scenario.people_speed <= 0:
        raise ScenarioError("speed and people_speed are more than 0")
    for device_id, device in scenario.devices.items():
        _check_known(f"devices.{device_id}.owner", device.get("owner"), scenario.customers)
        _check_known(f"devices.{device_id}.store", device.get("store"), scenario.stores)
    for device_id, machine in scenario.machines.items():
        _check_known(f"machines.{device_id}", device_id, scenario.devices)
        _check_machine(device_id, machine)
    for device_id, person in scenario.people.items():
        _check_known(f"people.{device_id}", device_id, scenario.devices)
        _check_every(f"people.{device_id}", person.every)
        if any(turn.set for turn in person.script):
            raise ScenarioError(f"people.{device_id}.script: people have no settings, only lose_connection")
        for where, spot in [("start", person.start), *[(f"route[{i}].to", s.to) for i, s in enumerate(person.route)]]:
            _check_spot(scenario, f"people.{device_id}.{where}", spot)


def _check_machine(device_id: str, machine: Machine) -> None:
    where = f"machines.{device_id}"
    _check_every(where, machine.every)
    try:
        build(machine.product, machine.settings)
        for number, turn in enumerate(machine.script):
            where = f"machines.{device_id}.script[{number}]"
            build(machine.product, turn.set)
    except SettingError as error:
        raise ScenarioError(f"{where}: {error}") from error


def _check_every(where: str, every: float) -> None:
    if every <= 0:
        raise ScenarioError(f"{where}.every is more than 0 seconds, not {json.dumps(every)}")


def _check_known(where: str, key: str | None, known: dict[str, dict[str, Any]]) -> None:
    if key is not None and key not in known:
        raise ScenarioError(f"{where}: {key!r} is not in this scenario")


def _check_spot(scenario: Scenario, where: str, spot: Spot) -> None:
    if (spot.lat is None) != (spot.lon is None):
        raise ScenarioError(f"{where}: lat needs lon")
    if spot.lat is None and spot.store not in scenario.stores:
        raise ScenarioError(f"{where}: give lat and lon, or a store of this scenario, not {spot.store!r}")
    if spot.lat is None:
        try:
            middle(scenario.stores[spot.store]["geofence"])
        except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError) as error:
            raise ScenarioError(f"stores.{spot.store}.geofence: neither a circle nor a GeoJSON Polygon") from error
