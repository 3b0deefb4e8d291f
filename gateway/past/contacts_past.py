"""What happened between the gateway and its customers in a span of the past, for asking the contact policy again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, and_, select

from gateway.storage.history import GOING
from gateway.storage.tables import alerts, cases, contacts, decisions, messages, timeline
from notifiers.policy import ContactRequest
from notifiers.policy.stages.addresses import region_of
from notifiers.sms.segments import segments
from rules.judgement import PASSED

FAULTS = ("maintenance", "safety")
LOOK_BACK = timedelta(days=30)
"""Longer caps and cooldowns are rare, and would ask for more than most spans hold."""
BESIDES = frozenset({"late", "inhibited", "snoozed"})
"""Reasons that come from the alert, before the policy is asked: no setting changes them."""


_MADE = (decisions.c.made_at, decisions.c.seq, decisions.c.index.label("place"))


class Sent(msgspec.Struct, frozen=True):
    """A message that really went out."""

    channel: str
    step: int
    address: str
    segments: int
    country: str | None


class Asked(msgspec.Struct, frozen=True):
    """One question to the policy, and what really became of it."""

    at_ms: int
    """When the decision was written (epoch ms), by the database's clock, as are all times here."""
    customer_id: str
    alert_id: str
    request: ContactRequest
    position: tuple[int, int]
    """Of the event that was decided upon, in its log: orders what one transaction wrote."""
    silenced: str | None = None
    """One of ``BESIDES``."""
    sent: tuple[Sent, ...] = ()


class Episode(msgspec.Struct, frozen=True):
    """From when to when something was open (epoch ms); ``until_ms`` is ``None`` where it still is."""

    since_ms: int
    until_ms: int | None

    def covers(self, at_ms: int) -> bool:
        """Whether it was open at ``at_ms``."""
        return self.since_ms <= at_ms and (self.until_ms is None or at_ms <= self.until_ms)


class ContactsPast(msgspec.Struct):
    """A span of the past."""

    asked: list[Asked]
    """In the order of time."""
    reasons: dict[str, int]
    """How often the policy really said no, by reason."""
    held: int
    """How many contacts were really held."""
    alerts: dict[str, Episode]
    """While each could be told of: of what was only a moment, for ever."""
    faults: dict[str, list[Episode]]
    """Open faults by customer."""
    before: list[Asked] = []
    """Contacts shortly before the span: they count against caps and cooldowns in it."""


def load(connection: Connection, since: datetime, until: datetime) -> ContactsPast:
    """Read the span from ``since`` to before ``until``."""
    refused, reasons, held = _refused(connection, since, until)
    asked = [*_begun(connection, since, until), *refused]
    asked.sort(key=lambda each: (each.at_ms, each.position))
    customers = {each.customer_id for each in asked}
    return ContactsPast(
        asked,
        reasons,
        held,
        _alerts(connection, {each.alert_id for each in asked}),
        _faults(connection, customers),
        list(_begun(connection, since - LOOK_BACK, since)),
    )


def _begun(connection: Connection, since: datetime, until: datetime) -> Iterator[Asked]:
    sent: dict[str, list[Sent]] = {}
    span = (contacts.c.created_at >= since, contacts.c.created_at < until)
    written = (
        select(messages.c.contact_id, messages.c.channel, messages.c.step, messages.c.address, messages.c.body)
        .join(contacts, contacts.c.id == messages.c.contact_id)
        .where(*span, messages.c.state.in_(GOING))
    )
    for one in connection.execute(written):
        sent.setdefault(one.contact_id, []).append(_sent(one.channel, one.step, one.address, one.body))
    begun = (
        select(contacts.c.id, contacts.c.customer_id, contacts.c.alert_id, contacts.c.request, *_MADE)
        .join(decisions, decisions.c.id == contacts.c.decision_id)
        .where(*span)
    )
    for row in connection.execute(begun):
        yield Asked(
            _millis(row.made_at),
            row.customer_id,
            row.alert_id,
            msgspec.convert(row.request, ContactRequest),
            (row.seq, row.place),
            sent=tuple(sorted(sent.get(row.id, ()), key=lambda each: each.step)),
        )


def _sent(channel: str, step: int, address: str, body: str) -> Sent:
    if channel != "sms":
        return Sent(channel, step, address, 0, None)
    return Sent(channel, step, address, segments(body).parts, region_of(address))


def _refused(connection: Connection, since: datetime, until: datetime) -> tuple[list[Asked], dict[str, int], int]:
    """The questions that came to nothing, how often each reason was given, and how many contacts were held."""
    asked: list[Asked] = []
    reasons: dict[str, int] = {}
    held: set[tuple[str, str]] = set()  # one may be held over several nights
    rows = connection.execute(
        select(
            timeline.c.customer_id,
            timeline.c.decision_id,
            timeline.c.reason,
            timeline.c.detail,
            decisions.c.alert_id,
            *_MADE,
        )
        .join(decisions, decisions.c.id == timeline.c.decision_id)
        .where(timeline.c.kind == "suppression", timeline.c.reason.is_not(None))
        .where(timeline.c.at >= since, timeline.c.at < until)
    )
    for row in rows:
        if row.detail.get("held"):
            if row.reason not in BESIDES:
                held.add((row.customer_id, row.decision_id))
            continue
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
        request: dict[str, Any] | None = row.detail.get("request")
        if request is not None:
            silenced = row.reason if row.reason in BESIDES else None
            question = msgspec.convert(request, ContactRequest)
            position = (row.seq, row.place)
            asked.append(Asked(_millis(row.made_at), row.customer_id, row.alert_id, question, position, silenced))
    return asked, reasons, len(held)


def _alerts(connection: Connection, ids: Iterable[str]) -> dict[str, Episode]:
    found: dict[str, Episode] = {}
    for some in _portions(ids):
        for row in connection.execute(_EPISODES.where(alerts.c.id.in_(some))).mappings():
            since, until = _episode(row)
            found[row["id"]] = Episode(since, None if row["ended_by"] == PASSED else until)
    return found


def _faults(connection: Connection, customers: Iterable[str]) -> dict[str, list[Episode]]:
    found: dict[str, list[Episode]] = {}
    for some in _portions(customers):
        firing = _EPISODES.where(alerts.c.customer_id.in_(some), alerts.c.purpose.in_(FAULTS))
        for fired in connection.execute(firing).mappings():
            found.setdefault(fired["customer_id"], []).append(Episode(*_episode(fired)))
        opened = select(cases.c.customer_id, cases.c.opened_at, cases.c.resolved_at)
        for row in connection.execute(opened.where(cases.c.customer_id.in_(some))):
            closed = None if row.resolved_at is None else _millis(row.resolved_at)
            found.setdefault(row.customer_id, []).append(Episode(_millis(row.opened_at), closed))
    return found


_ENDING = decisions.alias("ending")
_EPISODES = (
    select(
        alerts.c.id,
        alerts.c.customer_id,
        alerts.c.fired_at,
        alerts.c.resolved_at,
        alerts.c.ended_by,
        decisions.c.made_at.label("opened"),
        _ENDING.c.made_at.label("ended"),
    )
    .outerjoin(decisions, decisions.c.id == alerts.c.id)
    .outerjoin(_ENDING, and_(_ENDING.c.alert_id == alerts.c.id, _ENDING.c.transition == "resolved"))
)


def _episode(row: RowMapping) -> tuple[int, int | None]:
    """By when its decisions were written: that is what the policy saw; the events themselves are older."""
    since = row["fired_at"] if row["opened"] is None else _millis(row["opened"])
    return since, row["resolved_at"] if row["ended"] is None else _millis(row["ended"])


def _portions(ids: Iterable[str], size: int = 1_000) -> Iterator[list[str]]:
    several = sorted(ids)
    for start in range(0, len(several), size):
        yield several[start : start + size]


def _millis(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)
