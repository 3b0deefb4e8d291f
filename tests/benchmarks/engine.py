"""The fold alone: ``rules.engine.step`` in one process, and the checkpoint that it leaves."""

from __future__ import annotations

import time

from devices.event import DeviceChanged, DeviceFacts, Event, RulesChanged, Telemetry
from rules.checkpoint import encode_subject
from rules.decision import Position
from rules.engine import step
from rules.state import PartitionState
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.fleet import RULES
from tests.benchmarks.settings import Settings

DEVICES = 10_000
START_MS = 1_800_000_000_000


def run(settings: Settings) -> list[Section]:
    """Fold rounds of one calm reading from each device."""
    rates: list[float] = []
    encodes: list[float] = []
    state = _state()
    readings = max(2, int(settings.seconds / 2))
    for number in range(settings.runs + 1):
        rate, encode_us = _fold(state, number * readings, readings)
        if number:  # the first one is the warm-up
            rates.append(rate)
            encodes.append(encode_us)
            settings.say(f"{rate:,.0f} events/s, {encode_us:.1f} µs to encode a device's state")
    sizes = [len(encode_subject(state, device)) for device in list(state.subjects)[:100]]
    return [
        Section(
            "engine",
            "`rules.engine.step` alone in one process, 20 rules (16 are asked), 10,000 devices, two metrics a reading.",
            [
                Figure("folded", "events/s", tuple(rates)),
                Figure("time for each event", "µs", tuple(1e6 / rate for rate in rates)),
                Figure("encode one device's state", "µs", tuple(encodes)),
                Figure("one device's state, encoded", "bytes", (sum(sizes) / len(sizes),)),
            ],
        )
    ]


def with_rules() -> PartitionState:
    """A state in which the twenty rules hold."""
    state = PartitionState.empty()
    step(state, RulesChanged(START_MS, "bench", {"twenty_rules.yaml": RULES}), Position(1, 0))
    return state


def _state() -> PartitionState:
    state = with_rules()
    for number in range(1, DEVICES + 1):
        facts = DeviceFacts(f"blast-{number:05d}", "blast-1", owner=f"owner-{number}")
        step(state, DeviceChanged(START_MS, facts), Position(2, number))
    return state


def _fold(state: PartitionState, first: int, rounds: int) -> tuple[float, float]:
    events = [_reading(device, first + n) for n in range(rounds) for device in range(1, DEVICES + 1)]
    state.take_dirty()
    position = Position(3 + first, 0)
    started = time.perf_counter()
    for event in events:
        step(state, event, position)
    folded = time.perf_counter()
    dirty = state.take_dirty()
    for device in dirty:
        encode_subject(state, device)
    encoded = time.perf_counter()
    return len(events) / (folded - started), (encoded - folded) / len(dirty) * 1e6


def _reading(device: int, number: int) -> Event:
    at = START_MS + number * 1_000
    wave = (device + number) % 64 / 64
    return Telemetry(f"blast-{device:05d}", at, at + 5, {"temperature": 3 + 2 * wave, "vibration": 3 - 2 * wave})
