"""How much the engine remembers of a device: in memory, and in a checkpoint."""

from __future__ import annotations

import gc
import tracemalloc

from devices.event import DeviceChanged, DeviceFacts, Telemetry, decode_batch, encode_batch
from rules.checkpoint import encode_subject
from rules.decision import Position
from rules.engine import step
from rules.state import PartitionState
from tests.benchmarks.engine import with_rules
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.made_rules import MODEL, START_MS, calm_reading, device_id, rule_files, state_with
from tests.benchmarks.settings import Settings

DEVICES = 5_000
READINGS = 5


def run(settings: Settings) -> list[Section]:
    """Register devices, let them send, and see what that left."""
    figures = []
    for name, state in (
        ("ten rules on its two metrics, without `for`", state_with(_plain_rules(10), 0)),
        ("ten rules on its two metrics, two of them with `for`", state_with(rule_files(10, 10), 0)),
        ("a hundred rules on its two metrics", state_with(rule_files(100, 100), 0)),
        ("twenty rules of different operators", with_rules()),
    ):
        live, encoded = _bytes_for_each(state)
        settings.say(f"{name}: {live:,.0f} bytes in memory, {encoded:,.0f} encoded")
        figures += [Figure(f"{name}, in memory", "bytes", (live,)), Figure(f"{name}, encoded", "bytes", (encoded,))]
    method = (
        f"One device's state after {READINGS} calm readings, {DEVICES:,} devices. In memory: all that Python allocated "
        "for it meanwhile (tracemalloc), its facts, its name and its entries in the engine's tables included."
    )
    return [Section("state of a device", method, figures)]


def _plain_rules(count: int) -> dict[str, str]:
    return {name: text.replace(", for: 5m", "") for name, text in rule_files(count, count).items()}


def _bytes_for_each(state: PartitionState) -> tuple[float, float]:
    _live(state, 0, 10)  # what all devices share is made by the first
    gc.collect()
    tracemalloc.start()
    _live(state, 10, DEVICES)
    gc.collect()
    live, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    encoded = sum(len(encode_subject(state, device_id(number))) for number in range(10, 110)) / 100
    return live / (DEVICES - 10), encoded


def _live(state: PartitionState, first: int, last: int) -> None:
    """Have the devices registered and heard; every event as it comes out of the log, sharing nothing with others."""
    for number in range(first, last):
        facts = DeviceFacts(device_id(number), MODEL, owner=f"owner-{number}")
        said: list[DeviceChanged | Telemetry] = [DeviceChanged(START_MS, facts)]
        said += [calm_reading(number, n) for n in range(READINGS)]
        for event in decode_batch(encode_batch([*said])):
            step(state, event, Position(3, number))
    state.take_dirty()
