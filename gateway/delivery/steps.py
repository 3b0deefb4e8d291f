"""One contact, step by step: what to do next when its time has come or its step has failed.

Each step plans again with the history of that moment: what has recovered, expired or lost its consent meanwhile is
withdrawn and says so. Everything here runs inside the caller's transaction, which has locked the contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, func

from gateway.delivery import endings, entries, gathering, inhibited, reach, spending, unanswered
from gateway.delivery.asking import ask
from gateway.delivery.metrics import CONTACTS, MESSAGES, SUPPRESSIONS
from gateway.delivery.rendering import Means, links_of, messages_of
from gateway.delivery.unanswered import NotUsed
from gateway.delivery.verdict import judge, tried
from gateway.storage import alerts, contacts, links, messages, offer_codes, timeline, wake
from gateway.storage.contacts import Contact
from gateway.storage.messages import INHIBITED, RESTED, Standing
from notifiers.policy import ContactRequest, Customer, Plan, PolicySettings, Reason, Step, Suppression, is_vital
from notifiers.templates import TemplateError

ALERT_IN_USE = timedelta(milliseconds=200)
"""A contact whose end may open a case is looked at again after this, where somebody else is at its alert just now."""


def begin(
    connection: Connection, contact: Contact, planned: Plan, customer: Customer, means: Means, now: datetime
) -> None:
    """Write a new contact with what ``planned`` (which has steps) says: its first messages, or its hold."""
    contact = msgspec.structs.replace(contact, steps=_as_json(planned.steps), expires_at=_moment(planned.expires_at_ms))
    if not contacts.add(connection, contact):
        return
    CONTACTS.labels(contact.state).inc()
    _say_why_not(connection, contact, planned.suppressions, now)
    if planned.hold_until_ms is not None:
        _hold(connection, contact, planned, now)
        return
    said = entries.in_words([step.channel for step in planned.steps], contact.request["escalate_after_ms"])
    entry = entries.of_plan(contact, now, said)
    if planned.notes:
        entry = entries.with_detail(entry, {**entry.detail, "notes": list(planned.notes)})
    timeline.add(connection, [entry])
    refused = unanswered.refused(planned.suppressions)
    _start(connection, contact, planned, customer, means, now, refused)


def look_at(connection: Connection, contact: Contact, means: Means, now: datetime) -> None:
    """The contact's time has come: release its hold, escalate, close it, or wait on."""
    if unanswered.is_wanted(contact) and not alerts.hold(connection, contact.alert_id):
        contacts.change(connection, contact.id, due_at=func.now() + ALERT_IN_USE)
        return
    # An all-clear is news to whoever has answered the alarm.
    if contact.request["transition"] != "resolved" and contacts.is_answered_elsewhere(connection, contact):
        why = "No further channel is tried: another message about the alert was answered"
        endings.stop(connection, contact, Reason.ACKNOWLEDGED.value, why, now, state="acknowledged")
        return
    standing = messages.of_contact(connection, contact.id)
    present = [message for message in standing if message.step == contact.step - 1]
    escalates = contact.request["escalate_after_ms"] is not None
    verdict = judge(present, escalates=escalates, time_is_up=True)
    if verdict == "next":
        _proceed(connection, contact, standing, present, means, now)
    elif verdict == "close":
        endings.end(connection, contact, "done")
    else:
        contacts.change(connection, contact.id, state="active", due_at=now + endings.LOOK_AGAIN)


def rest(connection: Connection, contact_id: str, now: datetime) -> None:
    """Quiet hours have begun before all of the contact had left: take the rest back.

    Where nothing of its present step went out the contact is due at once, to be held until the morning.
    """
    contact = contacts.lock(connection, contact_id)
    if contact is not None:
        endings.note_withdrawn(connection, messages.rest(connection, contact_id, now), RESTED, now)
        step_failed(connection, contact_id, contact.step - 1)


def hush(connection: Connection, contact: Contact, now: datetime) -> None:
    """Another alert speaks for the contact's own from now on: take back what has not left.

    Where nothing of its present step went out the contact is due at once, to wait until that is over. The rest goes on
    waiting for an answer; its next step finds out.
    """
    if contact.state in contacts.OPEN:
        withdrawn = messages.withdraw(connection, contact.id, INHIBITED)
        if withdrawn:
            endings.note_withdrawn(connection, withdrawn, INHIBITED, now)
            step_failed(connection, contact.id, contact.step - 1)


def step_failed(connection: Connection, contact_id: str, step: int) -> None:
    """A message of ``step`` has ended badly: where all of that step have, the next one is due at once.

    The contact must be locked by this transaction.
    """
    contact = contacts.lock(connection, contact_id)
    # A contact that was done (the provider had accepted) comes alive again when a receipt says otherwise.
    if contact is None or contact.state not in ("active", "done") or contact.step - 1 != step:
        return
    if contact.state == "done" and contacts.is_overtaken(connection, contact):
        return
    present = [message for message in messages.of_contact(connection, contact_id) if message.step == step]
    if judge(present, escalates=False, time_is_up=False) == "next":
        contacts.change(connection, contact_id, state="active", due_at=func.now())
        wake.notify(connection, wake.OUTBOX)


def _proceed(
    connection: Connection,
    contact: Contact,
    standing: Sequence[Standing],
    present: Sequence[Standing],
    means: Means,
    now: datetime,
) -> None:
    """Plan again and start the first channel that was not tried yet, or end the contact."""
    customer = reach.load(connection, contact.customer_id)
    planned = plan_again(connection, contact, customer, means.policy, now)
    _say_why_not(connection, contact, planned.suppressions, now)
    done = tried(standing)
    untried = tuple(step for step in planned.steps if step.channel not in done)
    failed = all(message.ended for message in present)
    whole = customer is None or any(no.channel is None for no in planned.suppressions)
    by = alerts.inhibitor(connection, contact.alert_id) if untried or unanswered.is_wanted(contact) else None
    if by is not None and customer is not None:
        inhibited.wait(connection, contact, by, now)
    elif customer is None or (not planned.steps and (whole or not done)):
        endings.refused(connection, contact, planned, now, tried=bool(done), on_record=customer is not None)
        if customer is not None and not done and contact.request.get("digest"):
            refused_for = [(no.channel, no.reason.value) for no in planned.suppressions]
            gathering.keep(connection, contact, customer, refused_for, means.policy, now)
        elif customer is not None and not done:
            request, said = msgspec.convert(contact.request, ContactRequest), contact.context["words"]
            gathering.put_aside(
                connection, request, customer, contact.alert_id, said, planned.suppressions, means.policy, now
            )
    elif not untried and not failed:
        endings.time_is_up(connection, contact, present, unanswered.refused(planned.suppressions), now)
    elif not untried:
        endings.exhausted(connection, contact, standing, unanswered.refused(planned.suppressions), now)
    elif planned.hold_until_ms is not None:
        # What still waits for its provider would leave in the night as soon as that one is back.
        endings.taken_back(connection, contact.id, RESTED, now)
        _hold(connection, contact, planned, now)
    else:
        ahead = msgspec.structs.replace(planned, steps=untried)
        _start(connection, contact, ahead, customer, means, now, unanswered.refused(planned.suppressions))


def plan_again(
    connection: Connection, contact: Contact, customer: Customer | None, policy: PolicySettings, now: datetime
) -> Plan:
    """What the contact policy says of ``contact`` now, with the history of this moment."""
    request = msgspec.convert(contact.request, ContactRequest)
    return ask(connection, request, customer, alert_id=contact.alert_id, policy=policy, now=now)


def _start(
    connection: Connection,
    contact: Contact,
    ahead: Plan,
    customer: Customer,
    means: Means,
    now: datetime,
    refused: Sequence[NotUsed],
) -> None:
    """Queue the messages of the first step of ``ahead`` that has words; an earlier one's queued are taken back.

    ``ahead``: the plan less what was tried. ``refused``: the channels that it left out.
    """
    not_used = list(refused)
    if contact.step:
        endings.taken_back(connection, contact.id, endings.ESCALATED, now)
    code = _offer_code(connection, contact)
    for step in ahead.steps:
        try:
            worded = messages_of(contact, step, contact.step, customer, means, code)
        except TemplateError as error:
            _say_no_words(connection, contact, step.channel, str(error), now)
            not_used.append(NotUsed(step.channel, "template_failed", "its template can't be used"))
            continue
        new = [msgspec.structs.replace(each, quiet_from=_moment(ahead.quiet_from_ms)) for each in worded]
        no_money = _pay(connection, contact, new, means, now)
        if no_money is not None:
            _say_why_not(connection, contact, [no_money], now)
            not_used += unanswered.refused([no_money])
            continue
        _queue(connection, contact, step, new, code, means, now)
        return
    standing = messages.of_contact(connection, contact.id)
    if standing or not not_used:
        endings.exhausted(connection, contact, standing, not_used, now)
        return
    endings.unsent(connection, contact, not_used, now)
    if contact.request.get("digest"):
        refused_for = [(no.channel, no.reason) for no in not_used]
        gathering.keep(connection, contact, customer, refused_for, means.policy, now)


def _queue(
    connection: Connection,
    contact: Contact,
    step: Step,
    new: Sequence[messages.New],
    code: str | None,
    means: Means,
    now: datetime,
) -> None:
    """Put the messages of ``step``, which are paid for, into the outbox; the contact waits for what they come to."""
    messages.add(connection, new)
    spending.charge(connection, new, means.policy.money, now)
    links.add(connection, links_of(contact, new, code, means, now))
    timeline.add(connection, [_queued(message, means.templates.version, now) for message in new])
    MESSAGES.labels(step.channel, "queued").inc(len(new))
    after_ms = contact.request["escalate_after_ms"]
    wait = endings.LOOK_AGAIN if after_ms is None else timedelta(milliseconds=after_ms)
    contacts.change(connection, contact.id, state="active", step=contact.step + 1, due_at=now + wait)
    wake.notify(connection, wake.OUTBOX, wake.QUEUED)


def _offer_code(connection: Connection, contact: Contact) -> str | None:
    """The customer's own code, as people read it, where the rule gives one; one for all messages of the contact."""
    if not contact.context.get("offer_code"):
        return None
    code = offer_codes.give(
        connection, decision_id=contact.decision_id, customer_id=contact.customer_id, rule_id=contact.rule_id
    )
    return offer_codes.shown(code)


def _pay(
    connection: Connection, contact: Contact, new: Sequence[messages.New], means: Means, now: datetime
) -> Suppression | None:
    """Take what the messages cost, or say which limit is in the way: others may have spent it since the plan."""
    vital = is_vital(msgspec.convert(contact.request, ContactRequest), means.policy)
    return spending.take(connection, new, means.policy.money, vital=vital, now=now)


def _hold(connection: Connection, contact: Contact, planned: Plan, now: datetime) -> None:
    assert planned.hold_until_ms is not None
    contacts.change(connection, contact.id, state="held", due_at=_moment(planned.hold_until_ms))
    wake.notify(connection, wake.OUTBOX)  # whoever sleeps until the next due contact must look again
    if planned.held is None:
        return
    request, version = contact.request, contact.context["rule_version"]
    entry = entries.of_suppression(
        customer_id=contact.customer_id, request=request, rule_version=version, no=planned.held, at=now, held=True
    )
    timeline.add(connection, [entry])
    SUPPRESSIONS.labels(planned.held.reason.value).inc()


def _say_why_not(connection: Connection, contact: Contact, refused: Sequence[Suppression], now: datetime) -> None:
    """Every "no" once: the same one at a later look has the same id."""
    found = [
        entries.of_suppression(
            customer_id=contact.customer_id,
            request=contact.request,
            rule_version=contact.context["rule_version"],
            no=no,
            at=now,
        )
        for no in refused
    ]
    timeline.add(connection, found)
    if contact.step == 0:
        for no in refused:
            SUPPRESSIONS.labels(no.reason.value).inc()


def _say_no_words(connection: Connection, contact: Contact, channel: str, error: str, now: datetime) -> None:
    summary = f"No message by {entries.within(channel)}: its template can't be used"
    entry = entries.of_plan(contact, now, summary, reason="template_failed", part=f"template:{channel}")
    timeline.add(connection, [msgspec.structs.replace(entry, channel=channel, detail={"error": error})])


def _queued(message: messages.New, version: str, now: datetime) -> timeline.Entry:
    """``version``: of the templates that worded it."""
    return entries.of_message(
        message, "queued", now, detail={"template": message.template, "template_version": version}
    )


def _as_json(steps: Sequence[Step]) -> list[dict[str, object]]:
    return [{"channel": step.channel, "addresses": list(step.addresses)} for step in steps]


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)
