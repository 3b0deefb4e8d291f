"""What delivery writes onto the customer's timeline. Ids come from what caused the entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.storage.contacts import Contact
from gateway.storage.messages import Claimed, New
from gateway.storage.timeline import Entry
from notifiers import channel_names
from notifiers.policy import Suppression
from rules.decision import derived_id

_SAID = {
    "queued": "{channel} queued: {title}",
    "accepted": "{channel} accepted by the provider",
    "delivered": "{channel} delivered",
    "read": "{channel} read",
    "clicked": "{channel}: a link was followed",
    "failed": "{channel} failed: {reason}",
    "unknown": "{channel}: no answer came back from the provider, it may have been sent",
    "expired": "{channel} expired before it could be sent",
    "withdrawn": "{channel} withdrawn: {reason}",
}


def named(channel: str) -> str:
    """A message by the channel, as a person calls it."""
    return "Inbox message" if channel == "inbox" else channel_names.named(channel)


def within(channel: str) -> str:
    """The same in the middle of a sentence."""
    return channel_names.lowered(named(channel))


def of_message(
    message: Claimed | New,
    state: str,
    at: datetime,
    *,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Entry:
    """A message came into ``state``. One entry for each state and try."""
    title = message.title or message.body
    summary = _SAID[state].format(
        channel=named(message.channel), title=_short(title), reason=reason or "no reason given"
    )
    return Entry(
        id=f"{message.id}:{state}:{message.attempts}",
        customer_id=message.customer_id,
        at=at,
        kind="message",
        summary=summary,
        channel=message.channel,
        direction="out",
        decision_id=message.decision_id,
        message_id=message.id,
        reason=reason,
        detail={"state": state, "step": message.step, "attempts": message.attempts, **(detail or {})},
    )


def of_retry(message: Claimed, at: datetime, reason: str, delay_s: float) -> Entry:
    """A message will be tried again."""
    return Entry(
        id=f"{message.id}:retry:{message.attempts}",
        customer_id=message.customer_id,
        at=at,
        kind="message",
        summary=f"{named(message.channel)} not sent yet ({reason}); next try in {_span(delay_s)}",
        channel=message.channel,
        direction="out",
        decision_id=message.decision_id,
        message_id=message.id,
        reason=reason,
        detail={"state": "queued", "attempts": message.attempts, "delay_s": round(delay_s, 3)},
    )


def of_plan(contact: Contact, at: datetime, summary: str, *, reason: str | None = None, part: str = "plan") -> Entry:
    """What was decided about a contact. ``part`` tells the entries of one contact apart."""
    return Entry(
        id=derived_id("t", contact.id, part),
        customer_id=contact.customer_id,
        at=at,
        kind="decision",
        summary=summary,
        device_id=contact.request["device_id"],
        rule_id=contact.rule_id,
        decision_id=contact.decision_id,
        reason=reason,
        detail={"steps": contact.steps, "rule_version": contact.context.get("rule_version", "")},
    )


def of_suppression(
    *,
    customer_id: str,
    request: Mapping[str, Any],
    rule_version: str,
    no: Suppression,
    at: datetime,
    held: bool = False,
) -> Entry:
    """A "no" of the contact policy, or why it waits (``held``): that once for each night, and each other alert."""
    until = (True, no.inputs.get("hold_until_ms", no.inputs.get("since_ms"))) if held else (False,)
    return Entry(
        id=derived_id(
            "t", request["decision_id"], customer_id, "suppression", no.channel or "", no.reason.value, *until
        ),
        customer_id=customer_id,
        at=at,
        kind="suppression",
        summary=no.detail,
        channel=no.channel,
        device_id=request["device_id"],
        rule_id=request["rule_id"],
        decision_id=request["decision_id"],
        reason=no.reason.value,
        detail={
            "inputs": no.inputs,
            "rule_version": rule_version,
            "purpose": request["purpose"],
            "transition": request["transition"],
            "held": held,
        },
    )


def of_note(customer_id: str, at: datetime, summary: str, *cause: str, channel: str, message_id: str | None) -> Entry:
    """Something about how the customer can be reached has changed. ``cause`` makes the id."""
    return Entry(
        id=derived_id("t", customer_id, *cause),
        customer_id=customer_id,
        at=at,
        kind="note",
        summary=summary,
        channel=channel,
        message_id=message_id,
        reason=cause[0],
    )


def with_detail(entry: Entry, detail: dict[str, Any]) -> Entry:
    """``entry`` with its evidence."""
    return msgspec.structs.replace(entry, detail=detail)


def in_words(channels: list[str], escalate_after_ms: int | None) -> str:
    """``To be told by push, then SMS, then email; next after 15 min without an answer``."""
    spoken = "To be told by " + ", then ".join(channel_names.within(channel) for channel in channels)
    if len(channels) < 2:  # noqa: PLR2004 a single channel has no next
        return spoken
    wait = f"next after {_span(escalate_after_ms / 1000)} without an answer" if escalate_after_ms else "next on failure"
    return f"{spoken}; {wait}"


def _span(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"  # noqa: PLR2004


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else line[:119] + "…"  # noqa: PLR2004
