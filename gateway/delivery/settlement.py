"""What becomes of a message once the outcome of its send, or of asking about it, is known.

Accepted sends are recorded many at a time and touch nothing but the messages and the timeline. Everything else has
consequences for the contact and takes a transaction of its own: contact first, then message (see ``storage.contacts``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, func
from sqlalchemy.dialects.postgresql import insert

from gateway.delivery import endings, entries, reach, steps
from gateway.delivery.metrics import MESSAGES
from gateway.delivery.providers import ASKED, REPEATABLE
from gateway.delivery.retry import Again, after_retry
from gateway.storage import alerts, claims, contacts, messages, same_number, timeline, wake
from gateway.storage.claims import SENDER_LOST, Taken
from gateway.storage.messages import Claimed
from gateway.storage.tables import provider_alarms
from notifiers.outcome import Accepted, CannotTell, NotSent, Outcome, Refused, Retry, Settlement, Unknown

log = structlog.get_logger()

ASK_AGAIN_S = 10.0
ASK_FOR = timedelta(minutes=2)
"""How long a provider that can be asked, but does not answer, is asked again about one message."""


class Rules(NamedTuple):
    """The settings that matter here."""

    owner: str
    max_attempts: int
    settle_seconds: float


class Sent(NamedTuple):
    """A send and what it came to; ``None``: it had expired and was not sent."""

    message: Claimed
    provider: str
    outcome: Outcome | None


class Asked(NamedTuple):
    """A message in doubt and what its provider said about it."""

    message: Claimed
    provider: str
    settlement: Settlement


class Untried(NamedTuple):
    """A message that was claimed, and not tried after all."""

    message: Claimed


def record_accepted(connection: Connection, sent: Sequence[Sent], owner: str, now: datetime) -> None:
    """Record sends that were accepted, all of one process, in the caller's transaction."""
    taken = [
        Taken(
            each.message.id,
            each.provider,
            each.outcome.provider_id,
            "delivered" if each.outcome.delivered else "accepted",
        )
        for each in sent
        if isinstance(each.outcome, Accepted)
    ]
    changed = claims.record_accepted(connection, sorted(taken), owner=owner)
    known = [each.message for each in sent if each.message.id in changed]
    states = {each.id: each.state for each in taken}
    timeline.add(connection, [entries.of_message(message, states[message.id], now) for message in known])
    for message in known:
        MESSAGES.labels(message.channel, states[message.id]).inc()


def record_sent(connection: Connection, sent: Sent, rules: Rules, now: datetime, chance: float) -> None:
    """Record a send that was not accepted, and what follows. ``chance``: uniform in [0, 1), for the backoff."""
    match sent.outcome:
        case None:
            _end(connection, sent.message, "expired", "expired", rules.owner, now)
        case Accepted():
            record_accepted(connection, [sent], rules.owner, now)
        case Retry() as outcome:
            _try_again(connection, sent, outcome, rules, now, chance)
        case Refused() as outcome:
            _refused(connection, sent, outcome, rules.owner, now)
        case Unknown(reason):
            _in_doubt(connection, sent.message, reason, rules, now)


def record_asked(connection: Connection, asked: Asked, rules: Rules, now: datetime) -> None:
    """Record what a provider said about a message in doubt, and what follows."""
    message = asked.message
    match asked.settlement:
        case Accepted(provider_id) if _is_ours(connection, message, provider_id):
            record_accepted(connection, [Sent(message, asked.provider, asked.settlement)], rules.owner, now)
        case Accepted():  # another process settled another message with it meanwhile: look again, for the next one
            claims.release(connection, message.id, "unknown", owner=rules.owner, reason=message.reason, due_in_s=0.0)
        case NotSent():
            _send_after_all(connection, message, "the provider does not have it", rules, now)
        case CannotTell() if _may_repeat(message):
            _send_after_all(connection, message, "a repeat is recognisable", rules, now)
        case CannotTell() if message.channel in ASKED and _asked_lately(message, now):
            claims.release(
                connection, message.id, "unknown", owner=rules.owner, reason=message.reason, due_in_s=ASK_AGAIN_S
            )
        case _:
            _unknown_for_good(connection, message, rules.owner, now)


def expire_overdue(connection: Connection, limit: int, now: datetime) -> list[Claimed]:
    """Give up what waited too long behind a provider in trouble; returns them."""
    gone = messages.expire(connection, limit)
    timeline.add(connection, [entries.of_message(message, "expired", now, reason="expired") for message in gone])
    for message in gone:
        MESSAGES.labels(message.channel, "expired").inc()
    return gone


def alarm(connection: Connection, provider: str, reason: str) -> None:
    """Our configuration with this provider is at fault: an operator must look."""
    values = {"reason": reason, "at": func.now()}
    statement = insert(provider_alarms).values(provider=provider, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["provider"], set_=values))
    log.error("provider.alarm", provider=provider, reason=reason)


def _is_ours(connection: Connection, message: Claimed, provider_id: str) -> bool:
    """Whether no other message to the number has ``provider_id``; holds it for this one until the transaction ends."""
    same_number.lock(connection, message.address)
    return provider_id not in same_number.others_to(connection, message).provider_ids


def _may_repeat(message: Claimed) -> bool:
    return message.channel in REPEATABLE or (message.reason == SENDER_LOST and message.channel not in ASKED)


def _asked_lately(message: Claimed, now: datetime) -> bool:
    since = message.first_sent_at or datetime.fromtimestamp(0, UTC)
    return now - since < ASK_FOR


def _try_again(connection: Connection, sent: Sent, outcome: Retry, rules: Rules, now: datetime, chance: float) -> None:
    message = sent.message
    if outcome.alarm:
        alarm(connection, sent.provider, outcome.reason)
    verdict = after_retry(
        outcome,
        attempt=message.attempts - message.forgiven,
        max_attempts=rules.max_attempts,
        now=now,
        expires_at=message.expires_at,
        chance=chance,
    )
    if isinstance(verdict, Again):
        _queue_again(connection, message, outcome.reason, outcome.reason, rules, now, in_s=verdict.delay_s)
    else:
        _end(connection, message, "failed", verdict.reason, rules.owner, now)


def _queue_again(
    connection: Connection, message: Claimed, reason: str | None, why: str, rules: Rules, now: datetime, *, in_s: float
) -> bool:
    """Back into the queue, due in ``in_s`` seconds; false where the claim was lost.

    Where the contact has ended or gone on meanwhile, or another alert has begun to speak for its own, it is taken back
    like what had not been claimed.
    """
    contact = contacts.lock(connection, message.contact_id)
    if not claims.release(connection, message.id, "queued", owner=rules.owner, reason=reason, due_in_s=in_s):
        return False
    timeline.add(connection, [entries.of_retry(message, now, why, in_s)])
    if contact is None or endings.overtaken(connection, contact, message.step, now):
        return True
    if alerts.inhibitor(connection, contact.alert_id) is not None:
        steps.hush(connection, contact, now)
    return True


def _refused(connection: Connection, sent: Sent, outcome: Refused, owner: str, now: datetime) -> None:
    message = sent.message
    _end(connection, message, "failed", outcome.reason, owner, now)
    consequences(
        connection,
        message,
        sent.provider,
        now,
        reason=outcome.reason,
        drop_address=outcome.drop_address,
        opted_out=outcome.opted_out,
        alarmed=outcome.alarm,
    )


def consequences(
    connection: Connection,
    message: Claimed,
    provider: str,
    now: datetime,
    *,
    reason: str,
    drop_address: bool,
    opted_out: bool,
    alarmed: bool,
) -> None:
    """What a refusal, at once or by a later receipt, says beyond the one message."""
    if drop_address:
        reach.drop_address(
            connection,
            message.customer_id,
            message.channel,
            message.address,
            reason=reason,
            message_id=message.id,
            at=now,
        )
    if opted_out:
        before = reach.opt_out(connection, message.customer_id, message.channel, source=f"{provider}: {reason}")
        summary = f"The customer has opted out of {entries.within(message.channel)} ({reason})"
        note = entries.of_note(
            message.customer_id, now, summary, "opted_out", message.id, channel=message.channel, message_id=message.id
        )
        if before:  # else the customer was erased meanwhile
            timeline.add(connection, [entries.with_detail(note, {"before": before})])
    if alarmed:
        alarm(connection, provider, reason)


def _in_doubt(connection: Connection, message: Claimed, reason: str, rules: Rules, now: datetime) -> None:
    if claims.release(
        connection, message.id, "unknown", owner=rules.owner, reason=reason, due_in_s=rules.settle_seconds
    ):
        timeline.add(connection, [entries.of_message(message, "unknown", now, reason=reason)])
        MESSAGES.labels(message.channel, "unknown").inc()


def _send_after_all(connection: Connection, message: Claimed, why: str, rules: Rules, now: datetime) -> None:
    """Back into the queue, unless there is no sense in it any more."""
    if message.attempts - message.forgiven >= rules.max_attempts:
        _end(
            connection,
            message,
            "failed",
            f"gave up after {message.attempts - message.forgiven} tries: {message.reason}",
            rules.owner,
            now,
        )
    elif message.expires_at is not None and message.expires_at <= now:
        _end(connection, message, "expired", "expired", rules.owner, now)
    elif _queue_again(connection, message, message.reason, why, rules, now, in_s=0.0):
        wake.notify(connection, wake.OUTBOX)


def _unknown_for_good(connection: Connection, message: Claimed, owner: str, now: datetime) -> None:
    """Nobody can say whether it went out. The next channel is used where there is one."""
    contacts.lock(connection, message.contact_id)
    if claims.release(connection, message.id, "unknown", owner=owner, reason=message.reason):
        timeline.add(connection, [entries.of_message(message, "unknown", now, reason=message.reason)])
        steps.step_failed(connection, message.contact_id, message.step)


def _end(connection: Connection, message: Claimed, state: str, reason: str, owner: str, now: datetime) -> None:
    contacts.lock(connection, message.contact_id)
    if claims.release(connection, message.id, state, owner=owner, reason=reason):
        timeline.add(connection, [entries.of_message(message, state, now, reason=reason)])
        MESSAGES.labels(message.channel, state).inc()
        steps.step_failed(connection, message.contact_id, message.step)
