"""Events a second from MQTT QoS 1 publish to checkpoint, and what each process spends on an event."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.rig import Rig, rig
from tests.benchmarks import cpu, fleet, load
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings

DEVICES = 10_000
STEADY_RATE = 8_000
HOT_EVERY = 5_003
"""A prime: another device each time, so that alerts clear again."""
DRAIN_SECONDS = 240.0
WARM_UP_SECONDS = 3.0


class Run(NamedTuple):
    """One load, carried through to the checkpoint."""

    sustained: float
    """Events a second from the first publish to the checkpoint that covers the last event."""
    published: float
    """Events a second that the broker acknowledged."""
    behind: float
    """Seconds from the last acknowledgement to the checkpoint that covers everything."""
    cpu_us: dict[str, float]
    """Microseconds of CPU for each event, by process."""


def run(settings: Settings) -> list[Section]:
    """Flood the gateway several times, then send it a steady 8,000 events a second."""
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as made:
        folder = Path(made)
        with rig(folder, fleet.RULES, settings.gateway) as gateway:
            settings.say(f"bringing in {DEVICES} devices")
            fleet.bring_in(gateway, folder, DEVICES)
            # Every rule sees every device once before anything counts.
            one(gateway, rate=STEADY_RATE, seconds=WARM_UP_SECONDS)
            floods = [_said(settings, "flood", one(gateway, 1e6, settings.seconds)) for _ in range(settings.runs)]
            steady = _said(settings, "steady", one(gateway, STEADY_RATE, settings.seconds))
    return [_section("throughput, flood", _FLOOD, floods), _section("throughput, steady", _STEADY, [steady])]


_FLOOD = (
    "Four connections publish as fast as the broker acknowledges (QoS 1, at most 1,500 events each unacknowledged). "
    "Publish to checkpoint: all events, divided by the time from the first publish to the committed checkpoint that "
    "covers the last of them. 20 rules concern each of the 10,000 devices; each reading makes the engine ask 16. "
    "Load generator, sandbox and measuring run on the same cores."
)
_STEADY = (
    f"The same with {STEADY_RATE:,} events a second offered. A partition is checkpointed every 3 s, so the gateway "
    "keeps up where all is checkpointed within that time after the last publish, whatever the length of the run."
)


def one(gateway: Rig, rate: float, seconds: float) -> Run:
    """Send a load and wait until it is checkpointed."""
    already = _events(gateway)
    before = cpu.used(gateway)
    shot = load.finish(load.start(gateway, rate=rate, seconds=seconds, devices=DEVICES, hot_every=HOT_EVERY))
    done = _wait(gateway, already + shot.sent)
    spent = cpu.since(before, cpu.used(gateway)) | {"load generator": shot.cpu_seconds}
    return Run(
        sustained=shot.sent / (done - shot.started),
        published=shot.rate,
        behind=done - shot.ended,
        cpu_us={name: seconds / shot.sent * 1e6 for name, seconds in spent.items()},
    )


def _events(gateway: Rig) -> int:
    return int(gateway.query("SELECT coalesce(sum(events), 0) FROM partitions")[0][0])


def _wait(gateway: Rig, events: int) -> float:
    """Until the checkpoints cover ``events``; returns when that was."""
    end = time.monotonic() + DRAIN_SECONDS
    while (found := _events(gateway)) < events:
        if time.monotonic() > end:
            raise RuntimeError(f"{found} of {events} events were checkpointed within {DRAIN_SECONDS} s")
        time.sleep(0.1)
    if found > events:
        raise RuntimeError(f"{found} events were checkpointed, {events} were sent")
    return time.time()


def _said(settings: Settings, kind: str, done: Run) -> Run:
    total = sum(done.cpu_us.values())
    settings.say(
        f"{kind}: published {done.published:,.0f}/s, sustained {done.sustained:,.0f}/s, {done.behind:.1f} s behind, "
        f"{total:.0f} µs of CPU an event: {', '.join(f'{name} {us:.1f}' for name, us in sorted(done.cpu_us.items()))}"
    )
    return done


def _section(name: str, method: str, runs: list[Run]) -> Section:
    by_process: defaultdict[str, list[float]] = defaultdict(list)
    for each in runs:
        for process, us in each.cpu_us.items():
            by_process[process].append(us)
    figures = [
        Figure("publish to checkpoint", "events/s", tuple(each.sustained for each in runs)),
        Figure("published and acknowledged", "events/s", tuple(each.published for each in runs)),
        Figure("all checkpointed after the last publish", "s", tuple(each.behind for each in runs)),
        Figure("CPU, all processes", "µs/event", tuple(sum(each.cpu_us.values()) for each in runs)),
    ]
    for process, spent in sorted(by_process.items(), key=lambda item: -sum(item[1])):
        figures.append(Figure(f"CPU, {process}", "µs/event", tuple(spent)))
    return Section(name, method, figures)
