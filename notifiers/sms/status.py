"""What Twilio's status callbacks say, in our words, and in an order that never goes backwards.

Callbacks come late, twice and in any order. Each status has a rank: a message takes a status only if its rank is higher
than what it has. Evidence of delivery outranks a failure, for it is the stronger fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

State = Literal["accepted", "delivered", "read", "failed"]


class Meaning(msgspec.Struct, frozen=True):
    """What an error code of a failed message asks for."""

    reason: str
    opted_out: bool = False
    drop_address: bool = False
    alarm: bool = False
    may_repeat: bool = False


class StatusUpdate(msgspec.Struct, frozen=True):
    """One callback, read."""

    state: State
    rank: int
    """Apply only where higher than the message's present rank."""
    provider_id: str
    provider_status: str
    reason: str = ""
    opted_out: bool = False
    drop_address: bool = False
    alarm: bool = False
    may_repeat: bool = False
    """It did not reach the phone, for a passing cause: sending again is safe."""


STATES: dict[str, tuple[State, int]] = {
    "accepted": ("accepted", 10),
    "scheduled": ("accepted", 11),
    "queued": ("accepted", 12),
    "sending": ("accepted", 13),
    "sent": ("accepted", 14),
    "canceled": ("failed", 20),
    "failed": ("failed", 20),
    "undelivered": ("failed", 20),
    "partially_delivered": ("delivered", 30),
    "delivered": ("delivered", 31),
    "read": ("read", 40),
}
"""Twilio's ``MessageStatus`` to our state and its rank."""

MEANINGS: dict[int, Meaning] = {
    21610: Meaning("opted out", opted_out=True),
    30001: Meaning("queue overflow", may_repeat=True),
    30002: Meaning("account suspended", alarm=True),
    30003: Meaning("unreachable", may_repeat=True),
    30004: Meaning("blocked", opted_out=True),
    30005: Meaning("unknown number", drop_address=True),
    30006: Meaning("landline or unreachable operator", drop_address=True),
    30007: Meaning("filtered as spam", alarm=True),
    30008: Meaning("unknown error", may_repeat=True),
    30034: Meaning("sender not registered", alarm=True),
    30036: Meaning("validity period expired"),
}
"""Error codes that come with ``failed`` and ``undelivered``."""


def read_status(fields: Mapping[str, str]) -> StatusUpdate | None:
    """Read a callback's form fields; ``None`` for a status that is no message of ours or not known."""
    status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
    known = STATES.get(status)
    if known is None:
        return None
    state, rank = known
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if state != "failed":
        return StatusUpdate(state, rank, sid, status)
    meaning = _meaning(fields.get("ErrorCode", ""), status)
    return StatusUpdate(
        state,
        rank,
        sid,
        status,
        reason=meaning.reason,
        opted_out=meaning.opted_out,
        drop_address=meaning.drop_address,
        alarm=meaning.alarm,
        may_repeat=meaning.may_repeat,
    )


def _meaning(code: str, status: str) -> Meaning:
    number = int(code) if code.isascii() and code.isdigit() and len(code) <= len("99999") else 0
    known = MEANINGS.get(number)
    if known is not None:
        return msgspec.structs.replace(known, reason=f"twilio {number}: {known.reason}")
    return Meaning(f"twilio {number or status}")
