"""Payload to event, and events to a log record and back; one process, no I/O."""

from __future__ import annotations

import time
from collections.abc import Callable

from devices.decoders.catalog import decode
from devices.event import decode_batch, encode_batch
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings

EVENTS = 20_000
BATCH = 100
NOW_MS = 1_800_000_000_000


def run(settings: Settings) -> list[Section]:
    """Time each step several times over."""
    topics = [f"devices/blast-{number % 10_000:05d}/telemetry" for number in range(EVENTS)]
    payloads = [
        b'{"ts":%13d,"temperature": 4.%02d,"vibration": 2.%02d}' % (NOW_MS + n, n % 100, n % 99) for n in range(EVENTS)
    ]
    events = [
        event for topic, payload in zip(topics, payloads, strict=True) for event in decode(topic, payload, NOW_MS)
    ]
    batches = [events[n : n + BATCH] for n in range(0, EVENTS, BATCH)]
    records = [encode_batch(list(batch)) for batch in batches]

    def decode_all() -> None:
        for topic, payload in zip(topics, payloads, strict=True):
            decode(topic, payload, NOW_MS)

    def pack_all() -> None:
        for batch in batches:
            encode_batch(list(batch))

    def unpack_all() -> None:
        for record in records:
            decode_batch(record)

    steps = {"decode a payload": decode_all, f"pack, {BATCH} a record": pack_all, "unpack": unpack_all}
    figures = [Figure(name, "µs/event", _timed(work, settings.runs)) for name, work in steps.items()]
    for figure in figures:
        settings.say(f"{figure.name}: {min(figure.values):.2f} µs")
    size = sum(map(len, records)) / EVENTS
    return [
        Section(
            "decode", "In one process, two metrics a reading.", [*figures, Figure("in the log", "bytes/event", (size,))]
        )
    ]


def _timed(work: Callable[[], None], runs: int) -> tuple[float, ...]:
    work()
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) / EVENTS * 1e6)
    return tuple(found)
