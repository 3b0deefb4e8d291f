"""Digests: one contact that tells of several decisions which a frequency cap refused.

A digest is a contact like any other, planned, held, worded and sent as such. It belongs to no single alert, so what
has become of each that it tells of is looked at here, when it is made and whenever its time comes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.delivery import endings, entries, gathering, reach, steps
from gateway.delivery.asking import ask
from gateway.delivery.metrics import SUPPRESSIONS
from gateway.delivery.rendering import Means
from gateway.storage import contacts, digest_items, history, messages, timeline, turns
from gateway.storage.contacts import Contact
from gateway.storage.digest_items import Due, Item, Standing
from notifiers.policy import ContactRequest, Customer, History, PolicySettings, Reason
from notifiers.policy import request as asked
from notifiers.policy.night import local_time
from notifiers.policy.stages.quiet_hours import whereabouts
from rules.decision import derived_id
from rules.judgement import PASSED

TEMPLATE = "digest"
LISTED = 10
"""So many sentences stand in a digest; of more it says how many."""

_WHY = {
    Reason.RECOVERED: "the alert is over",
    Reason.EXPIRED: "it has expired",
    Reason.ACKNOWLEDGED: "somebody has taken notice of the alert",
    Reason.SNOOZED: "the alert is snoozed",
    Reason.NOT_TOLD: "the digest that told of the alert never left",
    Reason.FIRES_AGAIN: "the same alarm is on again",
}


class _Sorted(NamedTuple):
    told: list[Item]
    """Newest first, and what is over after the rest."""
    left_out: list[tuple[Item, Reason]]
    waiting: list[Item]
    """While another rule's alert speaks for theirs; nothing is said anew where that is over."""


def make(connection: Connection, due: Due, means: Means, now: datetime) -> None:
    """Make the digest ``due`` of what is still worth telling; the caller commits.

    Whoever comes second finds nothing: what is told is taken from the table in the transaction that writes the contact.
    """
    turns.take(connection, [due.customer_id])
    customer = reach.load(connection, due.customer_id)
    items = digest_items.take(connection, due, now)
    if customer is None or not items:
        return
    latest = msgspec.convert(items[0].request, ContactRequest)
    contact_id = derived_id("c", "digest", *due, _day(latest, customer, means.policy, now))
    if contacts.lock(connection, contact_id) is not None:  # they moved to another zone, or the hour was changed
        gathering.put_back(connection, items, customer, means.policy, now)
        return
    found = _sorted(connection, items, now)
    timeline.add(connection, [_left_out(item, reason, now) for item, reason in found.left_out])
    _put_off(connection, found.waiting, customer, means.policy, now)
    if found.told:
        _tell(connection, contact_id, found.told, customer, means, now)


def renewed(connection: Connection, contact: Contact, policy: PolicySettings, now: datetime) -> Contact | None:
    """``contact`` as it is to be looked at; a digest less what is over by now, ``None`` where nothing is left of it."""
    if not contact.request.get("digest"):
        return contact
    before = [msgspec.convert(each, Item) for each in contact.context["items"]]
    found = _sorted(connection, before, now)
    if any(each.state in history.GOING for each in messages.of_contact(connection, contact.id)):
        found = _Sorted([item for item in before if item in found.told or item in found.waiting], found.left_out, [])
    if not found.left_out and not found.waiting:
        return contact
    timeline.add(connection, [_left_out(item, reason, now) for item, reason in found.left_out])
    customer = reach.load(connection, contact.customer_id)
    if customer is not None:
        _put_off(connection, found.waiting, customer, policy, now)
    if not found.told:
        state = "withdrawn" if contact.state == "held" else "done"
        reason, why = Reason.RECOVERED, "Nothing that the digest tells of is true still"
        if found.waiting:
            reason, why = Reason.INHIBITED, "Nothing is left of the digest that does not wait for the next one"
        endings.stop(connection, contact, reason.value, why, now, state=state)
        return None
    context = {**contact.context, "items": _as_json(found.told)}
    context["words"] = {**context["words"], **_listed(found.told)}
    contacts.change(connection, contact.id, context=context)
    return msgspec.structs.replace(contact, context=context)


def _sorted(connection: Connection, items: Sequence[Item], now: datetime) -> _Sorted:
    news, ends = [item for item in items if not item.is_end], [item for item in items if item.is_end]
    standing = digest_items.alerts_of(connection, {item.alert_id for item in news})
    found = _Sorted([], [], [])
    reasons = [worthless(item, standing.get(item.alert_id), now) for item in news]
    for item, reason in zip([*news, *ends], [*reasons, *_overtaken(connection, ends)], strict=True):
        if reason is None:
            found.told.append(item)
        elif reason is Reason.INHIBITED:
            found.waiting.append(item)
        else:
            found.left_out.append((item, reason))
    return found


def worthless(item: Item, alert: Standing | None, now: datetime) -> Reason | None:
    """Why ``item`` is not told at ``now``, as its alert stands; ``None``: it is."""
    if item.expires_at is not None and item.expires_at <= now:
        return Reason.EXPIRED
    # What was only a moment is not over because the moment is.
    if alert is None or (alert.state != "firing" and alert.ended_by != PASSED):
        return Reason.RECOVERED
    if alert.acknowledged_at is not None and timeline.moment(alert.acknowledged_at) >= item.at:
        return Reason.ACKNOWLEDGED
    if alert.snoozed_until is not None and timeline.moment(alert.snoozed_until) > now:
        return Reason.SNOOZED
    return Reason.INHIBITED if alert.inhibited_by is not None else None


def _overtaken(connection: Connection, ends: Sequence[Item]) -> list[Reason | None]:
    """Why each of ``ends``, all one customer's, is not told any more; ``None``: it is."""
    if not ends:
        return []
    over = {item.alert_id for item in ends}
    told = digest_items.heard_of(connection, over, ends[0].customer_id, history.TOLD)
    again = digest_items.firing_again(connection, over)
    return [
        Reason.NOT_TOLD if item.alert_id not in told else Reason.FIRES_AGAIN if item.alert_id in again else None
        for item in ends
    ]


def _tell(
    connection: Connection, contact_id: str, told: list[Item], customer: Customer, means: Means, now: datetime
) -> None:
    request = _request(told, now)
    raw = msgspec.to_builtins(request)
    planned = ask(connection, request, customer, alert_id=contact_id, policy=means.policy, now=now)
    fresh = Contact(
        id=contact_id,
        decision_id=request.decision_id,
        alert_id=contact_id,  # its own: the end of one alert does not end the digest
        rule_id=request.rule_id,
        customer_id=customer.id,
        state="active" if planned.hold_until_ms is None else "held",
        request=raw,
        context={"words": _words(told, request), "rule_version": "", "items": _as_json(told)},
    )
    if not planned.steps:
        timeline.add(
            connection,
            [
                entries.of_suppression(customer_id=customer.id, request=raw, rule_version="", no=no, at=now)
                for no in planned.suppressions
            ],
        )
        for no in planned.suppressions:
            SUPPRESSIONS.labels(no.reason.value).inc()
        refused = [(no.channel, no.reason.value) for no in planned.suppressions]
        gathering.keep(connection, fresh, customer, refused, means.policy, now)
        return
    count = len(_by_alert(told))
    entry = entries.of_plan(fresh, now, f"A digest of {count} that were not told at once", part="digest")
    decisions = [item.decision_id for item in told]
    timeline.add(connection, [entries.with_detail(entry, {**entry.detail, "decisions": decisions})])
    steps.begin(connection, fresh, planned, customer, means, now)


def _request(told: Sequence[Item], now: datetime) -> ContactRequest:
    """As the newest of them asked, for all."""
    each = [msgspec.convert(item.request, ContactRequest) for item in told]
    named = all(request.channels for request in each)
    ends = [item.expires_at for item in told if item.expires_at is not None]
    lasts = max(ends) - now if len(ends) == len(told) else None
    return ContactRequest(
        decision_id=each[0].decision_id,
        rule_id=each[0].rule_id,
        transition="firing",
        severity="info",
        purpose=each[0].purpose,
        channels=tuple(dict.fromkeys(name for request in each for name in request.channels)) if named else (),
        template=TEMPLATE,
        device_id=each[0].device_id,
        decided_at_ms=int(now.timestamp() * 1000),
        expires_after_ms=None if lasts is None else int(lasts.total_seconds() * 1000),
        store_time_zone=each[0].store_time_zone,
        digest=True,
    )


def _words(told: Sequence[Item], request: ContactRequest) -> dict[str, Any]:
    return {
        "device": {"id": request.device_id, "model": "", "name": request.device_id},
        "store": None,
        "rule": {"id": request.rule_id, "summary": ""},
        "values": {},
        "summary": "",
        "severity": "info",
        "at": request.decided_at_ms,
        "case_id": None,
        **_listed(told),
    }


def _listed(told: Sequence[Item]) -> dict[str, Any]:
    """The template's ``items`` and ``more``: each alert once, as it was last told of."""
    sentences = [item.summary for item in _by_alert(told)]
    return {"items": sentences[:LISTED], "more": max(0, len(sentences) - LISTED)}


def _by_alert(told: Sequence[Item]) -> list[Item]:
    newest: dict[str, Item] = {}
    for item in told:
        newest.setdefault(item.alert_id, item)
    return list(newest.values())


def _put_off(
    connection: Connection, waiting: Sequence[Item], customer: Customer, policy: PolicySettings, now: datetime
) -> None:
    """Tell what another rule's alert speaks for in the next digest, if it is still true by then."""
    gathering.put_back(connection, waiting, customer, policy, now)
    why = "Waits for the next digest: the alert of another rule speaks for this one"
    timeline.add(connection, [_entry(item, Reason.INHIBITED, why, now) for item in waiting])


def _left_out(item: Item, reason: Reason, now: datetime) -> timeline.Entry:
    return _entry(item, reason, f"Left out of the digest: {_WHY[reason]}", now)


def _entry(item: Item, reason: Reason, summary: str, now: datetime) -> timeline.Entry:
    return timeline.Entry(
        id=derived_id("t", item.customer_id, item.decision_id, "digest", reason.value),
        customer_id=item.customer_id,
        at=now,
        kind="decision",
        summary=summary,
        device_id=item.request["device_id"],
        rule_id=item.request["rule_id"],
        decision_id=item.decision_id,
        reason=reason.value,
        detail={"summary": item.summary},
    )


def _day(request: ContactRequest, customer: Customer, policy: PolicySettings, now: datetime) -> str:
    """The customer's date."""
    now_ms = int(now.timestamp() * 1000)
    place = whereabouts(asked.Contact(request, customer, History(), policy, now_ms))
    return f"{local_time(now_ms, place.zone):%Y-%m-%d}"


def _as_json(items: Sequence[Item]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.to_builtins(items)
    return found
