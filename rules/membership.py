"""A device's side of a group: where a part of a group condition begins or ends to hold there, its group is told.

A part is an alert like others (first sight, timers, going on under a new version of its rule), but for what follows.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from devices.event import MemberChanged, Millis
from rules.alert import FIRING, INACTIVE, Episode, Slot
from rules.decision import Derivation, Outcome, Position, derived_id
from rules.group import group_of
from rules.rule import Membership
from rules.subject import Subject

MAX_VALUES = 10


def join(
    slot: Slot, membership: Membership, subject: Subject, at: Millis, position: Position, out: list[Outcome]
) -> None:
    """It holds from now on. The episode's id is the group that was told, empty where the device belongs to none."""
    group = group_of(subject.facts, membership.by)
    slot.phase = FIRING
    slot.episode = Episode(slot.rule.id, group, at, None)
    _tell(slot, membership, subject, at, position, out, holds=True)


def leave(
    slot: Slot, membership: Membership, subject: Subject, at: Millis, position: Position, out: list[Outcome],
    *, gone: bool = False,
) -> None:  # fmt: skip
    """It no longer holds. ``gone``: the device is no member any more, whatever holds there."""
    _tell(slot, membership, subject, at, position, out, holds=None if gone else False)
    slot.phase = INACTIVE
    slot.episode = None


def rejoin(subject: Subject, renewed: Container[int], at: Millis, position: Position, out: list[Outcome]) -> None:
    """After a change of the device or of the rules: tell the groups of which it is a member now.

    ``renewed`` are the places in the plan whose part is to be told again, though the group is the same.
    """
    for place, slot in subject.slots.items():
        membership = slot.rule.member_of
        if membership is None or slot.episode is None:
            continue
        group = group_of(subject.facts, membership.by)
        if group == slot.episode.alert_id and place not in renewed:
            continue
        since = slot.episode.since
        if group != slot.episode.alert_id:
            leave(slot, membership, subject, at, position, out, gone=True)
        join(slot, membership, subject, at, position, out)
        slot.episode.since = since


def _tell(
    slot: Slot, membership: Membership, subject: Subject, at: Millis, position: Position, out: list[Outcome],
    *, holds: bool | None,
) -> None:  # fmt: skip
    group = slot.alert_id
    if not group:
        return
    order = slot.next_order(position)
    event = MemberChanged(
        device_id=group,
        at=at,
        received_at=at + subject.lag,
        rule_id=membership.rule_id,
        rule_version=membership.rule_version,
        member=subject.id,
        holds=holds,
        owner=subject.facts.owner,
        values=_values(slot, subject) if holds else {},
        part=membership.part,
        order=order,
        rules_at=subject.world.rules_at,
    )
    made_of = (membership.rule_id, membership.part, group, subject.id, *order)
    out.append(Derivation(derived_id("m", *made_of), event, group))


def _values(slot: Slot, subject: Subject) -> dict[str, Any]:
    samples = subject.samples
    return {name: samples[name][1] for name in slot.rule.metrics[:MAX_VALUES] if name in samples}
