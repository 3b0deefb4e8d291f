"""What comes of putting a message into an inbox. Pure."""

from __future__ import annotations

from notifiers.outcome import Accepted, Outcome, Outgoing, Refused


def outcome_of(message: Outgoing) -> Outcome:
    """Delivered, for the outbox keeps the message itself: to record this outcome is to deliver it."""
    if not message.to.strip() or not message.to.isprintable():
        return Refused("inbox: the address is no customer's id", drop_address=True)
    return Accepted(message.message_id, delivered=True)
