"""What the engine decides: the only thing that leaves the fold besides its state."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, NamedTuple

import msgspec

from devices.event import Derived

Transition = Literal["firing", "repeat", "raised", "lowered", "resolved"]
"""``raised`` and ``lowered``: the severity of an alert that fires went a step up or down."""
Severity = Literal["critical", "major", "minor", "warning", "info"]


class Position(NamedTuple):
    """A place in one partition's log: the record's stream sequence, and the event's index in that record's batch."""

    seq: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


class CaseAction(msgspec.Struct, frozen=True):
    """``then.case``: open a case for a support agent."""

    queue: str = "support"
    priority: str = "normal"


class NotifyAction(msgspec.Struct, frozen=True):
    """``then.notify``: tell the owner. Durations in milliseconds; ``None`` where the rule is silent."""

    template: str
    channels: tuple[str, ...] = ()
    """The rule's channel order; empty means the customer's preference."""
    escalate_after_ms: int | None = None
    expires_after_ms: int | None = None
    holdout_percent: float = 0.0
    link: str = ""
    """Where the message leads, ``{device_id}`` and such not filled in yet; empty: nowhere."""
    offer_code: bool = False
    """Each customer gets a code of their own to redeem."""
    unanswered: CaseAction | None = None
    """The case to open once every channel was used, or none could be, and nobody has answered."""


class Decision(msgspec.Struct, frozen=True):
    """A rule's alert changed state in a way that somebody may have to hear of."""

    id: str
    rule_id: str
    rule_version: str
    subject: str
    """The device id."""
    at: int
    """Event time of the transition, ms."""
    transition: Transition
    alert_id: str
    """The id of the ``firing`` decision that opened this episode (its own id when firing)."""
    severity: Severity
    purpose: str
    position: Position
    customer_id: str | None
    store_id: str | None
    summary: str
    """One plain English sentence with the values that mattered."""
    values: dict[str, Any]
    """The evidence, for templates: metric name to value, plus ``store``, ``device`` and such."""
    explanation: dict[str, Any]
    """The condition tree with, for each node, what it saw and what it concluded."""
    case: CaseAction | None = None
    notify: NotifyAction | None = None
    rule_summary: str = ""
    """The rule's own ``summary``, as its author wrote it; an offer's text."""
    cooldown_ms: int | None = None
    """Contact policy, not alert state: no second contact by this rule to this customer within it."""
    inhibited_by: str | None = None
    """The rule whose alert speaks for this one: nobody is contacted and no case opens while that one fires."""
    late_ms: int | None = None
    """Where the device tells old news: how far it is behind us. Nobody is contacted and no case opens."""
    ended_by: str | None = None
    """Of ``resolved``: who or what ended it where that was not recovery: ``time``, ``withdrawn``, ``passed`` (it was a
    moment only), or a person."""
    snoozed_until: int | None = None
    """Until then (our time, ms) nobody is contacted, since a person said so."""


class Note(msgspec.Struct, frozen=True):
    """Something of note for the customer's timeline that no rule decided upon: a device's event, a change of status."""

    id: str
    at: int
    kind: Literal["event", "status"]
    device_id: str
    customer_id: str
    summary: str
    detail: dict[str, Any]


class Intervention(msgspec.Struct, frozen=True):
    """Whether anybody is to hear of an alert that goes on has changed, and no decision says so.

    A person's word took effect (one who ends it makes a ``resolved`` decision), or another rule's alert speaks for it
    from now on (``inhibit``), or no longer does (``release``). ``at`` is our time, ms.
    """

    id: str
    at: int
    action: Literal["acknowledge", "snooze", "inhibit", "release"]
    by: str
    """The person, or the other rule."""
    alert_id: str
    rule_id: str
    subject: str
    customer_id: str | None
    until: int | None = None
    """Of ``snooze``: our time, ms."""


class Derivation(msgspec.Struct, frozen=True):
    """An event that follows from another one, for another partition's log. Appending it twice changes nothing."""

    id: str
    """Made from its cause."""
    event: Derived
    key: str | None
    """The partition key; ``None``: every partition."""


class Fault(msgspec.Struct, frozen=True):
    """A rule raised on an event. The event is set aside for that rule, the fold goes on."""

    rule_id: str
    subject: str
    position: Position
    error: str
    trace: str


Outcome = Decision | Note | Fault | Derivation | Intervention


def derived_id(prefix: str, *parts: object) -> str:
    """A stable id from what caused it: the same parts always give the same id (128 bits of BLAKE2b)."""
    text = "\x1f".join(str(part) for part in parts)
    return f"{prefix}_{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"
