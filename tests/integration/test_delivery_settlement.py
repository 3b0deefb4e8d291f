"""Settling what is in doubt, and who may still write about a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from gateway.delivery.run import utc_now
from gateway.delivery.settlement import Asked, Rules, Sent, record_accepted, record_asked, record_sent
from gateway.settings import Settings
from gateway.storage import claims, erasures
from gateway.storage.messages import Claimed
from notifiers.outcome import Accepted, CannotTell, NotSent, Refused, Unknown
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, means_of, rows

pytestmark = pytest.mark.stack

RULES = Rules("me", 8, 30.0)
STATE = "SELECT state, lease_until > now() FROM messages"
AT_ALL_HOURS = Settings.model_validate({"policy": {"quiet_hours": {"maintenance": ""}}})


def claimed(engine: Engine, *channels: str) -> Claimed:
    """The first message of a new contact, claimed by ``me``."""
    a_customer(engine)
    decide(engine, means_of(engine, AT_ALL_HOURS), a_decision(notify=NotifyAction("alert", channels)))
    with engine.begin() as connection:
        [message] = claims.claim(connection, {channels[0]: 5}, owner="me", lease_s=30, at=datetime.now(UTC))
    return message


def lose_the_sender(engine: Engine) -> Claimed:
    """The lease has ended without a record; ``me`` takes the message over to settle it."""
    execute(engine, "UPDATE messages SET lease_until = now() - interval '1 second', lease_owner = 'dead'")
    with engine.begin() as connection:
        [message] = claims.claim_doubtful(connection, ["push", "sms", "email"], limit=5, owner="me", lease_s=30)
    return message


def ask(engine: Engine, message: Claimed, answer: Accepted | NotSent | CannotTell) -> None:
    with engine.begin() as connection:
        record_asked(connection, Asked(message, "provider", answer), RULES, utc_now())


@pytest.mark.parametrize("channel", ["push", "email"])
def test_what_a_dead_sender_left_on_a_channel_that_cannot_be_asked_is_sent_once_more(
    engine: Engine, channel: str
) -> None:
    claimed(engine, channel)
    ask(engine, lose_the_sender(engine), CannotTell())
    assert rows(engine, "SELECT state, attempts FROM messages") == [("queued", 1)]


def test_an_sms_that_a_dead_sender_left_is_asked_about_again_and_never_repeated_unasked(engine: Engine) -> None:
    claimed(engine, "sms", "email")
    ask(engine, lose_the_sender(engine), CannotTell())
    assert rows(engine, STATE) == [("unknown", True)]
    execute(engine, "UPDATE messages SET first_sent_at = now() - interval '1 hour'")
    ask(engine, lose_the_sender(engine), CannotTell())
    assert rows(engine, "SELECT state, lease_until FROM messages") == [("unknown", None)]
    assert rows(engine, "SELECT due_at <= now() FROM contacts") == [(True,)]


def test_a_lost_answer_on_push_stays_unknown_and_the_next_channel_is_due(engine: Engine) -> None:
    message = claimed(engine, "push", "sms")
    with engine.begin() as connection:
        record_sent(connection, Sent(message, "fcm", Unknown("timeout")), RULES, utc_now(), 0.5)
    assert rows(engine, STATE) == [("unknown", True)]
    ask(engine, lose_the_sender(engine), CannotTell())
    assert rows(engine, "SELECT state, reason, lease_until FROM messages") == [("unknown", "timeout", None)]
    assert rows(engine, "SELECT due_at <= now() FROM contacts") == [(True,)]


def test_a_process_whose_claim_was_taken_over_cannot_fail_or_repeat_the_message(engine: Engine) -> None:
    message = claimed(engine, "push")
    execute(engine, "UPDATE messages SET lease_owner = 'another'")
    for outcome in (Refused("gone"), Unknown("timeout"), Accepted("id")):
        with engine.begin() as connection:
            record_sent(connection, Sent(message, "fcm", outcome), RULES, utc_now(), 0.5)
    assert rows(engine, "SELECT state, lease_owner, provider_id FROM messages") == [("sending", "another", None)]


def test_a_late_record_of_success_keeps_a_message_from_being_sent_again(engine: Engine) -> None:
    message = claimed(engine, "push")
    ask(engine, lose_the_sender(engine), CannotTell())
    with engine.begin() as connection:
        record_accepted(connection, [Sent(message, "fcm", Accepted("id"))], "slow", utc_now())
    assert rows(engine, "SELECT state, provider_id FROM messages") == [("accepted", "id")]


def test_one_answer_of_the_provider_never_settles_two_messages(engine: Engine) -> None:
    claimed(engine, "sms")
    execute(engine, "UPDATE messages SET state = 'accepted', provider_id = 'SM1'")
    decide(engine, means_of(engine, AT_ALL_HOURS), a_decision("2", notify=NotifyAction("alert", ("sms",))))
    with engine.begin() as connection:
        claims.claim(connection, {"sms": 5}, owner="me", lease_s=30, at=datetime.now(UTC))
    ask(engine, lose_the_sender(engine), Accepted("SM1"))
    assert rows(engine, "SELECT provider_id FROM messages WHERE state = 'unknown'") == [(None,)]


def test_an_opt_out_that_the_provider_reports_is_a_no_to_every_purpose_on_that_channel(engine: Engine) -> None:
    message = claimed(engine, "sms")
    with engine.begin() as connection:
        outcome = Refused("twilio 21610", opted_out=True)
        record_sent(connection, Sent(message, "twilio", outcome), RULES, utc_now(), 0.5)
    found = rows(engine, "SELECT DISTINCT channel, granted FROM consents WHERE channel = 'sms'")
    assert found == [("sms", False)]
    assert rows(engine, "SELECT count(*) FROM consents WHERE granted AND channel = 'push'") == [(2,)]


def test_the_outcome_for_a_customer_who_was_erased_meanwhile_leaves_nothing(engine: Engine) -> None:
    message = claimed(engine, "sms")
    with engine.begin() as connection:
        erasures.erase(connection, "hanako")
    with engine.begin() as connection:
        outcome = Refused("twilio 21610", drop_address=True, opted_out=True)
        record_sent(connection, Sent(message, "twilio", outcome), RULES, utc_now(), 0.5)
    assert rows(engine, "SELECT count(*) FROM timeline") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM consents") == [(0,)]


def test_an_expired_message_ends_its_contact(engine: Engine) -> None:
    message = claimed(engine, "push", "sms")
    with engine.begin() as connection:
        record_sent(connection, Sent(message, "fcm", None), RULES, utc_now() + timedelta(seconds=1), 0.5)
    assert rows(engine, "SELECT state FROM messages") == [("expired",)]
    assert rows(engine, "SELECT due_at <= now() FROM contacts") == [(True,)]


def test_what_was_claimed_and_not_tried_goes_back_as_if_it_had_never_been_claimed(engine: Engine) -> None:
    message = claimed(engine, "push")
    with engine.begin() as connection:
        claims.give_back(connection, [message.id], owner="another")
    assert rows(engine, "SELECT state FROM messages") == [("sending",)]
    with engine.begin() as connection:
        claims.give_back(connection, [message.id], owner="me")
    found = rows(engine, "SELECT state, attempts, lease_owner, lease_until, first_sent_at FROM messages")
    assert found == [("queued", 0, None, None, None)]
