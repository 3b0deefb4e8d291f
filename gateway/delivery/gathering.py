"""What is put aside for the customer's digest: what a frequency cap refused, and the end of what a digest told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from gateway.delivery import entries, reach
from gateway.storage import digest_items, history, timeline
from gateway.storage.contacts import Contact
from gateway.storage.digest_items import Item
from notifiers.policy import ContactRequest, Customer, PolicySettings, Suppression
from notifiers.policy.gathering import due_in_words, due_ms, is_gathered, is_kept
from notifiers.policy.stages.expiry import expires_at_ms
from rules.decision import derived_id

PROMOTIONS = "offers"


def put_aside(
    connection: Connection,
    request: ContactRequest,
    customer: Customer,
    alert_id: str,
    said: Mapping[str, Any],
    refused: Sequence[Suppression],
    policy: PolicySettings,
    now: datetime,
) -> None:
    """Keep a refused contact for the next digest, if it is to be told there.

    Args:
        connection: in the customer's turn, which is taken before a cap is counted; the caller commits.
        request: what was refused.
        customer: who would have been told.
        alert_id: the alert that asked.
        said: the template context that it would have had.
        refused: why.
        policy: the operator's choices.
        now: the present, UTC.
    """
    if is_gathered(request, customer, refused, policy):
        expires = expires_at_ms(request, policy)
        summary = sentence_of(request.purpose, said)
        _add(connection, request, customer, alert_id, summary, policy, now, expires)
        due = due_in_words(request, customer, policy, _millis(now))
        timeline.add(connection, [_waits(request, customer, f"To be told in the digest of {due}", now)])


def _waits(request: ContactRequest, customer: Customer, summary: str, now: datetime) -> timeline.Entry:
    return timeline.Entry(
        id=derived_id("t", request.decision_id, customer.id, "put aside"),
        customer_id=customer.id,
        at=now,
        kind="decision",
        summary=summary,
        device_id=request.device_id,
        rule_id=request.rule_id,
        decision_id=request.decision_id,
    )


def put_end_aside(
    connection: Connection,
    request: ContactRequest,
    customer_id: str,
    alert_id: str,
    said: Mapping[str, Any],
    policy: PolicySettings,
    now: datetime,
) -> None:
    """Keep the end of an alert for the next digest, if a digest has told the customer of the alert, or is about to.

    Args:
        connection: in the customer's turn, so that no digest is being made that does not know the end; the caller
            commits.
        request: what would tell the end.
        customer_id: who may have heard of the alert.
        alert_id: the alert that is over.
        said: the template context of the end.
        policy: the operator's choices.
        now: the present, UTC.
    """
    if request.purpose not in policy.digest.purposes:
        return
    customer = reach.load(connection, customer_id)
    if customer is None or not digest_items.heard_of(connection, [alert_id], customer_id, history.GOING):
        return
    summary = f"Over: {sentence_of(request.purpose, said)}"
    _add(connection, request, customer, alert_id, summary, policy, now, None)


def keep(
    connection: Connection,
    contact: Contact,
    customer: Customer,
    refused: Sequence[tuple[str | None, str]],
    policy: PolicySettings,
    now: datetime,
) -> None:
    """What a refused digest would have told waits for the next one, or is told no more; the timeline says which, once.

    Args:
        connection: in the customer's turn; the caller commits.
        contact: the digest, whether it was written or not.
        customer: who would have been told.
        refused: channel and reason of each "no".
        policy: the operator's choices.
        now: the present, UTC.
    """
    items = [msgspec.convert(each, Item) for each in contact.context["items"]]
    kept = is_kept(refused)
    if kept:
        put_back(connection, items, customer, policy, now)
    reason = next((reason for channel, reason in refused if channel is None), refused[0][1] if refused else "")
    outcome = "waits for the next one" if kept else "is not told any more"
    entry = entries.of_plan(
        contact, now, f"What the digest would have told {outcome}: {reason.replace('_', ' ')}", reason=reason
    )
    # By what it tells, not by its day: the same again is no news.
    cause = derived_id("t", "digest", customer.id, contact.decision_id, outcome, reason)
    timeline.add(connection, [msgspec.structs.replace(entry, id=cause)])


def put_back(
    connection: Connection, items: Sequence[Item], customer: Customer, policy: PolicySettings, now: datetime
) -> None:
    """Tell ``items`` in the next digest."""
    for item in items:
        request = msgspec.convert(item.request, ContactRequest)
        due = timeline.moment(due_ms(request, customer, policy, _millis(now)))
        digest_items.add(connection, msgspec.structs.replace(item, due_at=due))


def _add(
    connection: Connection,
    request: ContactRequest,
    customer: Customer,
    alert_id: str,
    summary: str,
    policy: PolicySettings,
    now: datetime,
    expires: int | None,
) -> None:
    item = Item(
        customer_id=customer.id,
        decision_id=request.decision_id,
        alert_id=alert_id,
        purpose=request.purpose,
        summary=summary,
        request=msgspec.to_builtins(request),
        expires_at=None if expires is None else timeline.moment(expires),
        at=now,
        due_at=timeline.moment(due_ms(request, customer, policy, _millis(now))),
    )
    digest_items.add(connection, item)


def _millis(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def sentence_of(purpose: str, said: Mapping[str, Any]) -> str:
    """One line of a digest: a promotion's own sentence, else what happened, and on which device."""
    if purpose == PROMOTIONS and said["rule"]["summary"]:
        return str(said["rule"]["summary"])
    name, summary = said["device"]["name"], said["summary"]
    return summary if name in summary else f"{name}: {summary}"
