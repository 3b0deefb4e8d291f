"""Every outcome of a send, through the real SDKs, against stand-ins that speak the providers' protocols."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from notifiers.attempt import DEADLINE_S
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    execute,
    means_of,
    resolved,
    rows,
    states,
    time_is_up,
)

pytestmark = pytest.mark.stack


def only(*channels: str) -> NotifyAction:
    return NotifyAction("alert", channels)


@pytest.mark.parametrize(("channel", "provider"), [("push", "fcm"), ("sms", "twilio"), ("email", "smtp")])
def test_an_accepted_message_is_recorded_with_the_providers_id(
    engine: Engine, stand_ins: StandIns, channel: str, provider: str
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    decide(engine, means_of(engine, settings), a_decision(channel, notify=only(channel)))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {channel: "accepted"})
    [(message_id, found, provider_id)] = rows(engine, "SELECT id, provider, provider_id FROM messages")
    [request] = stand_ins.requests(provider=provider, message_id=message_id)
    assert found == provider
    assert provider_id
    assert request["outcome"] == "accepted"
    said = rows(engine, "SELECT detail->>'state' FROM timeline WHERE message_id = :id ORDER BY ordinal", id=message_id)
    assert said == [("queued",), ("accepted",)]


def test_an_unregistered_token_is_dropped_and_the_next_channel_is_used_at_once(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine, addresses={"push": ["phone-gone"], "sms": "+81 90-1234-5678"})
    decide(engine, means_of(engine, settings), a_decision(notify=only("push", "sms")))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "failed", "sms": "accepted"})
    assert rows(engine, "SELECT addresses FROM customers") == [({"sms": "+81 90-1234-5678"},)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE reason = 'address_dropped'") == [(1,)]


@pytest.mark.parametrize(("provider", "channel"), [("fcm", "push"), ("smtp", "email")])
def test_a_provider_in_trouble_is_tried_again_and_then_takes_it(
    engine: Engine, stand_ins: StandIns, provider: str, channel: str
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault(provider, "503", count=1)
    decide(engine, means_of(engine, settings), a_decision(f"again-{channel}", notify=only(channel)))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {channel: "accepted"})
    assert rows(engine, "SELECT attempts FROM messages") == [(2,)]


def test_the_providers_retry_after_is_honoured(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault("fcm", "429", count=1, seconds=4)
    decide(engine, means_of(engine, settings), a_decision("429", notify=only("push")))
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "accepted"}, within=20)
    first, second = stand_ins.requests(message_id=message_id)
    assert second["at"] - first["at"] >= 4_000


def test_an_sms_without_an_answer_is_settled_by_asking_and_goes_out_exactly_once(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault("twilio", "drop_after", count=1)
    decide(engine, means_of(engine, settings), a_decision("drop-after", notify=only("sms")))
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"sms": "accepted"})
    assert len(stand_ins.requests(message_id=message_id)) == 1
    said = rows(engine, "SELECT detail->>'state' FROM timeline WHERE message_id = :id ORDER BY ordinal", id=message_id)
    assert said == [("queued",), ("unknown",), ("accepted",)]


def test_an_sms_that_the_provider_turns_out_not_to_have_is_sent_again(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault("twilio", "500", count=1)
    decide(engine, means_of(engine, settings), a_decision("500", notify=only("sms")))
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"sms": "accepted"})
    outcomes = [request["outcome"] for request in stand_ins.requests(message_id=message_id)]
    assert outcomes == ["fault", "accepted"]


def test_a_mail_whose_answer_was_lost_stays_unknown_and_the_next_channel_is_used(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault("smtp", "drop_after", count=1)
    decide(engine, means_of(engine, settings), a_decision("mail", notify=only("email", "push")))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"email": "unknown", "push": "accepted"})


def test_a_channel_without_settings_fails_and_the_next_one_is_used(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    settings.fcm.project_id = None
    a_customer(engine)
    decide(engine, means_of(engine, settings), a_decision("unset", notify=only("push", "email")))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "failed", "email": "accepted"})
    assert rows(engine, "SELECT reason FROM messages WHERE channel = 'push'") == [("channel_not_configured",)]


def test_when_every_channel_has_failed_the_timeline_says_that_nobody_was_reached(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine, addresses={"push": ["phone-gone"]})
    decide(engine, means_of(engine, settings), a_decision("nobody"))
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT state FROM contacts") == [("exhausted",)])
    assert rows(engine, "SELECT kind FROM timeline WHERE reason = 'nobody_reached'") == [("decision",)]


def test_an_unanswered_push_is_followed_by_the_next_channel_in_time(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    notify = NotifyAction("alert", ("push", "sms", "email"), escalate_after_ms=600_000)
    decide(engine, means_of(engine, settings), a_decision("slowly", notify=notify))
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "accepted"})
        time_is_up(engine)
        eventually(lambda: states(engine) == {"push": "accepted", "sms": "accepted"})
        time_is_up(engine)
        eventually(lambda: states(engine) == dict.fromkeys(("push", "sms", "email"), "accepted"))
        time_is_up(engine)
        eventually(lambda: rows(engine, "SELECT state FROM contacts") == [("done",)])


def test_recovery_stops_the_escalation_and_is_told_on_the_channel_that_was_used(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    means = means_of(engine, settings)
    firing = a_decision("recovers", notify=NotifyAction("alert", ("push", "sms"), escalate_after_ms=600_000))
    decide(engine, means, firing)
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "accepted"})
        decide(engine, means, resolved(firing))
        eventually(lambda: rows(engine, "SELECT count(*) FROM messages WHERE state = 'accepted'") == [(2,)])
    assert rows(engine, "SELECT channel, template FROM messages ORDER BY created_at") == [
        ("push", "alert"),
        ("push", "resolved"),
    ]
    assert rows(engine, "SELECT state, due_at FROM contacts ORDER BY created_at LIMIT 1") == [("done", None)]


def test_a_message_that_has_not_left_is_withdrawn_on_recovery_and_nothing_is_announced(
    engine: Engine, stand_ins: StandIns
) -> None:
    means = means_of(engine, delivery_settings(stand_ins))
    a_customer(engine)
    firing = a_decision("early")
    decide(engine, means, firing, resolved(firing))
    assert rows(engine, "SELECT channel, state, reason FROM messages") == [("push", "withdrawn", "recovered")]
    assert rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'") == [("not_told",)]


def test_nobody_is_told_that_an_offer_is_over(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    means = means_of(engine, settings)
    a_customer(engine)
    offer = a_decision("offer", purpose="offers", notify=NotifyAction("offer", ("push",)))
    decide(engine, means, offer)
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "accepted"})
    decide(engine, means, resolved(offer))
    assert rows(engine, "SELECT count(*) FROM messages") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'suppression'") == [(0,)]


def test_a_message_that_waited_too_long_expires_unsent(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    notify = NotifyAction("alert", ("push",), expires_after_ms=60_000)
    decide(engine, means_of(engine, settings), a_decision("late", notify=notify))
    execute(engine, "UPDATE messages SET expires_at = now() - interval '1 second'")
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"push": "expired"})
    assert stand_ins.requests(message_id=message_id) == []


def test_a_slow_provider_holds_up_nobody_else(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    means = means_of(engine, settings)
    stand_ins.fault("fcm", "slow", seconds=30)
    for number in range(8):
        a_customer(engine, f"c{number}", addresses={"push": [f"t{number}-silent"], "email": f"c{number}@example.com"})
        decide(
            engine,
            means,
            a_decision(f"p{number}", customer_id=f"c{number}", notify=only("push")),
            a_decision(f"e{number}", customer_id=f"c{number}", rule_id="other", notify=only("email")),
        )
    count = "SELECT count(*) FROM messages WHERE channel = :channel AND state = 'accepted'"
    with delivering(engine, settings):
        # Less than the deadline of a send, after which the threads were free for the mails anyway.
        eventually(lambda: rows(engine, count, channel="email") == [(8,)], within=0.9 * DEADLINE_S)
        assert rows(engine, count, channel="push") == [(0,)]
    stand_ins.fault("fcm", "ok")
