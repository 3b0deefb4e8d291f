"""Positions among very many fences: through the whole fold, and through the index alone."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from devices.event import Location, RulesChanged, StoreChanged, StoreFacts
from rules.decision import Position
from rules.engine import step
from rules.state import PartitionState
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.made_rules import START_MS
from tests.benchmarks.settings import Settings

FENCES = 100_000
DEVICES = 2_000
RADIUS_M = 100
ACCURACY_M = 10.0
_SOUTH, _NORTH, _WEST, _EAST = 31.0, 45.0, 130.0, 145.0
_FAR = (-43.001, 150.003)
_RULES = """\
rules:
  - {id: welcome, when: {zone: {enter: true, store: any}}, purpose: offers}
  - {id: thanks, when: {zone: {leave: true, store: any}}, purpose: offers}
"""

Track = Callable[[int, int], tuple[float, float]]
"""Where a device is at its n-th position: (device, n)."""


def run(settings: Settings) -> list[Section]:
    """Positions that are spread like the fences, far from all of them, and inside one."""
    chance = random.Random(7)
    centres = [(chance.uniform(_SOUTH, _NORTH), chance.uniform(_WEST, _EAST)) for _ in range(FENCES)]
    state = PartitionState.empty()
    step(state, RulesChanged(START_MS, "fences", {"fences.yaml": _RULES}), Position(1, 0))
    for number, (lat, lon) in enumerate(centres):
        fence = {"lat": lat, "lon": lon, "radius": RADIUS_M}
        step(state, StoreChanged(START_MS, StoreFacts(f"store-{number}", geofence=fence)), Position(2, number))
    settings.say(f"{FENCES:,} fences stand")
    tracks: dict[str, Track] = {
        "anywhere among them": lambda _device, _n: (chance.uniform(_SOUTH, _NORTH), chance.uniform(_WEST, _EAST)),
        "far from any": lambda device, n: (_FAR[0] + device * 1e-5, _FAR[1] + n * 1e-6),
        "standing inside one": lambda device, n: (centres[device][0] + n * 1e-7, centres[device][1]),
    }
    figures = []
    for where, track in tracks.items():
        whole, index = _measured(state, where, track, settings)
        figures += [Figure(f"{where}: whole step", "µs", whole), Figure(f"{where}: index alone", "µs", index)]
    method = (
        f"µs for each position with {FENCES:,} circles of {RADIUS_M} m spread over {_SOUTH:.0f}-{_NORTH:.0f}°N "
        f"{_WEST:.0f}-{_EAST:.0f}°E, two `zone` rules for any store, {DEVICES:,} devices, accuracy {ACCURACY_M:.0f} m."
    )
    return [Section("fences", method, figures)]


def _measured(
    state: PartitionState, where: str, track: Track, settings: Settings
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    rounds = max(2, int(settings.seconds * 40_000 / DEVICES))
    whole, index = [], []
    for number in range(settings.runs + 1):
        events = [_fix(where, device, number * rounds + n, track) for n in range(rounds) for device in range(DEVICES)]
        steps, lookups = _timed(state, events)
        if number:  # the first one is the warm-up
            whole.append(steps)
            index.append(lookups)
            settings.say(f"{where}: {steps:.2f} µs a position, {lookups:.2f} µs in the index")
    return tuple(whole), tuple(index)


def _timed(state: PartitionState, events: list[Location]) -> tuple[float, float]:
    position, near = Position(3, 0), state.world.fences.near
    started = time.perf_counter()
    for event in events:
        step(state, event, position)
    stepped = time.perf_counter()
    for event in events:
        near(event.lat, event.lon, ACCURACY_M)
    looked = time.perf_counter()
    return (stepped - started) / len(events) * 1e6, (looked - stepped) / len(events) * 1e6


def _fix(where: str, device: int, number: int, track: Track) -> Location:
    lat, lon = track(device, number)
    at = START_MS + (number + 1) * 1_000
    return Location(f"{where}-{device}", at, at + 5, lat, lon, ACCURACY_M)
