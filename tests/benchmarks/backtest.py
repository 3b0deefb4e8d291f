"""A backtest over a file: reading it, deciding about it, and comparing two rule sets over it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from devices.event import DeviceFacts
from gateway.past.readings_file import ReadingsFile, readings_file
from gateway.past.registry import Registry
from gateway.past.run import Trial
from gateway.past.run import run as try_rules
from rules.document import parse
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings

DEVICES = 1_000
EVENTS_PER_SECOND_OF_LOAD = 40_000
START_MS = 1_800_000_000_000
RULES = """
rules:
  - {id: warm, for_devices: {model: chiller-*}, when: {metric: temperature, above: LIMIT, clear_below: 4, for: 10m}}
  - {id: humid, for_devices: {model: chiller-*}, when: {metric: humidity, above: 90}}
  - {id: door, when: {metric: door_open, equals: true, for: 5m}}
  - {id: silent, when: {absent_for: 30m}}
  - {id: cold, when: {metric: temperature, below: -1}}
"""


def run(settings: Settings) -> list[Section]:
    """Write a file of readings once a minute, and go through it."""
    minutes = max(30, int(settings.seconds * EVENTS_PER_SECOND_OF_LOAD) // DEVICES)
    registry = Registry(tuple(DeviceFacts(f"chiller-{n}", "chiller-x", owner=f"owner-{n}") for n in range(DEVICES)))
    new, old = (parse({"r.yaml": RULES.replace("LIMIT", limit)}) for limit in ("7.5", "7.8"))
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = _written(Path(folder), minutes)
        measured = {
            "read CSV": lambda: _read(readings_file(csv)),
            "read Parquet": lambda: _read(readings_file(parquet)),
            "backtest, CSV": lambda: _tried(readings_file(csv), Trial(new, registry=registry)),
            "backtest, Parquet": lambda: _tried(readings_file(parquet), Trial(new, registry=registry)),
            "compared with another version": lambda: _tried(readings_file(csv), Trial(new, old, registry=registry)),
        }
        figures = [Figure(name, "events/s", _rates(name, work, settings)) for name, work in measured.items()]
    method = (
        f"One process, {DEVICES:,} devices, {minutes * DEVICES:,} readings of three metrics, one a minute and device. "
        "Five rules, each of which asks every device; in the last line one of them in two versions, side by side."
    )
    return [Section("backtest", method, figures)]


def _rates(name: str, work: Callable[[], int], settings: Settings) -> tuple[float, ...]:
    rates = []
    for _ in range(settings.runs):
        started = time.perf_counter()
        events = work()
        rates.append(events / (time.perf_counter() - started))
        settings.say(f"{name}: {rates[-1]:,.0f} events/s")
    return tuple(rates)


def _read(file: ReadingsFile) -> int:
    return sum(len(chunk.events) for chunk in file.chunks())


def _tried(file: ReadingsFile, trial: Trial) -> int:
    return try_rules(trial, file).report.events


def _written(folder: Path, minutes: int) -> tuple[Path, Path]:
    """The same readings as CSV and as Parquet: a wave for each device, a door now and then."""
    rows = [(minute, device) for minute in range(minutes) for device in range(DEVICES)]
    waves = [(minute * 7 + device * 13) % 100 / 100 for minute, device in rows]
    table = pa.table(
        {
            "ts": [START_MS + minute * 60_000 + device for minute, device in rows],
            "device_id": [f"chiller-{device}" for _, device in rows],
            "temperature": [round(2 + 5 * wave, 2) for wave in waves],
            "humidity": [round(40 + 50 * wave, 1) for wave in waves],
            "door_open": [wave > 0.95 for wave in waves],
        }
    )
    csv, parquet = folder / "past.csv", folder / "past.parquet"
    pyarrow.csv.write_csv(table, csv)
    pyarrow.parquet.write_table(table, parquet)
    return csv, parquet
