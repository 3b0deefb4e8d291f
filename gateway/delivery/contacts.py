"""From a decision to a contact: whom to tell, whether and how, and the first message in the outbox.

Called inside the transaction that writes the decision; all ids come from the decision, so doing it again changes
nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from gateway.delivery import entries, reach, steps
from gateway.delivery.links import Links
from gateway.delivery.metrics import SUPPRESSIONS
from gateway.delivery.rendering import Means, Surroundings, surroundings, words
from gateway.storage import contacts, history, timeline
from gateway.storage.contacts import Contact
from gateway.storage.messages import RANK
from gateway.storage.tables import contacts as contacts_table
from gateway.storage.tables import messages as messages_table
from notifiers.policy import ContactRequest, PolicySettings, Reason, plan
from notifiers.templates import Templates
from rules.decision import Decision, derived_id

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
        _resolved(connection, decision, means, now)
    elif decision.notify is not None:
        _open(connection, decision, decision.customer_id, decision.notify.channels, means, now)


def _resolved(connection: Connection, decision: Decision, means: Means, now: datetime) -> None:
    """Stop what still runs because of the alert, then tell those who had been told."""
    earlier = contacts.of_alert(connection, decision.alert_id)
    for each in earlier:
        held = each.state == "held" and each.step == 0
        summary = (
            "The held message was withdrawn: the alert is over"
            if held
            else "No further channel is tried: the alert is over"
        )
        state = "withdrawn" if held else "done"
        steps.stop(connection, each, Reason.RECOVERED.value, summary, now, state=state)
    if decision.purpose in QUIETLY_RESOLVED:
        return
    for customer_id in dict.fromkeys(each.customer_id for each in earlier):
        channel = _channel_that_reached(connection, decision.alert_id, customer_id)
        _open(connection, decision, customer_id, () if channel is None else (channel,), means, now)


def _open(
    connection: Connection,
    decision: Decision,
    customer_id: str | None,
    channels: tuple[str, ...],
    means: Means,
    now: datetime,
) -> None:
    """Plan one contact and write it, or the reasons why there is none."""
    around = surroundings(connection, decision)
    request = _request(decision, channels, around, means.templates)
    if customer_id is None:
        # Without a customer there is no timeline to say so on.
        SUPPRESSIONS.labels(Reason.NO_CUSTOMER.value).inc()
        return
    past = history.of(
        connection,
        customer_id=customer_id,
        rule_id=decision.rule_id,
        alert_id=decision.alert_id,
        decision_id=decision.id,
    )
    customer = reach.load(connection, customer_id)
    planned = plan(request, customer, past, means.policy, int(now.timestamp() * 1000))
    raw = msgspec.to_builtins(request)
    if customer is None or not planned.steps:
        _refuse(connection, decision, customer_id, raw, planned.suppressions, now)
        return
    fresh = Contact(
        id=derived_id("c", decision.id, customer_id),
        decision_id=decision.id,
        alert_id=decision.alert_id,
        rule_id=decision.rule_id,
        customer_id=customer_id,
        state="active" if planned.hold_until_ms is None else "held",
        request=raw,
        context={"words": msgspec.to_builtins(words(decision, around)), "rule_version": decision.rule_version},
    )
    steps.begin(connection, fresh, planned, customer, means, now)


def _refuse(
    connection: Connection,
    decision: Decision,
    customer_id: str,
    request: dict[str, Any],
    suppressions: tuple[Any, ...],
    now: datetime,
) -> None:
    timeline.add(
        connection,
        [
            entries.of_suppression(
                customer_id=customer_id, request=request, rule_version=decision.rule_version, no=no, at=now
            )
            for no in suppressions
        ],
    )
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


def _channel_that_reached(connection: Connection, alert_id: str, customer_id: str) -> str | None:
    """The channel with the best evidence of having reached the customer; among equals the one tried last."""
    rows = connection.execute(
        select(messages_table.c.channel, messages_table.c.state, messages_table.c.created_at, messages_table.c.step)
        .join(contacts_table, contacts_table.c.id == messages_table.c.contact_id)
        .where(contacts_table.c.alert_id == alert_id, contacts_table.c.customer_id == customer_id)
        .where(messages_table.c.state.in_(history.TOLD))
    ).all()
    if not rows:
        return None
    best = max(rows, key=lambda row: (max(RANK[row.state], RANK["accepted"]), row.created_at, row.step))
    return str(best.channel)
