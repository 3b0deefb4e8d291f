"""Putting events in order of receipt without holding them all: sorted runs on disk, merged.

A file that lists one device after the other would otherwise look like a fleet in which each device falls silent for
the whole time of the others.
"""

from __future__ import annotations

import heapq
import operator
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from devices.event import DeviceSaid, Event, decode_batch, encode_batch

RUN_EVENTS: Final = 200_000
"""Events held in memory at a time."""
RECORD_EVENTS: Final = 2_000
"""Events of one run that are read back at a time."""
_LENGTH_BYTES: Final = 8
_received_at: Final = operator.attrgetter("received_at")


def in_order(batches: Iterable[list[DeviceSaid]]) -> Iterator[list[DeviceSaid]]:
    """The same events in order of receipt; those received at once in the order in which they came."""
    with tempfile.TemporaryDirectory(prefix="kizashi-backtest-") as folder:
        runs = [_written(Path(folder) / str(number), run) for number, run in enumerate(_runs(batches))]
        merged = heapq.merge(*(_read(run) for run in runs), key=_received_at)
        while found := list(islice(merged, RECORD_EVENTS)):
            yield found


def _runs(batches: Iterable[list[DeviceSaid]]) -> Iterator[list[DeviceSaid]]:
    """Sorted stretches, each as long as may be held."""
    held: list[DeviceSaid] = []
    for batch in batches:
        held += batch
        if len(held) >= RUN_EVENTS:
            held.sort(key=_received_at)
            yield held
            held = []
    held.sort(key=_received_at)
    yield held


def _written(path: Path, run: list[DeviceSaid]) -> Path:
    with path.open("wb") as file:
        for start in range(0, len(run), RECORD_EVENTS):
            events: list[Event] = list(run[start : start + RECORD_EVENTS])
            record = encode_batch(events)
            file.write(len(record).to_bytes(_LENGTH_BYTES, "big") + record)
    return path


def _read(path: Path) -> Iterator[DeviceSaid]:
    with path.open("rb") as file:
        while length := file.read(_LENGTH_BYTES):
            for event in decode_batch(file.read(int.from_bytes(length, "big"))):
                assert isinstance(event, DeviceSaid)
                yield event
