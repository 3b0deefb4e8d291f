"""The last step of an escalation: nobody was reached, so a case tells the people responsible what was tried.

Only where the rule says so (``then.notify.unanswered``). What has another end (an answer, a recovery, a person's word,
a refusal because it is night or enough) opens none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.delivery.entries import named
from gateway.storage import contacts, messages, messages_read, timeline, unanswered_cases
from gateway.storage.contacts import Contact
from gateway.storage.messages_read import Message
from gateway.storage.unanswered_cases import Tried, Unreached
from notifiers.policy import Reason, Suppression
from rules.decision import CaseAction, Decision

CANNOT_BE_TOLD: Final = frozenset(
    {
        Reason.NO_CUSTOMER,
        Reason.NO_CHANNEL,
        Reason.UNKNOWN_CHANNEL,
        Reason.NO_CONSENT,
        Reason.NO_ADDRESS,
        Reason.BAD_ADDRESS,
        Reason.REGION_NOT_ALLOWED,
        Reason.BUDGET_USED_UP,
        Reason.NUMBER_CAP,
        Reason.PREFIX_CAP,
    }
)
"""Reasons that say that a channel can't be used, not that nothing should be said."""

_ACTION: Final = "unanswered"
_TOLD: Final = messages.CASE_TOLD
"""In a contact's context: the rule's word, and the case once it was told."""

_ENDS: Final = {
    "held": "not sent yet",
    "queued": "still waiting for its provider",
    "sending": "on its way, no answer",
    "unknown": "perhaps sent: no answer came back from the provider",
    "accepted": "accepted by the provider, no answer",
    "delivered": "delivered, no answer",
    "read": "read, no answer",
    "clicked": "a link was followed",
    "expired": "not sent before it expired",
}


class NotUsed(NamedTuple):
    """A channel that nothing was sent on (``None``: none at all), and why."""

    channel: str | None
    reason: str
    said: str
    """One plain English sentence."""


def refused(suppressions: Sequence[Suppression]) -> list[NotUsed]:
    """The policy's refusals as channels that were not used."""
    return [NotUsed(no.channel, no.reason.value, no.detail) for no in suppressions]


def can_be_told(suppressions: Sequence[Suppression]) -> bool:
    """Whether what refused a whole plan leaves it possible to tell the person at another time. Pure."""
    return not suppressions or any(no.reason not in CANNOT_BE_TOLD for no in suppressions)


def asked_for(decision: Decision) -> dict[str, Any]:
    """What a contact's context keeps of the rule's word."""
    action = None if decision.notify is None else decision.notify.unanswered
    return {} if action is None else {_ACTION: msgspec.to_builtins(action)}


def is_wanted(contact: Contact) -> bool:
    """Whether the rule wants a case where the contact reaches nobody."""
    return contact.context.get(_ACTION) is not None


def tell(
    connection: Connection, contact: Contact, not_used: Sequence[NotUsed], now: datetime, *, on_record: bool = True
) -> None:
    """Open the case of a contact that reached nobody, or tell the one there is; once, and only where the rule wants it.

    The contact and its alert are locked. ``on_record``: the customer still is.
    """
    if not is_wanted(contact) or contact.context.get(_TOLD) is not None:
        return
    tried = account(messages_read.of_contact(connection, contact.id), not_used)
    request, about = contact.request, contact.context["words"]
    unreached = Unreached(
        action=msgspec.convert(contact.context[_ACTION], CaseAction),
        decision_id=contact.decision_id,
        alert_id=contact.alert_id,
        rule_id=contact.rule_id,
        rule_version=contact.context["rule_version"],
        device_id=request["device_id"],
        customer_id=contact.customer_id if on_record else None,
        severity=request["severity"],
        summary=about["summary"],
        decided_at=timeline.moment(request["decided_at_ms"]),
        account=in_words(tried),
        tried=tried,
    )
    case_id = unanswered_cases.keep(connection, unreached, now)
    contacts.change(connection, contact.id, context={**contact.context, _TOLD: case_id})


def tell_at_once(
    connection: Connection,
    decision: Decision,
    suppressions: Sequence[Suppression],
    now: datetime,
    *,
    customer_id: str | None,
) -> None:
    """The same where nobody can be told from the beginning: there is no contact then.

    The caller has just written the decision; what was written before has told its case already.
    """
    action = None if decision.notify is None else decision.notify.unanswered
    if action is None or decision.transition == "resolved" or can_be_told(suppressions):
        return
    tried = account((), refused(suppressions))
    unreached = Unreached(
        action=action,
        decision_id=decision.id,
        alert_id=decision.alert_id,
        rule_id=decision.rule_id,
        rule_version=decision.rule_version,
        device_id=decision.subject,
        customer_id=customer_id,
        severity=decision.severity,
        summary=decision.summary,
        decided_at=timeline.moment(decision.at),
        account=in_words(tried),
        tried=tried,
    )
    unanswered_cases.keep(connection, unreached, now)


def answered(connection: Connection, contact: Contact, said: str, now: datetime) -> None:
    """Somebody has answered after the case was told: it says so, and stays for a person."""
    case_id = contact.context.get(_TOLD)
    if case_id is not None:
        unanswered_cases.answered(connection, case_id, contact.id, said, now)


def account(sent: Sequence[Message], not_used: Sequence[NotUsed]) -> list[Tried]:
    """What was tried and how it ended, in order, then what was not used and why. Pure."""
    found = [
        Tried(each.channel, each.first_sent_at or each.created_at, each.state, each.reason, _ended(each))
        for each in sent
    ]
    channels = {message.channel for message in sent}
    unused = [no for no in not_used if no.channel not in channels]
    return found + [Tried(no.channel, None, "not_used", no.reason, no.said.removesuffix(".")) for no in unused]


def not_used_in_words(not_used: Sequence[NotUsed]) -> str:
    """One sentence for each channel that was not used. Pure."""
    return in_words(account((), not_used))


def in_words(tried: Sequence[Tried]) -> str:
    """An account for a person: one sentence for each message, and each channel that was not used. Pure."""
    return " ".join(_sentence(each) for each in tried)


def _sentence(one: Tried) -> str:
    if one.channel is None:
        return f"{one.said}."
    if one.at is None:
        return f"{named(one.channel)} was not used: {one.said}."
    return f"{named(one.channel)} on {one.at.astimezone(UTC):%Y-%m-%d at %H:%M} UTC: {one.said}."


def _ended(message: Message) -> str:
    reason = (message.reason or "no reason given").replace("_", " ")
    if message.state == "failed":
        return f"failed: {reason}"
    if message.state == "withdrawn":
        return f"taken back before it was sent: {reason}"
    return _ENDS.get(message.state, message.state)
