"""How a contact ends: answered, refused, given up or tried in vain, and what is said of it.

Everything here runs inside the caller's transaction, which has locked the contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from gateway.delivery import entries, unanswered
from gateway.delivery.metrics import CONTACTS, MESSAGES
from gateway.delivery.unanswered import NotUsed
from gateway.delivery.verdict import judge
from gateway.storage import contacts, history, messages, timeline
from gateway.storage.contacts import Contact
from gateway.storage.messages import Claimed, Standing
from notifiers.policy import Plan, Reason

ESCALATED: Final = "escalated"
"""Reason of a *withdrawn* that had not left when the next channel's turn came."""
_ENDED_FOR: Final = "ended_for"
"""In the context of a contact that was stopped or refused: the reason."""
LOOK_AGAIN = timedelta(days=1)
"""A contact that nothing is expected to move is looked at after this, to be closed."""


def stop(connection: Connection, contact: Contact, reason: str, summary: str, now: datetime, *, state: str) -> None:
    """End a locked contact: nothing more goes out, and what has not left is taken back."""
    if contact.state not in contacts.OPEN:
        return
    end(connection, contact, state, reason=reason)
    taken_back(connection, contact.id, reason, now)
    timeline.add(connection, [entries.of_plan(contact, now, summary, reason=reason, part=reason)])


def overtaken(connection: Connection, contact: Contact, step: int, now: datetime) -> bool:
    """A message of ``step`` was on its way when the contact ended or went on, and is back in the queue: take it back.

    Returns:
        False where it may be tried again.
    """
    present = contact.step - 1
    if contact.state not in contacts.OPEN:
        otherwise = Reason.ACKNOWLEDGED if contact.state == "acknowledged" else Reason.ENDED
        taken_back(connection, contact.id, contact.context.get(_ENDED_FOR) or otherwise.value, now)
    elif step < present:
        taken_back(connection, contact.id, ESCALATED, now, before_step=present)
    else:
        return False
    return True


def taken_back(
    connection: Connection, contact_id: str, reason: str, now: datetime, *, before_step: int | None = None
) -> None:
    """Withdraw the contact's messages (before ``before_step``) that are not on their way, each with its entry."""
    withdrawn = messages.withdraw(connection, contact_id, reason, before_step=before_step)
    note_withdrawn(connection, withdrawn, reason, now)


def note_withdrawn(connection: Connection, withdrawn: Sequence[Claimed], reason: str, now: datetime) -> None:
    """Say of each of ``withdrawn`` that it was taken back, and why."""
    timeline.add(connection, [entries.of_message(each, "withdrawn", now, reason=reason) for each in withdrawn])
    for each in withdrawn:
        MESSAGES.labels(each.channel, "withdrawn").inc()


def refused(
    connection: Connection, contact: Contact, planned: Plan, now: datetime, *, tried: bool, on_record: bool
) -> None:
    """The policy says no now: the contact ends, with the policy's reason on what is taken back."""
    reasons = [no.reason for no in planned.suppressions]
    whole = next((no.reason for no in planned.suppressions if no.channel is None), None)
    reason = whole or (reasons[0] if reasons else Reason.NO_CHANNEL)
    # The policy refuses for the night, rather than to hold, what would expire before the morning.
    late = reason in (Reason.EXPIRED, Reason.QUIET_HOURS)
    state = "expired" if late else "done" if tried and reason is Reason.RECOVERED else "withdrawn"
    end(connection, contact, state, reason=reason.value)
    taken_back(connection, contact.id, reason.value, now)
    summary = "No further message" if tried else "The held message was withdrawn"
    entry = entries.of_plan(
        contact, now, f"{summary}: {reason.value.replace('_', ' ')}", reason=reason.value, part="end"
    )
    timeline.add(connection, [entry])
    if not unanswered.can_be_told(planned.suppressions):
        not_used = unanswered.refused(planned.suppressions)
        unanswered.tell(connection, contact, not_used, now, on_record=on_record)


def time_is_up(
    connection: Connection, contact: Contact, present: Sequence[Standing], not_used: Sequence[NotUsed], now: datetime
) -> None:
    """No channel is left, but the last one may have arrived, and what still waits may yet."""
    last = unanswered.is_wanted(contact)
    if last:
        _nobody_reached(connection, contact, "Every channel was used, and nobody has answered", not_used, now)
    if judge(present, escalates=False, time_is_up=True) == "close":
        end(connection, contact, "exhausted" if last else "done")
    else:
        contacts.change(connection, contact.id, due_at=now + LOOK_AGAIN)


def exhausted(
    connection: Connection,
    contact: Contact,
    standing: Sequence[Standing],
    not_used: Sequence[NotUsed],
    now: datetime,
) -> None:
    """No channel is left to be tried."""
    end(connection, contact, "exhausted")
    tried = {message.channel for message in standing}
    left_out = [no for no in not_used if no.channel not in tried]
    if any(message.state in history.TOLD for message in standing):
        every = "No channel is left" if left_out else "Every channel was used"
        summary = f"{every}; nothing confirms that the customer was reached"
    else:
        every = "what was tried" if left_out else "every channel"
        summary = f"The customer could not be reached: {every} failed"
    if left_out:
        summary = f"{summary}. {unanswered.not_used_in_words(left_out)}"
    _nobody_reached(connection, contact, summary, not_used, now)


def unsent(connection: Connection, contact: Contact, not_used: Sequence[NotUsed], now: datetime) -> None:
    """Nothing could even be queued: no channel has failed, each was refused."""
    end(connection, contact, "withdrawn")
    summary = f"Nothing was sent. {unanswered.not_used_in_words(not_used)}"
    timeline.add(connection, [entries.of_plan(contact, now, summary, reason=not_used[-1].reason, part="end")])
    unanswered.tell(connection, contact, not_used, now)


def end(connection: Connection, contact: Contact, state: str, *, reason: str | None = None) -> None:
    """Nothing is to be done about the contact any more. ``reason``: for what is on its way and may come back."""
    if reason is None:
        contacts.change(connection, contact.id, state=state, due_at=None)
    else:
        context = {**contact.context, _ENDED_FOR: reason}
        contacts.change(connection, contact.id, state=state, due_at=None, context=context)
    CONTACTS.labels(state).inc()


def _nobody_reached(
    connection: Connection, contact: Contact, summary: str, not_used: Sequence[NotUsed], now: datetime
) -> None:
    timeline.add(connection, [entries.of_plan(contact, now, summary, reason="nobody_reached", part="end")])
    unanswered.tell(connection, contact, not_used, now)
