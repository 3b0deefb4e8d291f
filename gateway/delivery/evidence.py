"""What comes back from outside: receipts, the app's acknowledgement, replies, unsubscribing. All monotonic, all once.

Only what a person or their app did stops an escalation: the app's acknowledgement of a push, a reply to an SMS, a link
that was followed. A receipt of the network (SMS *delivered*) is on the record, but a telephone in a drawer gives it
too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import Connection, select

from gateway.delivery import endings, entries, reach, settlement, steps, unanswered
from gateway.delivery.metrics import CONTACTS, MESSAGES
from gateway.storage import case_replies, consents, contacts, inbox, messages, receipts, timeline
from gateway.storage.contacts import Contact
from gateway.storage.messages import Claimed
from gateway.storage.tables import timeline as entry_table
from notifiers.email.reports import Report
from notifiers.sms.inbound import Keyword, keyword
from notifiers.sms.status import StatusUpdate
from rules.decision import derived_id

log = structlog.get_logger()

PushEvent = Literal["delivered", "opened"]
_PUSH_STATES = {"delivered": "delivered", "opened": "read"}
PUSHED = {"push": "app", "webpush": "browser"}
"""The channels whose messages are acknowledged, and by whom."""
MAIL_STATUS = {"failed": "bounced", "delayed": "delayed", "delivered": "delivered", "complaint": "complained"}
_MAX_QUOTE = 1_000


def sms_status(
    connection: Connection,
    message_id: str,
    update: StatusUpdate,
    fields: Mapping[str, str],
    now: datetime,
    *,
    provider: str = "twilio",
) -> bool:
    """Apply one of Twilio's status callbacks; false where there is no such message.

    Repeats change nothing, and a late one never takes a message backwards. ``provider``: whose account signed it.
    """
    contact = contacts.lock_of_message(connection, message_id)
    message = messages.get(connection, message_id)
    if contact is None or message is None or message.channel != "sms":
        return False
    detail = {name: fields[name] for name in ("ErrorCode", "To", "From") if name in fields}
    if not receipts.add(
        connection, message_id, provider_id=update.provider_id, status=update.provider_status, detail=detail
    ):
        return True
    said = update.provider_status + (f" ({update.reason})" if update.reason else "")
    _note_receipt(connection, message, update.provider_status, f"SMS {said}", now, provider_id=update.provider_id)
    if _advance(connection, message, update.state, update.reason or None, update.provider_id, now):
        if update.state == "failed":
            steps.step_failed(connection, message.contact_id, message.step)
        elif update.state == "read":
            _acknowledge(connection, contact, "The SMS was read", now)
    settlement.consequences(
        connection,
        message,
        provider,
        now,
        reason=update.reason,
        drop_address=update.drop_address,
        opted_out=update.opted_out,
        alarmed=update.alarm,
    )
    return True


def push_ack(connection: Connection, message_id: str, event: PushEvent, now: datetime) -> bool:
    """The app, or a service worker, has the message, or a person opened it; false where there is no such message."""
    contact = contacts.lock_of_message(connection, message_id)
    message = messages.get(connection, message_id)
    if contact is None or message is None or message.channel not in PUSHED:
        return False
    if not receipts.add(connection, message_id, provider_id="app", status=event, detail={}):
        return True
    pushed = entries.named(message.channel)
    _note_receipt(connection, message, event, f"{pushed} {event}, says the {PUSHED[message.channel]}", now)
    _advance(connection, message, _PUSH_STATES[event], None, None, now)
    _acknowledge(connection, contact, f"The {pushed.lower()} was {event}", now)
    return True


def click(connection: Connection, message_id: str, now: datetime) -> bool:
    """A person has followed the message's link; false where the message is gone. Again changes nothing."""
    contact = contacts.lock_of_message(connection, message_id)
    message = messages.get(connection, message_id)
    if contact is None or message is None:
        return False
    if not receipts.add(connection, message_id, provider_id="link", status="clicked", detail={}):
        return True
    summary = f"The link in the {entries.within(message.channel)} was followed"
    _note_receipt(connection, message, "clicked", summary, now, provider_id="link")
    _advance(connection, message, "clicked", None, None, now)
    _acknowledge(connection, contact, summary, now)
    return True


def inbox_read(connection: Connection, customer_id: str, message_id: str, now: datetime) -> bool:
    """The customer has read a message in the app's inbox; false where that inbox has none of this id."""
    if inbox.get(connection, customer_id, message_id) is None:
        return False
    contact = contacts.lock_of_message(connection, message_id)
    message = messages.get(connection, message_id)
    if contact is None or message is None:
        return False
    if not receipts.add(connection, message_id, provider_id="app", status="read", detail={}):
        return True
    _note_receipt(connection, message, "read", "Inbox message read, says the app", now)
    _advance(connection, message, "read", None, None, now)
    _acknowledge(connection, contact, "The inbox message was read", now)
    return True


def mail_report(connection: Connection, message_id: str, report: Report, now: datetime) -> bool:
    """Apply what came back for a mail; false where there is no such mail. Again changes nothing.

    A mail that was read or clicked stays so. A complaint proves that it arrived.
    """
    contact = contacts.lock_of_message(connection, message_id)
    message = messages.get(connection, message_id)
    if contact is None or message is None or message.channel != "email":
        return False
    detail = {"status": report.status, "diagnostic": report.diagnostic}
    status = MAIL_STATUS[report.kind]
    # By the try: a mail that a person has sent again may come back again.
    reporter = f"mail {message.attempts}"
    if not receipts.add(connection, message_id, provider_id=reporter, status=status, detail=detail):
        return True
    said = f" ({report.status})" if report.status else ""
    _note_receipt(connection, message, status, f"Email {status}{said}", now, provider_id=reporter)
    if report.kind == "failed":
        _bounced(connection, message, report, now)
    elif report.kind in ("delivered", "complaint"):
        _advance(connection, message, "delivered", None, None, now)
    if report.kind == "complaint":
        _complained(connection, message, report, now)
    return True


def _bounced(connection: Connection, message: Claimed, report: Report, now: datetime) -> None:
    if not _advance(connection, message, "failed", "bounced", None, now):
        return
    if report.address_is_dead:
        reach.mark_bad(
            connection,
            message.customer_id,
            message.channel,
            message.address,
            reason=f"bounced ({report.status})",
            message_id=message.id,
            at=now,
        )
    steps.step_failed(connection, message.contact_id, message.step)


def _complained(connection: Connection, message: Claimed, report: Report, now: datetime) -> None:
    """They called it spam: no offers by email any more, nor mails of the purpose that annoyed them (safety stays)."""
    if reach.load(connection, message.customer_id) is None:
        return
    purposes = [purpose for purpose in dict.fromkeys(("offers", message.purpose)) if purpose != "safety"]
    for purpose in purposes:
        source = f"spam complaint ({report.status}, {message.id})"
        consents.withdraw(connection, message.customer_id, purpose=purpose, channel="email", source=source)
    reply = timeline.Entry(
        id=derived_id("t", message.id, "complained"),
        customer_id=message.customer_id,
        at=now,
        kind="reply",
        summary=f"Reported the email as spam: unsubscribed from {' and '.join(purposes)} by email",
        channel="email",
        direction="in",
        message_id=message.id,
        reason="complained",
        detail={"purposes": purposes, "feedback_type": report.status, "reporter": report.diagnostic},
    )
    timeline.add(connection, [reply])


def unsubscribe(connection: Connection, customer_id: str, purpose: str, channel: str, now: datetime) -> bool:
    """The customer follows an unsubscribe link; false where that customer is gone. Again changes nothing."""
    if reach.load(connection, customer_id) is None:
        return False
    consents.withdraw(connection, customer_id, purpose=purpose, channel=channel, source="unsubscribe link")
    summary = f"Unsubscribed from {purpose} by {entries.within(channel)}"
    reply = timeline.Entry(
        id=derived_id("t", customer_id, "unsubscribed", purpose, channel, now.date()),
        customer_id=customer_id,
        at=now,
        kind="reply",
        summary=summary,
        channel=channel,
        direction="in",
        reason="unsubscribed",
        detail={"purpose": purpose, "source": "unsubscribe link"},
    )
    timeline.add(connection, [reply])
    return True


def senders(connection: Connection, number: str) -> list[str]:
    """Who writes from ``number``: a family may share one."""
    return reach.with_number(connection, number)


def inbound_sms(connection: Connection, customer_id: str, sid: str, body: str, number: str, now: datetime) -> list[str]:
    """A customer has written. Returns the contacts that this may answer; ``acknowledge`` each on its own.

    STOP and its kin are a "no" to every purpose by SMS, START takes that back, anything else is an answer.
    """
    entry_id, meant = derived_id("t", customer_id, "reply", sid), keyword(body)
    heard_at = _heard_at(connection, entry_id)
    if heard_at is not None:  # said again: whoever heard it first may have died before it stopped what it answers
        return [] if meant is not None else messages.replied_to(connection, customer_id, "sms", left_by=heard_at)
    detail: dict[str, object] = {"from": number, "body": body[:_MAX_QUOTE], "sid": sid}
    summary = f"Replied by SMS: {body[:_MAX_QUOTE]}"
    if meant is Keyword.STOP:
        detail["before"] = reach.opt_out(connection, customer_id, "sms", source=f"SMS {body.strip()[:40]} ({sid})")
        summary = "Opted out of SMS by reply"
    elif meant is Keyword.START:
        detail["restored"] = reach.opt_in(connection, customer_id, "sms", source=f"SMS {body.strip()[:40]} ({sid})")
        summary = "Opted in to SMS again by reply"
    answered = [] if meant is not None else messages.replied_to(connection, customer_id, "sms")
    told: list[str] = []
    if meant is None and body.strip():
        quote = body[:_MAX_QUOTE]
        told = case_replies.write(connection, customer_id, answered, cause=entry_id, body=quote, at=now)
    reply = timeline.Entry(
        id=entry_id,
        customer_id=customer_id,
        at=now,
        kind="reply",
        summary=summary,
        channel="sms",
        direction="in",
        case_id=told[0] if told else None,
        reason="replied" if meant is None else meant.value,
        detail=detail,
    )
    timeline.add(connection, [reply])
    return answered


def acknowledge(connection: Connection, contact_id: str, summary: str, now: datetime) -> None:
    """Somebody has answered: no further channel is tried. Locks the contact."""
    contact = contacts.lock(connection, contact_id)
    if contact is not None:
        _acknowledge(connection, contact, summary, now)


def _heard_at(connection: Connection, entry_id: str) -> datetime | None:
    return connection.execute(select(entry_table.c.at).where(entry_table.c.id == entry_id)).scalar_one_or_none()


def _advance(
    connection: Connection, message: Claimed, state: str, reason: str | None, provider_id: str | None, now: datetime
) -> bool:
    if not messages.advance(connection, message.id, state, reason=reason, provider_id=provider_id):
        return False
    timeline.add(connection, [entries.of_message(message, state, now, reason=reason)])
    MESSAGES.labels(message.channel, state).inc()
    return True


def _note_receipt(
    connection: Connection, message: Claimed, status: str, summary: str, now: datetime, *, provider_id: str = "app"
) -> None:
    entry = timeline.Entry(
        id=derived_id("t", message.id, "receipt", provider_id, status),
        customer_id=message.customer_id,
        at=now,
        kind="receipt",
        summary=summary,
        channel=message.channel,
        direction="in",
        decision_id=message.decision_id,
        message_id=message.id,
        detail={"status": status, "provider_id": provider_id},
    )
    timeline.add(connection, [entry])


def _acknowledge(connection: Connection, contact: Contact, summary: str, now: datetime) -> None:
    if contact.state not in (*contacts.OPEN, "done", "exhausted"):
        return
    context = contacts.answered(contact, now)
    contacts.change(connection, contact.id, state="acknowledged", due_at=None, context=context)
    CONTACTS.labels("acknowledged").inc()
    endings.taken_back(connection, contact.id, "acknowledged", now)
    unanswered.answered(connection, contact, summary, now)
    if contact.state in contacts.OPEN and contact.request["escalate_after_ms"] is not None:
        entry = entries.of_plan(
            contact, now, f"{summary}: no further channel is tried", reason="acknowledged", part="acknowledged"
        )
        timeline.add(connection, [entry])
