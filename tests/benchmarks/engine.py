"""The fold alone: ``rules.engine.step`` in one process, with few rules and with very many."""

from __future__ import annotations

import time

from devices.event import DeviceChanged, DeviceFacts, Event, RulesChanged
from rules.checkpoint import encode_subject
from rules.decision import Position
from rules.engine import step
from rules.state import PartitionState
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.fleet import RULES
from tests.benchmarks.made_rules import START_MS, calm_reading, rule_files, state_with
from tests.benchmarks.settings import Settings

DEVICES = 10_000
SIZES = ((10, 10), (100, 100), (1_000, 1_000), (10_000, 100), (10_000, 10_000))
"""(rules, how many of them concern each device and watch its two metrics)."""
ASKED_AT_MOST = 1_000_000
"""So many slots are made at the devices' first readings, so that the largest size does not take minutes to begin."""


def run(settings: Settings) -> list[Section]:
    """Fold rounds of one calm reading from each device."""
    return [_twenty(settings), _sizes(settings), _changes(settings)]


def _twenty(settings: Settings) -> Section:
    state = with_rules()
    for number in range(DEVICES):
        facts = DeviceFacts(f"blast-{number:05d}", "blast-1", owner=f"owner-{number}")
        step(state, DeviceChanged(START_MS, facts), Position(2, number))
    rates, encodes = _measured(state, DEVICES, settings, "20 rules")
    return Section(
        "engine",
        "`rules.engine.step` alone in one process, 20 rules of different operators (16 watch the two metrics of each "
        "reading), 10,000 devices, calm readings; and what a checkpoint of them costs.",
        [
            Figure("folded", "events/s", tuple(rates)),
            Figure("time for each event", "µs", tuple(1e6 / rate for rate in rates)),
            Figure("encode one device's state", "µs", tuple(encodes)),
        ],
    )


def with_rules() -> PartitionState:
    """A state in which the twenty rules hold."""
    state = PartitionState.empty()
    step(state, RulesChanged(START_MS, "bench", {"twenty_rules.yaml": RULES}), Position(1, 0))
    return state


def _sizes(settings: Settings) -> Section:
    figures = []
    for total, concerning in SIZES:
        devices = max(10, min(DEVICES, ASKED_AT_MOST // concerning))
        rates, _ = _measured(state_with(rule_files(total, concerning), devices), devices, settings, f"{total} rules")
        name = f"{total:,} rules, {concerning:,} of them about the device and its metrics"
        figures.append(Figure(name, "events/s", tuple(rates)))
    state = state_with(rule_files(100, 100), DEVICES)
    state.calming = False
    rates, _ = _measured(state, DEVICES, settings, "100 rules, all asked")
    figures.append(Figure("100 rules, each of those that watch it asked at each reading", "events/s", tuple(rates)))
    return Section(
        "engine, by the number of rules",
        "The same with rules on the two metrics of each reading (limits, most with hysteresis, one in five with `for`) "
        "and calm readings, which pass no limit: the engine knows the bands within which nothing changes, and asks no "
        "rule. The last line is what it costs with the bands switched off, when a hundred rules are asked. 10,000 "
        "devices, fewer where more than 100 rules concern each.",
        figures,
    )


def _changes(settings: Settings) -> Section:
    """How long a change of rules keeps a partition busy."""
    files = rule_files(10_000, 100)
    other = {**files, "more.yaml": "rules: [{id: new, for_devices: {model: other-9999}, when: {metric: x, above: 1}}]"}
    same = {**files, "more.yaml": "rules: [{id: new, for_devices: {model: blast-1}, when: {metric: x, above: 1}}]"}
    state = state_with(files, DEVICES)
    for device in range(DEVICES):
        step(state, calm_reading(device, 0), Position(3, device))
    took: dict[str, list[float]] = {"unconcerned": [], "concerned": []}
    for run_number in range(settings.runs):
        for name, changed in (("unconcerned", other), ("", files), ("concerned", same), ("", files)):
            event = RulesChanged(START_MS + 5_000 + run_number, name, changed)
            _warm(event)
            started = time.perf_counter()
            step(state, event, Position(4, run_number))
            if name:
                took[name].append(time.perf_counter() - started)
    settings.say(f"rules changed: {took}")
    return Section(
        "change of rules",
        "One rule more among 10,000, on a partition of 10,000 devices that 100 concern; without reading files.",
        [
            Figure("the rule concerns none of the devices", "s", tuple(took["unconcerned"])),
            Figure("the rule concerns all of the devices", "s", tuple(took["concerned"])),
        ],
    )


def _warm(event: RulesChanged) -> None:
    """Have the files read: it happens once per process, and elsewhere before the event is written."""
    step(PartitionState.empty(), event, Position(0, 0))


def _measured(state: PartitionState, devices: int, settings: Settings, what: str) -> tuple[list[float], list[float]]:
    """Events per second, and µs to encode a device's state, of each run."""
    rates: list[float] = []
    encodes: list[float] = []
    rounds = max(2, int(settings.seconds * 40_000 / devices))
    for number in range(settings.runs + 1):
        rate, encode_us = _fold(state, devices, number * rounds, rounds)
        if number:  # the first one is the warm-up
            rates.append(rate)
            encodes.append(encode_us)
            settings.say(f"{what}: {rate:,.0f} events/s, {encode_us:.1f} µs to encode a device's state")
    return rates, encodes


def _fold(state: PartitionState, devices: int, first: int, rounds: int) -> tuple[float, float]:
    events: list[Event] = [calm_reading(device, first + n) for n in range(rounds) for device in range(devices)]
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
