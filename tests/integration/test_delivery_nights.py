"""What waited past the beginning of its customer's quiet hours stays until the morning, whatever it waited for."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from gateway.delivery import resending, settlement, steps
from gateway.delivery.outbox import Outbox
from gateway.delivery.pacer import SET_ASIDE, Pacer
from gateway.delivery.rendering import Means
from gateway.delivery.settlement import Rules, Sent
from gateway.past import contacts_past
from gateway.settings import Settings
from gateway.storage import claims
from gateway.storage.messages import Claimed
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Settlement
from notifiers.policy import Money, policy_settings
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    engine,
    eventually,
    execute,
    means_of,
    resolved,
    rows,
    stand_in_process,
    stand_ins,
)

__all__ = ["engine", "stand_in_process", "stand_ins"]

pytestmark = pytest.mark.stack

EVENING = datetime(2099, 3, 3, 21, 50, tzinfo=UTC)
"""Later than the database's clock, by which nothing is due then unless a test says so."""
NIGHT = EVENING.replace(hour=22, minute=0)
MORNING = datetime(2099, 3, 4, 7, 0, tzinfo=UTC)
SPAN = "22:00-07:00"
RULES = Rules("me", 8, 30.0)
STANDING = "SELECT channel, state, reason FROM messages ORDER BY step, created_at"


def resting(engine: Engine, span: str = SPAN, **policy: Any) -> Means:
    """Maintenance rests from 22:00 to 07:00."""
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(
        policy=policy_settings({**dict.fromkeys(AT_ALL_HOURS, "never"), "maintenance": span}, **policy)
    )


def an_alert(*channels: str, name: str = "1", at: datetime = EVENING, **values: Any) -> Decision:
    """A minor one: it wakes nobody."""
    notify = NotifyAction(
        "alert",
        channels or ("push",),
        escalate_after_ms=values.pop("escalate_after_ms", None),
        expires_after_ms=values.pop("expires_after_ms", None),
    )
    return a_decision(name, severity="minor", at=int(at.timestamp() * 1000), notify=notify, **values)


def look(engine: Engine, means: Means, at: datetime) -> None:
    """All that a pacer does at ``at``."""
    pacer = Pacer(engine, means, lambda: at, lambda: None)
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at <= :at", at=at)
    while pacer.look_once() or pacer.rest_once():
        execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at <= :at", at=at)


def claim(engine: Engine, at: datetime) -> list[Claimed]:
    with engine.begin() as connection:
        execute(engine, "UPDATE messages SET due_at = now() WHERE state = 'queued'")
        return claims.claim(
            connection, {"push": 9, "sms": 9, "email": 9}, owner=RULES.owner, lease_s=30, at=at, providers={}
        )


def record(engine: Engine, message: Claimed, outcome: Outcome, at: datetime) -> None:
    with engine.begin() as connection:
        settlement.record_sent(connection, Sent(message, "stand-in", outcome), RULES, at, 0.5)


def units(engine: Engine) -> int:
    """What the day's sums and what they don't know of yet come to."""
    counted = rows(engine, "SELECT coalesce(sum(units), 0) FROM charges WHERE charged")
    return int(counted[0][0])


def test_what_waited_into_the_night_is_passed_over_and_sent_in_the_morning_on_the_same_channel(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert("push", "sms"), at=EVENING)
    assert claim(engine, NIGHT) == []
    look(engine, means, NIGHT)
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("held", MORNING)]
    look(engine, means, MORNING)
    [message] = claim(engine, MORNING)
    assert (message.channel, message.quiet_from) == ("push", NIGHT + timedelta(days=1))
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours"), ("push", "sending", None)]


def test_the_night_is_looked_at_before_all_that_waits_has_its_turn(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert(), at=EVENING)
    assert len(claim(engine, NIGHT - timedelta(milliseconds=1))) == 1


def test_what_wakes_people_leaves_in_the_night(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    alert = a_decision("grave", severity="major", at=int(EVENING.timestamp() * 1000), notify=NotifyAction("alert"))
    decide(engine, means, alert, at=EVENING)
    look(engine, means, NIGHT)
    assert len(claim(engine, NIGHT)) == 1


def test_what_would_expire_before_the_morning_ends_as_expired(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert(expires_after_ms=3_600_000), at=EVENING)
    look(engine, means, NIGHT)
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("expired", None)]


def test_what_is_over_in_the_night_is_not_told_in_the_morning(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    alert = an_alert()
    decide(engine, means, alert, at=EVENING)
    look(engine, means, NIGHT)
    decide(engine, means, resolved(alert), at=NIGHT + timedelta(hours=1))
    look(engine, means, MORNING)
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]


def test_a_second_night_holds_it_again_and_says_so(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert(), at=EVENING)
    for night in range(2):
        look(engine, means, NIGHT + timedelta(days=night))
        look(engine, means, MORNING + timedelta(days=night))
    held = rows(
        engine,
        "SELECT detail->'inputs'->>'hold_until_ms' FROM timeline WHERE reason = 'quiet_hours' AND kind = 'suppression'",
    )
    assert sorted(int(until) for (until,) in held) == [
        int((MORNING + timedelta(days=night)).timestamp() * 1000) for night in range(2)
    ]
    assert [state for _, state, _ in rows(engine, STANDING)] == ["withdrawn", "withdrawn", "queued"]
    with engine.connect() as connection:
        past = contacts_past.load(connection, EVENING - timedelta(days=1), MORNING + timedelta(days=3))
    assert past.held == 1, "one contact, however many nights"


def test_one_phone_that_was_told_is_enough_and_the_other_stays_silent(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine, addresses={"push": ["one", "two"]})
    decide(engine, means, an_alert("push"), at=EVENING)
    first, second = claim(engine, EVENING)
    record(engine, first, Accepted("p-1"), EVENING)
    with engine.begin() as connection:
        claims.give_back(connection, [second.id], owner=RULES.owner)
    look(engine, means, NIGHT)
    assert sorted(state for _, state, _ in rows(engine, STANDING)) == ["accepted", "withdrawn"]
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]


def test_a_send_in_doubt_is_left_to_its_outcome_and_its_retry_rests(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert("push", "sms"), at=EVENING)
    assert len(claim(engine, EVENING)) == 1
    look(engine, means, NIGHT)
    assert rows(engine, STANDING) == [("push", "sending", None)]
    execute(engine, "UPDATE messages SET lease_until = now()")  # whoever sent it has died
    with engine.begin() as connection:
        [doubtful] = claims.claim_doubtful(connection, ["push"], limit=1, owner=RULES.owner, lease_s=30)
        settlement.record_asked(connection, settlement.Asked(doubtful, "stand-in", CannotTell()), RULES, NIGHT)
    assert rows(engine, STANDING) == [("push", "queued", "sender_lost")]
    assert claim(engine, NIGHT) == []
    look(engine, means, NIGHT)
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]


def test_what_a_person_sends_again_in_the_evening_rests_too(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert("push"), at=EVENING)
    [message] = claim(engine, EVENING)
    with engine.begin() as connection:
        claims.release(connection, message.id, "failed", owner=RULES.owner, reason="gave up")
        steps.step_failed(connection, message.contact_id, 0)
    look(engine, means, EVENING)
    tomorrow = EVENING + timedelta(days=1)
    with engine.begin() as connection:
        assert resending.resend(connection, message.id, by="ops", policy=means.policy, now=tomorrow)
    assert claim(engine, NIGHT + timedelta(days=1)) == []
    look(engine, means, NIGHT + timedelta(days=1))
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]
    assert rows(engine, "SELECT state FROM contacts") == [("held",)]


def test_the_morning_pays_with_what_the_evening_gave_back(engine: Engine) -> None:
    means = resting(engine, money=Money(daily_budget={"sms": 3}))
    a_customer(engine)
    decide(engine, means, an_alert("sms"), at=EVENING)
    once = units(engine)
    assert once > 0
    look(engine, means, NIGHT)
    assert units(engine) == 0
    look(engine, means, MORNING)
    assert units(engine) == once


def test_looking_twice_at_the_same_night_changes_nothing(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert(), at=EVENING)
    look(engine, means, NIGHT)
    before = rows(engine, "SELECT id, state FROM messages UNION ALL SELECT id, state FROM contacts")
    with engine.begin() as connection:
        [(contact_id,)] = rows(engine, "SELECT id FROM contacts")
        steps.rest(connection, contact_id, NIGHT)
    look(engine, means, NIGHT)
    assert rows(engine, "SELECT id, state FROM messages UNION ALL SELECT id, state FROM contacts") == before


def test_one_that_our_own_code_fails_on_holds_up_no_other_and_does_not_leave(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = resting(engine)
    a_customer(engine)
    for name in ("1", "2"):
        decide(engine, means, an_alert(name=name), at=EVENING)
    [(broken,), (_,)] = rows(engine, "SELECT contact_id FROM messages ORDER BY created_at")
    rest = steps.rest

    def fail(connection: Connection, contact_id: str, now: datetime) -> None:
        if contact_id == broken:
            raise ValueError("of our own making")
        rest(connection, contact_id, now)

    now = [NIGHT]
    pacer = Pacer(engine, means, lambda: now[0], lambda: None)
    with monkeypatch.context() as patched:
        patched.setattr(steps, "rest", fail)
        assert [pacer.rest_once(), pacer.rest_once()] == [True, False]
    queued = "SELECT contact_id FROM messages WHERE state = 'queued'"
    assert rows(engine, queued) == [(broken,)]
    assert claim(engine, NIGHT) == []
    assert not pacer.rest_once()
    now[0] += SET_ASIDE
    assert pacer.rest_once()
    assert rows(engine, queued) == []


def test_a_process_that_dies_between_taking_back_and_holding_loses_nothing(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine)
    decide(engine, means, an_alert(), at=EVENING)
    assert Pacer(engine, means, lambda: NIGHT, lambda: None).rest_once()
    assert rows(engine, STANDING) == [("push", "withdrawn", "quiet_hours")]
    look(engine, means, MORNING)  # another one, and late
    assert [state for _, state, _ in rows(engine, STANDING)] == ["withdrawn", "queued"]


class Slow:
    """A provider that is not finished with one message when the night begins."""

    channel, provider = "push", "slow"

    def __init__(self) -> None:
        self.at = EVENING
        self.sent: list[datetime] = []

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(self.at)
        time.sleep(0.05)
        self.at = NIGHT
        return Accepted(f"p-{message.message_id}")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


def test_what_waited_for_a_thread_over_the_beginning_of_the_night_goes_back(engine: Engine) -> None:
    means = resting(engine)
    a_customer(engine, addresses={"push": [f"phone-{number}" for number in range(6)]})
    decide(engine, means, an_alert("push"), at=EVENING)
    slow = Slow()
    outbox = Outbox(
        engine,
        {"push": slow},
        means.links,
        RULES,
        threads=1,
        lease_s=30,
        clock=lambda: slow.at,
        on_step_ended=lambda: None,
    )
    try:
        while outbox._send_due():
            outbox.drain(5.0)
        eventually(lambda: rows(engine, "SELECT count(*) FROM messages WHERE state = 'sending'") == [(0,)])
    finally:
        outbox.close()
    assert set(slow.sent) == {EVENING}
    left = rows(engine, "SELECT count(*) FROM messages WHERE state = 'queued' AND attempts = 0")
    assert left == [(6 - len(slow.sent),)]


def test_on_the_wire_nothing_leaves_at_night_when_the_provider_comes_back(engine: Engine, stand_ins: StandIns) -> None:
    wanted = delivery_settings(stand_ins, max_attempts=50)
    means = resting(engine)
    wanted = wanted.model_copy(
        update={"policy": wanted.policy.model_copy(update={"quiet_hours": {**AT_ALL_HOURS, "maintenance": SPAN}})}
    )
    a_customer(engine)
    now = [EVENING]
    stand_ins.fault("fcm", "503")
    decide(engine, means, an_alert("push", name=uuid.uuid4().hex), at=EVENING)
    [(first,)] = rows(engine, "SELECT id FROM messages")
    with delivering(engine, wanted, lambda: now[0]):
        eventually(lambda: stand_ins.requests(provider="fcm", message_id=first))
        now[0] = NIGHT + timedelta(hours=1)
        eventually(lambda: rows(engine, "SELECT state FROM contacts") == [("held",)])
        before = len(stand_ins.requests(provider="fcm"))
        stand_ins.fault("fcm", "ok")
        time.sleep(1.2)
        assert len(stand_ins.requests(provider="fcm")) == before
        now[0] = MORNING
        execute(engine, "UPDATE contacts SET due_at = now()")
        eventually(lambda: rows(engine, "SELECT 1 FROM messages WHERE state IN ('accepted', 'delivered')"))
    [(second,)] = rows(engine, "SELECT id FROM messages WHERE id <> :first", first=first)
    [request] = stand_ins.requests(provider="fcm", message_id=second)
    assert request["outcome"] == "accepted"


spans = st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(
    lambda span: 30 < (span[1] - span[0]) % 1440 < 1200
)
zones = st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
starts = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from([datetime(2036, 3, day, tzinfo=UTC) for day in (8, 9, 29, 30)]),
    st.integers(0, 1439),
)
waits = st.lists(st.tuples(st.integers(1, 300), st.booleans()), max_size=12)


def is_night(at: datetime, zone: str, span: tuple[int, int]) -> bool:
    """The model: what the customer's clock shows."""
    local = at.astimezone(ZoneInfo(zone))
    minute, (begins, ends) = local.hour * 60 + local.minute, span
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(starts, zones, spans, waits, st.sampled_from([None, 15, 200]))
def test_however_long_it_waits_no_request_falls_into_the_customers_night_and_it_leaves_by_day(
    engine: Engine,
    start: datetime,
    zone: str,
    span: tuple[int, int],
    waiting: list[tuple[int, bool]],
    escalates: int | None,
) -> None:
    execute(engine, "DELETE FROM contacts")
    means = resting(engine, f"{span[0] // 60}:{span[0] % 60:02}-{span[1] // 60}:{span[1] % 60:02}")
    customer = uuid.uuid4().hex
    a_customer(engine, customer, time_zone=zone)
    alert = an_alert(
        "push",
        "sms",
        name=customer,
        at=start,
        customer_id=customer,
        escalate_after_ms=None if escalates is None else escalates * 60_000,
    )
    decide(engine, means, alert, at=start)
    at, sent = start, 0
    for minutes, well in [(0, False), *waiting, *[(60, True)] * 27]:
        at += timedelta(minutes=minutes)
        if minutes % 2:  # requests are as often before as after the contacts were looked at
            look(engine, means, at)
        for message in claim(engine, at):
            assert not is_night(at, zone, span)
            if well:
                record(engine, message, Accepted(f"p-{message.id}"), at)
                sent += 1
            else:
                with engine.begin() as connection:
                    claims.release(connection, message.id, "queued", owner=RULES.owner, reason="down", due_in_s=0)
        look(engine, means, at)
    assert sent >= 1
    assert sent == 1 or escalates is not None
