"""From a decision to a contact: whom to tell, whether and how, and the first message in the outbox.

Called inside the transaction that writes the decision; all ids come from the decision, so doing it again changes
nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from gateway.delivery import endings, entries, gathering, inhibited, steps, unanswered
from gateway.delivery.asking import ask
from gateway.delivery.briefing import brief
from gateway.delivery.links import Links
from gateway.delivery.metrics import SUPPRESSIONS
from gateway.delivery.rendering import Means, Surroundings, surroundings, words
from gateway.storage import contacts, history, timeline
from gateway.storage.contacts import Contact
from gateway.storage.messages import RANK
from gateway.storage.tables import contacts as contacts_table
from gateway.storage.tables import messages as messages_table
from notifiers.policy import ContactRequest, PolicySettings, Reason, Suppression
from notifiers.policy.stages.recipient import nobody_to_tell
from notifiers.templates import Templates
from rules.decision import Decision, Intervention
from rules.duration import spoken
from rules.judgement import PASSED

# Made once: putting a statement together takes longer than sending it.
_TOLD: Final = (
    select(messages_table.c.channel, messages_table.c.state, messages_table.c.created_at, messages_table.c.step)
    .join(contacts_table, contacts_table.c.id == messages_table.c.contact_id)
    .where(contacts_table.c.alert_id == bindparam("alert_id"))
    .where(contacts_table.c.customer_id == bindparam("customer_id"))
    .where(messages_table.c.state.in_(history.TOLD))
)
QUIETLY_RESOLVED = frozenset({"offers"})
"""Purposes whose end nobody is told of."""


def contact(
    connection: Connection,
    decision: Decision,
    templates: Templates,
    policy_settings: PolicySettings,
    now: datetime,
    links: Links,
) -> None:
    """Write what follows from ``decision`` for its customer; the caller commits.

    Args:
        connection: the decision, its alert and its case are already written on it.
        decision: what the engine decided.
        templates: what messages say.
        policy_settings: the operator's choices.
        now: the present, UTC.
        links: the deployment's public URLs.
    """
    means = Means(templates, policy_settings, links)
    if decision.transition == "resolved":
        if decision.ended_by != PASSED:  # what happened did happen: it is told although the moment is over
            _resolved(connection, decision, means, now)
        return
    begun, silence = False, _silence(decision)
    if decision.notify is not None and silence is not None:
        _keep_quiet(connection, decision, silence, means, now)
    elif decision.notify is not None:
        begun = _open(connection, decision, decision.customer_id, decision.notify.channels, means, now)
    if begun and decision.transition == "raised":
        _stop_earlier(connection, decision, Reason.RAISED, "the alert has become more serious", now)
    elif begun and decision.transition == "repeat":
        waited = contacts.waiting(connection, decision.alert_id)
        _stop(connection, waited, Reason.INHIBITED, "what another alert had kept quiet is told anew", now)
    elif decision.transition in ("raised", "repeat") and decision.inhibited_by is None:
        inhibited.resume(connection, decision.alert_id)


def hold_back(connection: Connection, said: Intervention, now: datetime) -> None:
    """A person took notice of an alert, or wants it quiet: nobody is told any more of what was to be told so far.

    While another rule's alert speaks for it nobody is told either; what was under way goes on when that is over.

    Args:
        connection: the word itself is already written on it; the caller commits.
        said: the word.
        now: the present, UTC.
    """
    match said.action:
        case "acknowledge":
            _stop_all(connection, said.alert_id, Reason.ACKNOWLEDGED, f"acknowledged by {said.by}", now, "acknowledged")
        case "snooze":
            _stop_all(connection, said.alert_id, Reason.SNOOZED, f"snoozed by {said.by}", now)
        case "inhibit":
            for each in contacts.of_alert(connection, said.alert_id):
                steps.hush(connection, each, now)
        case "release":
            inhibited.resume(connection, said.alert_id)


def _stop_earlier(connection: Connection, decision: Decision, reason: Reason, why: str, now: datetime) -> None:
    """End the contacts because of the alert that came before this decision's own."""
    earlier = contacts.of_alert(connection, decision.alert_id)
    _stop(connection, [each for each in earlier if each.decision_id != decision.id], reason, why, now)


def _resolved(connection: Connection, decision: Decision, means: Means, now: datetime) -> None:
    """Stop what still runs because of the alert, then tell those who had been told, if it has recovered."""
    reason = Reason.RECOVERED if decision.ended_by is None else Reason.ENDED
    why = "the alert is over" if decision.ended_by is None else decision.summary
    earlier = _stop_all(connection, decision.alert_id, reason, why, now)
    if decision.purpose in QUIETLY_RESOLVED or decision.ended_by is not None:
        return
    tried = dict.fromkeys(each.customer_id for each in earlier)
    for customer_id in tried:
        channel = _channel_that_reached(connection, decision.alert_id, customer_id)
        if channel is None:
            _end_by_digest(connection, decision, customer_id, means, now)
        _open(connection, decision, customer_id, () if channel is None else (channel,), means, now)
    if decision.customer_id is not None and decision.customer_id not in tried:
        _end_by_digest(connection, decision, decision.customer_id, means, now)


def _end_by_digest(connection: Connection, decision: Decision, customer_id: str, means: Means, now: datetime) -> None:
    """Who has heard of the alert by digest alone hears of its end by the next one."""
    if decision.purpose not in means.policy.digest.purposes:
        return
    around = surroundings(connection, decision)
    channels = () if decision.notify is None else decision.notify.channels
    request = _request(decision, channels, around, means.templates)
    said = words(decision, around)
    gathering.put_end_aside(connection, request, customer_id, decision.alert_id, said, means.policy, now)


def _stop_all(
    connection: Connection, alert_id: str, reason: Reason, why: str, now: datetime, state: str = "done"
) -> list[Contact]:
    """End the contacts because of the alert that still run; returns all that there were. ``state``: of those begun."""
    found = contacts.of_alert(connection, alert_id)
    _stop(connection, found, reason, why, now, state)
    return found


def _stop(
    connection: Connection, running: list[Contact], reason: Reason, why: str, now: datetime, state: str = "done"
) -> None:
    for each in running:
        held = each.state == "held" and each.step == 0
        begun = "The held message was withdrawn" if held else "No further channel is tried"
        endings.stop(connection, each, reason.value, f"{begun}: {why}", now, state="withdrawn" if held else state)


def _silence(decision: Decision) -> Suppression | None:
    """Why nobody is told of this decision at present, before the policy is even asked."""
    if decision.inhibited_by is not None:
        detail = f"Nobody is told: the alert of rule {decision.inhibited_by} on {decision.subject} speaks for this one."
        return Suppression(None, Reason.INHIBITED, detail, {"inhibited_by": decision.inhibited_by})
    if decision.late_ms is not None:
        behind = spoken(decision.late_ms)
        detail = f"Nobody is told: {decision.subject} is {behind} behind, so this is old news, or its clock is wrong."
        return Suppression(None, Reason.LATE, detail, {"late_ms": decision.late_ms})
    if decision.snoozed_until is not None:
        until = timeline.moment(decision.snoozed_until)
        detail = f"Nobody is told: the alert is snoozed until {until:%Y-%m-%d %H:%M} UTC."
        return Suppression(None, Reason.SNOOZED, detail, {"snoozed_until": decision.snoozed_until})
    return None


def _keep_quiet(connection: Connection, decision: Decision, silence: Suppression, means: Means, now: datetime) -> None:
    """Write down why there is no contact."""
    if decision.customer_id is None or decision.notify is None:
        SUPPRESSIONS.labels(silence.reason.value).inc()
        return
    around = surroundings(connection, decision)
    request = msgspec.to_builtins(_request(decision, decision.notify.channels, around, means.templates))
    _refuse(connection, decision, decision.customer_id, request, (silence,), now)


def _open(
    connection: Connection,
    decision: Decision,
    customer_id: str | None,
    channels: tuple[str, ...],
    means: Means,
    now: datetime,
) -> bool:
    """Plan one contact and write it, or the reasons why there is none; whether there is one."""
    if customer_id is None:
        request = _request(decision, channels, surroundings(connection, decision), means.templates)
        # Without a customer there is no timeline to say so on.
        SUPPRESSIONS.labels(Reason.NO_CUSTOMER.value).inc()
        unanswered.tell_at_once(connection, decision, (nobody_to_tell(request),), now, customer_id=None)
        return False
    around, customer, past = brief(connection, decision, customer_id, means.policy)
    request = _request(decision, channels, around, means.templates)
    planned = ask(connection, request, customer, alert_id=decision.alert_id, policy=means.policy, now=now, past=past)
    raw = msgspec.to_builtins(request)
    if customer is None or not planned.steps:
        _refuse(connection, decision, customer_id, raw, planned.suppressions, now)
        on_record = None if customer is None else customer_id
        unanswered.tell_at_once(connection, decision, planned.suppressions, now, customer_id=on_record)
        if customer is not None:
            said = words(decision, around)
            gathering.put_aside(
                connection, request, customer, decision.alert_id, said, planned.suppressions, means.policy, now
            )
        return False
    fresh = Contact(
        id=contacts.id_of(decision.id, customer_id),
        decision_id=decision.id,
        alert_id=decision.alert_id,
        rule_id=decision.rule_id,
        customer_id=customer_id,
        state="active" if planned.hold_until_ms is None else "held",
        request=raw,
        context={"words": msgspec.to_builtins(words(decision, around)), "rule_version": decision.rule_version}
        | _extras(decision),
    )
    steps.begin(connection, fresh, planned, customer, means, now)
    return True


def _refuse(
    connection: Connection,
    decision: Decision,
    customer_id: str,
    request: dict[str, Any],
    suppressions: tuple[Suppression, ...],
    now: datetime,
) -> None:
    found = [
        entries.of_suppression(
            customer_id=customer_id, request=request, rule_version=decision.rule_version, no=no, at=now
        )
        for no in suppressions
    ]
    if found:  # no contact keeps the question: it stands here once, to be asked again under other settings
        found[0] = entries.with_detail(found[0], {**found[0].detail, "request": request})
    timeline.add(connection, found)
    for no in suppressions:
        SUPPRESSIONS.labels(no.reason.value).inc()


def _request(
    decision: Decision, channels: tuple[str, ...], around: Surroundings, templates: Templates
) -> ContactRequest:
    notify = decision.notify
    resolved = decision.transition == "resolved"
    named = notify.template if notify is not None else "alert"
    return ContactRequest(
        decision_id=decision.id,
        rule_id=decision.rule_id,
        transition=decision.transition,
        severity=decision.severity,
        purpose=decision.purpose,
        channels=channels,
        template=templates.for_transition(named, decision.transition),
        device_id=decision.subject,
        decided_at_ms=decision.at,
        cooldown_ms=decision.cooldown_ms,
        escalate_after_ms=None if resolved or notify is None else notify.escalate_after_ms,
        expires_after_ms=None if resolved or notify is None else notify.expires_after_ms,
        holdout_percent=0.0 if resolved or notify is None else notify.holdout_percent,
        store_time_zone=around.store_time_zone,
    )


def _extras(decision: Decision) -> dict[str, Any]:
    """The rule's link, offer code and last step, for as long as there is something to follow, redeem or answer."""
    notify = decision.notify
    if notify is None or decision.transition == "resolved":
        return {}
    return {"link": notify.link, "offer_code": notify.offer_code} | unanswered.asked_for(decision)


def _channel_that_reached(connection: Connection, alert_id: str, customer_id: str) -> str | None:
    """The channel with the best evidence of having reached the customer; among equals the one tried last."""
    rows = connection.execute(_TOLD, {"alert_id": alert_id, "customer_id": customer_id}).all()
    if not rows:
        return None
    best = max(rows, key=lambda row: (max(RANK[row.state], RANK["accepted"]), row.created_at, row.step))
    return str(best.channel)
