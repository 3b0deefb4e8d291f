"""A backtest from its parts: the past, the registry, the candidate and the live rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.event import Event, Millis
from gateway.past.past import Past, PastError
from gateway.past.registry import NOTHING, Registry
from rules.backtest import Backtest, Report
from rules.rule import Ruleset

Heard = Callable[[float, int], bool]
"""Told how much is read (0 to 1) and how many events that were; answers whether to go on."""


class StoppedError(Exception):
    """Whoever listened wanted no more."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried."""

    candidate: Ruleset
    live: Ruleset | None = None
    wanted: frozenset[str] | None = None
    """Ids of the rules to report on; ``None``: all."""
    registry: Registry = NOTHING


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it."""

    report: Report
    remarks: tuple[str, ...]
    """What to know before believing it."""
    set_aside: int
    """Lines or records that could not be read."""


def run(trial: Trial, past: Past, heard: Heard = lambda _progress, _events: True) -> Tried:
    """Feed the whole ``past`` to a backtest. Blocks; memory stays bounded.

    Raises:
        PastError: the past can't be read, or is empty.
        StoppedError: ``heard`` said so.
    """
    backtest = Backtest(
        trial.candidate, trial.live, wanted=trial.wanted, partitions=past.partitions, makes_ticks=past.makes_ticks
    )
    begun = False
    for chunk in past.chunks():
        if not begun and chunk.events:
            begun = True
            known = NOTHING if past.whole else trial.registry
            backtest.register(_beginning(chunk.events), known.devices, known.stores)
        backtest.feed(chunk.partition, chunk.seq, chunk.events)
        if not heard(chunk.progress, backtest.events):
            raise StoppedError
    report = backtest.report()
    if not report.events:
        raise PastError("there are no events in that time: ask for a longer one")
    return Tried(report, _remarks(past, backtest), past.set_aside.count)


def _beginning(events: list[Event]) -> Millis:
    """Before the first event, so that what the registry says is known by then."""
    return min(event.at for event in events) - 1


def _remarks(past: Past, backtest: Backtest) -> tuple[str, ...]:
    found = [*past.remarks, *past.set_aside.notes]
    if past.set_aside.count > len(past.set_aside.notes):
        found.append(f"and {past.set_aside.count - len(past.set_aside.notes)} more lines that can't be used")
    found += [f"{rule_id} concerns none of the devices: it wants {part}" for rule_id, part in backtest.idle_rules()]
    return tuple(found)
