"""Not too often.

Vital messages pass, and the plan's notes say so. An all-clear passes too: whoever heard the alarm is owed its end. A
digest passes the caps of whole contacts, which have made it: there is one a day at most.
"""

from __future__ import annotations

from notifiers.policy.limits import Begun, Cap
from notifiers.policy.reason import Reason, Suppression
from notifiers.policy.request import Contact


def refuse_over_cap(contact: Contact) -> Suppression | None:
    """A cap without a channel is full: the whole contact is refused."""
    return None if _passes(contact) or contact.request.digest else _refused(contact, None)


def refuse_over_channel_cap(contact: Contact, channel: str) -> Suppression | None:
    """A cap of ``channel`` is full: other channels may still be used."""
    return None if _passes(contact) else _refused(contact, channel)


def passed_cap(contact: Contact, channel: str | None) -> str | None:
    """What to say of a vital message that goes out although a cap is full."""
    full = _full(contact, channel) if contact.vital else None
    if full is None:
        return None
    purpose, severity = contact.request.purpose, contact.request.severity
    return f"The frequency cap of {full.cap} is reached; {purpose} of severity {severity} passes it."


def _passes(contact: Contact) -> bool:
    return contact.vital or contact.request.transition == "resolved"


def _refused(contact: Contact, channel: str | None) -> Suppression | None:
    full = _full(contact, channel)
    if full is None:
        return None
    cap, times = full.cap, _within(full, contact.now_ms)
    inputs = {
        "purpose": cap.purpose,
        "channel": cap.channel,
        "at_most": cap.at_most,
        "per_ms": cap.per_ms,
        "begun": len(times),
        "free_at_ms": times[cap.at_most - 1] + cap.per_ms,
        "now_ms": contact.now_ms,
    }
    detail = f"The customer was contacted as often as is allowed: {cap}."
    return Suppression(channel, Reason.FREQUENCY_CAP, detail, inputs)


def _full(contact: Contact, channel: str | None) -> Begun | None:
    """The first full cap of ``channel`` that concerns the request."""
    for begun in contact.history.begun:
        cap = begun.cap
        concerns = cap.channel == channel and cap.purpose in (None, contact.request.purpose)
        if concerns and len(_within(begun, contact.now_ms)) >= cap.at_most:
            return begun
    return None


def _within(begun: Begun, now_ms: int) -> list[int]:
    """The times that still count, newest first. One ahead of ``now_ms`` (another machine's clock) counts."""
    return sorted((at for at in begun.at_ms if at > now_ms - begun.cap.per_ms), reverse=True)


def caps_of(caps: tuple[Cap, ...], purpose: str) -> tuple[Cap, ...]:
    """Those of ``caps`` that concern a contact of ``purpose``: what its history has to know of."""
    return tuple(cap for cap in caps if cap.purpose in (None, purpose))
