"""The state as bytes: msgpack, one part for each device and one that they share; versioned.

A device's part leaves out what its rules say and keeps only what they remember, under the rules' versions.
"""

from __future__ import annotations

from typing import Any

import msgspec

from devices.event import AlertChanged, DeviceFacts, MemberChanged, Millis, StoreFacts
from rules.alert import Episode, Slot
from rules.calm import catch_up_deadlines
from rules.group import Group, Ledger, new_subject
from rules.inhibition import listen
from rules.state import PartitionState, ruleset_of
from rules.subject import LONG_AGO, NEVER, NO_STORES, NOWHERE, Subject

VERSION = 1


class CheckpointError(Exception):
    """Bytes that this version cannot read as a checkpoint."""


class _Slot(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    version: str
    phase: int
    seen: bool
    due: Millis | None
    memory: list[Any]
    firing: Episode | None = None


class _Subject(msgspec.Struct, frozen=True, array_like=True):
    format: int
    facts: DeviceFacts
    last_at: Millis
    heard_at: Millis
    lag: Millis
    samples: dict[str, tuple[Millis, Any]]
    fix: tuple[Millis, float, float, float] | None
    status: tuple[Millis, bool] | None
    inside: dict[str, Millis]
    vague: list[str]
    tracked: bool
    recent: list[str]
    slots: list[_Slot]
    ledgers: list[Ledger] = []
    """The rest: of a group only."""
    waiting: list[MemberChanged] = []
    told: dict[str, str | None] = {}


class _Shared(msgspec.Struct, frozen=True, array_like=True):
    format: int
    now: Millis
    version: str
    files: dict[str, str]
    stores: list[tuple[StoreFacts, Millis]]
    rules_at: Millis = LONG_AGO
    alerts: list[AlertChanged] = []


_encoder = msgspec.msgpack.Encoder()
_subject_decoder = msgspec.msgpack.Decoder(_Subject)
_shared_decoder = msgspec.msgpack.Decoder(_Shared)


def encode_subject(state: PartitionState, device_id: str) -> bytes:
    """One device's part.

    Raises:
        KeyError: the state does not know the device.
    """
    subject = state.subjects[device_id]
    catch_up_deadlines(subject)
    return _encoder.encode(
        _Subject(
            VERSION,
            subject.facts,
            subject.last_at,
            subject.heard_at,
            subject.lag,
            subject.samples,
            subject.fix,
            subject.status,
            subject.inside,
            sorted(subject.vague),
            subject.tracked,
            subject.recent,
            [_pack(slot) for _, slot in subject.slots.everyone()],
            *_pack_group(subject),
        )
    )


def _pack_group(subject: Subject) -> tuple[list[Ledger], list[MemberChanged], dict[str, str | None]]:
    if not isinstance(subject, Group):
        return [], [], {}
    return list(subject.ledgers.values()), list(subject.waiting.values()), subject.told


def _pack(slot: Slot) -> _Slot:
    return _Slot(slot.rule.version, slot.phase, slot.seen, _finite(slot.due), slot.memory, slot.episode)


def _finite(deadline: Millis) -> Millis | None:
    return None if deadline == NEVER else deadline


def restore_subject(state: PartitionState, device_id: str, part: bytes) -> None:
    """Put one device back; ``restore_shared`` comes before.

    Raises:
        CheckpointError: ``part`` is not a device's part of this version, or another device's.
    """
    try:
        packed = _subject_decoder.decode(part)
    except msgspec.DecodeError as error:
        raise CheckpointError(f"the checkpoint of device {device_id} cannot be read: {error}") from error
    if packed.format != VERSION or packed.facts.id != device_id:
        raise CheckpointError(f"the checkpoint of device {device_id} has format {packed.format} of {packed.facts.id}")
    subject = new_subject(packed.facts, state.world, state.plans.plan_for(packed.facts))
    if isinstance(subject, Group):
        subject.restore(packed.ledgers, packed.waiting, packed.told)
    subject.last_at, subject.heard_at, subject.lag = packed.last_at, packed.heard_at, packed.lag
    subject.samples, subject.fix, subject.status = packed.samples, packed.fix, packed.status
    subject.inside, subject.vague, subject.tracked = (
        packed.inside or NOWHERE,
        set(packed.vague) or NO_STORES,
        packed.tracked,
    )
    subject.recent = packed.recent
    _unpack_slots(subject, packed.slots)
    subject.due = min((slot.due for slot in subject.slots.taken.values()), default=NEVER)
    state.subjects[device_id] = subject
    state.schedule(subject)


def _unpack_slots(subject: Subject, packed: list[_Slot]) -> None:
    places = {rule.version: place for place, rule in enumerate(subject.plan.rules)}
    for part in packed:
        place = places.get(part.version)
        if place is None:
            continue
        slot = subject.slots[place] = Slot(subject.plan.rules[place])
        slot.phase, slot.seen, slot.memory = part.phase, part.seen, part.memory
        slot.due = NEVER if part.due is None else part.due
        slot.episode = part.firing
        slot.settle()
        listen(slot, subject)


def encode_shared(state: PartitionState) -> bytes:
    """What the devices share: rule files, stores and our time."""
    world = state.world
    stores = [(store, world.known_since.get(store_id, 0)) for store_id, store in world.stores.items()]
    alerts = list(world.bulletin.words())
    return _encoder.encode(_Shared(VERSION, state.now, state.version, state.files, stores, world.rules_at, alerts))


def restore_shared(part: bytes, now: Millis | None = None) -> PartitionState:
    """A state without devices.

    Args:
        part: from ``encode_shared``.
        now: ``PartitionState.now`` at the checkpoint, where it was kept apart since ``part`` was written earlier.

    Raises:
        CheckpointError: ``part`` is not a shared part of this version.
        RuleErrors: this version no longer accepts the rules in it.
    """
    try:
        packed = _shared_decoder.decode(part)
    except msgspec.DecodeError as error:
        raise CheckpointError(f"the shared checkpoint cannot be read: {error}") from error
    if packed.format != VERSION:
        raise CheckpointError(f"the shared checkpoint has format {packed.format}, this version reads {VERSION}")
    state = PartitionState.empty()
    state.now = packed.now if now is None else max(now, packed.now)
    if packed.files or packed.version:
        state.use(packed.files, packed.version, ruleset_of(packed.files))
    state.world.rules_at = packed.rules_at
    state.world.bulletin.restore(packed.alerts, packed.rules_at)
    for store, since in packed.stores:
        state.world.restore(store, since)
    return state
