"""Milliseconds from a device's publish to the request that reaches the push provider."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.acceptance.rig import Rig, eventually, rig
from tests.benchmarks import cpu, fleet, load
from tests.benchmarks.figures import Figure, Section, percentile
from tests.benchmarks.settings import Settings

DEVICES = 1_000


class Stream(NamedTuple):
    """``rate`` events a second, of which one in ``hot_every`` is hot."""

    rate: int
    hot_every: int


# No `hot_every` shares a factor with the devices of a connection: each hot reading is another device's, and calm ones
# follow it.
STREAMS = {
    "latency": Stream(500, 101),
    "latency, many messages": Stream(500, 21),
    "latency, many readings": Stream(2_000, 401),
}
WARM_UP_SECONDS = 5.0
SETTLE_SECONDS = 60.0
TRANSITIONS = ("firing", "resolved")


def run(settings: Settings) -> list[Section]:
    """Send events of which a few, then many, then a few of many fire an alert that is pushed, as is its end."""
    with tempfile.TemporaryDirectory(prefix="kizashi-bench-") as made:
        folder = Path(made)
        with rig(folder, fleet.RULES, settings.gateway) as gateway:
            settings.say(f"bringing in {DEVICES} devices")
            fleet.bring_in(gateway, folder, DEVICES)
            # Calm first: a device's first reading is no crossing.
            load.finish(
                load.start(gateway, rate=STREAMS["latency"].rate, seconds=WARM_UP_SECONDS, devices=DEVICES, hot_every=0)
            )
            return [_section(settings, gateway, name, stream) for name, stream in STREAMS.items()]


def _section(settings: Settings, gateway: Rig, name: str, stream: Stream) -> Section:
    rounds = [_round(settings, gateway, stream) for _ in range(settings.runs)]
    merged = [
        Figure(first.name, first.unit, tuple(value for each in rounds for value in each[n].values))
        for n, first in enumerate(rounds[0])
    ]
    return Section(name, _METHOD.format(devices=DEVICES, rate=stream.rate, hot_every=stream.hot_every), merged)


_METHOD = (
    "{rate:,} events a second by MQTT QoS 1 on {devices:,} devices with the same 20 rules; one in {hot_every} is hot, "
    "fires `too-hot` (severity critical, purpose safety) and is pushed; the device's next reading resolves it, which "
    "is pushed too. Measured from the payload's `ts`, taken just before the publish, to the moment at which the "
    "stand-in for FCM has the request, on the same clock (1 ms). A run's percentiles are over all of its pushes."
)


def _round(settings: Settings, gateway: Rig, stream: Stream) -> list[Figure]:
    seen = len(gateway.provider_requests())
    last = int(gateway.query("SELECT coalesce(max(at), 0) FROM decisions")[0][0])
    before = cpu.used(gateway)
    shot = load.finish(
        load.start(gateway, rate=stream.rate, seconds=settings.seconds, devices=DEVICES, hot_every=stream.hot_every)
    )
    eventually(lambda: _under_way(gateway) == 0, within=SETTLE_SECONDS, what="all messages at their provider")
    spent = cpu.since(before, cpu.used(gateway))
    delays = _delays(gateway, seen, last)
    figures: list[Figure] = []
    for transition in TRANSITIONS:
        ordered = sorted(delays[transition])
        settings.say(
            f"{transition}: {len(ordered)} pushes, p50 {percentile(ordered, 50)} p99 {percentile(ordered, 99)}"
        )
        figures += [
            Figure(f"{transition}, p{percent}", "ms", (percentile(ordered, percent),)) for percent in (50, 99, 100)
        ]
    figures.append(Figure("pushes", "messages/s", (sum(map(len, delays.values())) / (shot.ended - shot.started),)))
    figures += [
        Figure(f"CPU, {name}", "ms/s", (seconds / (shot.ended - shot.started) * 1e3,))
        for name, seconds in sorted(spent.items(), key=lambda item: item[0])
    ]
    return figures


def _under_way(gateway: Rig) -> int:
    return int(gateway.query("SELECT count(*) FROM messages WHERE state IN ('queued', 'sending')")[0][0])


def _delays(gateway: Rig, seen: int, after: int) -> dict[str, list[float]]:
    """From the deciding event's time to the provider's first request for its message, ms, by transition."""
    rows = gateway.query(
        "SELECT m.id, d.transition, d.at FROM messages m JOIN decisions d ON d.id = m.decision_id WHERE d.at > %s",
        after,
    )
    decided = {message_id: (transition, at) for message_id, transition, at in rows}
    asked: dict[str, int] = {}
    for request in gateway.provider_requests()[seen:]:
        asked.setdefault(request["message_id"], request["at"])
    missing = decided.keys() - asked.keys()
    if missing:
        raise RuntimeError(f"{len(missing)} of {len(decided)} messages never reached the provider")
    delays: dict[str, list[float]] = {transition: [] for transition in TRANSITIONS}
    for message_id, (transition, at) in decided.items():
        delays[transition].append(float(asked[message_id] - at))
    return delays
