"""Sending a message again because a person says so: one that has failed, or of which nobody can say what became of it.

It keeps its identity, so that a provider or a telephone that can tell a repeat does. The contact policy is asked anew:
a person may overrule a provider's failure, not a customer's word.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from gateway.delivery import endings, entries, reach, spending, steps
from gateway.delivery.metrics import MESSAGES
from gateway.delivery.providers import ASKED
from gateway.storage import contacts, messages, messages_read, timeline, turns, wake
from gateway.storage.contacts import Contact
from gateway.storage.messages import Claimed
from notifiers.policy import ContactRequest, Plan, PolicySettings, is_vital

ENDS = {
    "withdrawn": "it was withdrawn: its reason is gone",
    "expired": "what it says is out of date",
    "acknowledged": "the customer has answered already",
}
"""States of a contact after which its messages are not sent again."""


class NotResendableError(Exception):
    """The message can't be sent again; the text says why, for a person."""


def resend(connection: Connection, message_id: str, *, by: str, policy: PolicySettings, now: datetime) -> bool:
    """Queue the message once more in the caller's transaction; false where there is no such message.

    Args:
        connection: the caller commits.
        message_id: which.
        by: who wants it, for the timeline.
        policy: the operator's choices, asked again.
        now: the present, UTC.

    Raises:
        NotResendableError: it is not at an end, has reached somebody or lost its point, or the policy says no now.
    """
    found = messages.get(connection, message_id)
    if found is not None:
        turns.take(connection, [found.customer_id])  # before the contact is locked, never after
    contact = None if found is None else contacts.lock(connection, found.contact_id)
    message = messages.get(connection, message_id)  # as it stands behind the lock
    if contact is None or message is None:
        return False
    if message.expires_at is not None and message.expires_at <= now:
        raise NotResendableError(f"it was worth something until {message.expires_at:%Y-%m-%d %H:%M} UTC only")
    if not message.address:
        raise NotResendableError("its text and address are not kept any more (retention.message_texts)")
    if contact.state in ENDS:
        raise NotResendableError(ENDS[contact.state])
    _refuse_indistinguishable(connection, message)
    customer = reach.load(connection, message.customer_id)
    planned = steps.plan_again(connection, contact, customer, policy, now)
    _ask_policy(planned, message)
    quiet_from = None if planned.quiet_from_ms is None else timeline.moment(planned.quiet_from_ms)
    if not messages.requeue(connection, message_id, quiet_from):
        raise NotResendableError("it is not at an end: only what has failed for good is sent again")
    _pay(connection, contact, message, policy, now)
    _reopen(connection, contact, now)
    timeline.add(connection, [_entry(message, by, now)])
    MESSAGES.labels(message.channel, "queued").inc()
    wake.notify(connection, wake.OUTBOX)
    return True


def _pay(connection: Connection, contact: Contact, message: Claimed, policy: PolicySettings, now: datetime) -> None:
    """It costs once more."""
    vital = is_vital(msgspec.convert(contact.request, ContactRequest), policy)
    no = spending.take(connection, [message], policy.money, vital=vital, now=now)
    if no is not None:
        raise NotResendableError(no.detail)
    spending.charge(connection, [message], policy.money, now)


def _refuse_indistinguishable(connection: Connection, message: Claimed) -> None:
    standing = messages_read.get(connection, message.id)
    if standing is not None and standing.state == "unknown" and message.channel in ASKED:
        raise NotResendableError(
            "nobody can say whether it went out, and a second one could not be told from the first"
        )


def _ask_policy(planned: Plan, message: Claimed) -> None:
    """Refuse what the policy refuses now.

    Raises:
        NotResendableError: with the policy's own sentence.
    """
    for no in planned.suppressions:
        if no.channel in (None, message.channel):
            raise NotResendableError(f"the contact policy says no: {no.detail}")
    if planned.hold_until_ms is not None:
        until = timeline.moment(planned.hold_until_ms)
        raise NotResendableError(f"the customer's quiet hours last until {until:%Y-%m-%d %H:%M} UTC")
    addresses = {address for step in planned.steps if step.channel == message.channel for address in step.addresses}
    if message.address not in addresses:
        raise NotResendableError("its address is not one of the customer's any more")


def _reopen(connection: Connection, contact: Contact, now: datetime) -> None:
    """A contact that had ended is open again, so that what recovers meanwhile takes the message back."""
    if contact.state not in contacts.OPEN:
        contacts.change(connection, contact.id, state="active", due_at=now + endings.LOOK_AGAIN)


def _entry(message: Claimed, by: str, now: datetime) -> timeline.Entry:
    entry = entries.of_message(message, "queued", now, detail={"by": by})
    summary = f"{entries.named(message.channel)} sent again by {by}"
    return msgspec.structs.replace(entry, id=f"{message.id}:resent:{message.attempts}", summary=summary)
