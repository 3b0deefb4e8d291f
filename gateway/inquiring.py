"""Asking why a rule did not fire: what the log and the database know of one device, brought to the pure inquiry.

Where the newest checkpoint lies before the moment that is asked about, the replay goes on from it and is quick.
Otherwise the device's partition is read from the log's beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import structlog
from sqlalchemy import Engine

from devices.concerning import concerning
from devices.event import DeviceChanged, Event, Millis, RulesChanged, StoreChanged
from devices.partition import partition_of
from gateway.log import Record
from gateway.storage import checkpoints, inquiries, rule_sets
from gateway.storage.checkpoints import Checkpoint
from gateway.storage.inquiries import Aftermath, Registered
from rules.checkpoint import CheckpointError, restore_shared, restore_subject
from rules.decision import Position
from rules.inquiry import Inquiry, Replay
from rules.problem import RuleErrors
from rules.state import PartitionState, ruleset_of

log = structlog.get_logger()

BREATH = 8
"""Records that are folded at a stretch."""

Progress = Callable[[int, int], None]
"""Records read, records in all."""


class History(Protocol):
    """What is wanted of the event log (``gateway.log.EventLog``)."""

    def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        """Yield a partition's records up to its present end."""
        ...

    async def first_seq(self) -> int:
        """Find the oldest sequence that the log still keeps."""
        ...


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said about the rule and the device at the moment."""

    inquiry: Inquiry
    begins_at: Millis | None = None
    """Where what was known before is missing: since when the log reaches back."""
    registered: Registered
    aftermath: Aftermath

    @property
    def rule_known(self) -> bool:
        """Whether the rule held then or holds now."""
        return self.inquiry.rule_version is not None or self.inquiry.rule_id in self.rules_now

    @property
    def device_known(self) -> bool:
        """Whether anything is known of the device, then or now."""
        return self.registered.device is not None or self.inquiry.device_known or bool(self.aftermath.transitions)

    @property
    def rules_now(self) -> tuple[str, ...]:
        """The ids of the rules that hold at present."""
        if self.registered.rules is None:
            return ()
        try:
            return tuple(rule.id for rule in ruleset_of(self.registered.rules.files).rules)
        except RuleErrors:  # an earlier version of Kizashi took them
            return ()


async def ask(
    engine: Engine,
    history: History,
    partitions: int,
    rule_id: str,
    device_id: str,
    at: Millis,
    progress: Progress = lambda _done, _total: None,
) -> Answer:
    """What the rule made of the device at ``at``, and what became of it.

    Raises:
        LogError: the log does not answer.
        SQLAlchemyError: the database does not.
    """
    partition = partition_of(device_id, partitions)
    checkpoint, registered = await asyncio.to_thread(_known, engine, partition, device_id)
    state = _state_before(checkpoint, device_id, at)
    replay = Replay(device_id, at, state)
    begins_at = None
    async with contextlib.aclosing(history.read_raw(partition, 0 if state is None else checkpoint.seq)) as records:
        if state is None and await history.first_seq() > 1:
            begins_at = await _begin_late(engine, replay, registered, records)
        await _feed(replay, records, progress)
    inquiry = replay.inquiry(rule_id)
    if begins_at is not None and begins_at > at:
        inquiry = msgspec.structs.replace(inquiry, verdict="too_long_ago")
    aftermath = await asyncio.to_thread(_aftermath, engine, inquiry)
    return Answer(inquiry=inquiry, begins_at=begins_at, registered=registered, aftermath=aftermath)


def _known(engine: Engine, partition: int, device_id: str) -> tuple[Checkpoint, Registered]:
    with engine.connect() as connection:
        return checkpoints.load_subject(connection, partition, device_id), inquiries.registered(connection, device_id)


def _aftermath(engine: Engine, inquiry: Inquiry) -> Aftermath:
    with engine.connect() as connection:
        return inquiries.aftermath(connection, inquiry.rule_id, inquiry.device_id, inquiry.at)


def _state_before(checkpoint: Checkpoint, device_id: str, at: Millis) -> PartitionState | None:
    """The checkpoint's state of the device, if nothing in it is later than the moment."""
    if checkpoint.shared is None:
        return None
    try:
        state = restore_shared(checkpoint.shared, checkpoint.clock)
        for subject, part in checkpoint.subjects.items():
            restore_subject(state, subject, part)
    except (CheckpointError, RuleErrors) as error:
        log.warning("inquiry.checkpoint_unreadable", error=str(error).splitlines()[0])
        return None
    device = state.subjects.get(device_id)
    lag, last_at = (0, state.now) if device is None else (device.lag, device.last_at)
    return state if state.now <= at + lag and last_at <= at else None


async def _begin_late(
    engine: Engine, replay: Replay, registered: Registered, records: AsyncIterator[list[Record]]
) -> Millis | None:
    """The log's beginning is gone: begin with what the registry says and with the first records; their time."""
    first = await anext(records, None)
    if first is None:
        return None
    begins_at = first[0].at
    for event in await asyncio.to_thread(_from_registry, engine, registered, begins_at):
        replay.take(event, Position(0, 0))
    for record in first:
        _take(replay, record)
    return begins_at


def _from_registry(engine: Engine, registered: Registered, at: Millis) -> list[Event]:
    """What the log no longer says: the rules that held then, the stores and the device as they are now."""
    with engine.connect() as connection:
        held = rule_sets.held_at(connection, datetime.fromtimestamp(at / 1000, UTC))
    events: list[Event] = [StoreChanged(at, store) for store in registered.stores]
    if held is not None:
        events.append(RulesChanged(at, held.version, held.files))
    if registered.device is not None:
        events.append(DeviceChanged(at, registered.device))
    return events


async def _feed(replay: Replay, arriving: AsyncIterator[list[Record]], progress: Progress) -> None:
    """Give the replay what concerns its device until it has enough."""
    done = 0
    async for records in arriving:
        for record in records:
            done += 1
            if not _take(replay, record):
                return
            if done % BREATH == 0:
                await asyncio.sleep(0)  # the loop serves others too
        progress(done, done + records[-1].pending if records else done)


def _take(replay: Replay, record: Record) -> bool:
    try:
        found = concerning(record.data, replay.device_id)
    except msgspec.DecodeError:
        return True  # the worker has set it aside
    return all(replay.take(event, Position(record.seq, index)) for index, event in found)


def utc_ms() -> Millis:
    """Now."""
    return int(datetime.now(UTC).timestamp() * 1000)
