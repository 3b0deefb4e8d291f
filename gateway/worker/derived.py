"""What follows from an event for other partitions: appended to their logs before any checkpoint covers its cause.

A worker that ends in between leaves the checkpoint behind the cause. The next owner folds the cause again, makes the
same derivations and appends them again: the log stores them once while it remembers their name, and after that the
group that hears a word twice knows it. So none is lost, and one too many is harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import Counter

from devices.partition import partition_of
from gateway.log import EventLog
from rules.decision import Derivation, Outcome, derived_id

DERIVED = Counter("kizashi_events_derived", "Events that followed from others, appended for other partitions")


def told_apart(outcomes: Iterable[Outcome]) -> tuple[list[Derivation], tuple[Outcome, ...]]:
    """What is for the log, and what is for the database."""
    derived: list[Derivation] = []
    rest: list[Outcome] = []
    for outcome in outcomes:
        if isinstance(outcome, Derivation):
            derived.append(outcome)
        else:
            rest.append(outcome)
    return derived, tuple(rest)


def by_partition(derived: Iterable[Derivation], partitions: int) -> Mapping[int, Sequence[Derivation]]:
    """To which partitions they go, in their order: to that of their key, or to all."""
    found: dict[int, list[Derivation]] = {}
    for derivation in derived:
        everywhere = derivation.key is None
        for number in range(partitions) if everywhere else (partition_of(derivation.key or "", partitions),):
            found.setdefault(number, []).append(derivation)
    return found


async def append(event_log: EventLog, partitions: int, derived: Sequence[Derivation]) -> None:
    """Return once the log has all of them; while it is away, wait.

    Raises:
        LogError: the log failed for good.
    """
    parts = by_partition(derived, partitions)
    async with asyncio.TaskGroup() as tasks:
        for number, part in parts.items():
            name = derived_id("b", number, *(derivation.id for derivation in part))
            events = [derivation.event for derivation in part]
            tasks.create_task(event_log.append(number, list(events), message_id=name))
    DERIVED.inc(len(derived))
