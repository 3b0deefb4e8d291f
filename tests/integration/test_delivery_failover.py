"""A second provider: when it takes over, what it never touches, and when the first is used again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from gateway.delivery.settlement import Asked, Rules, record_asked
from gateway.settings import MailServer, Settings, Twilio
from gateway.storage import claims, same_number
from notifiers.attempt import DEADLINE_S
from notifiers.outcome import Accepted
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    ACCOUNT,
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    execute,
    means_of,
    rows,
    seconds_of_sending,
    start_stand_ins,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

SECOND_TOKEN = "second-token"
BY_PROVIDER = "SELECT provider, count(*) FROM messages WHERE state = 'accepted' GROUP BY 1 ORDER BY 1"
ALL_ACCEPTED = "SELECT bool_and(state = 'accepted') FROM messages"


@pytest.fixture(scope="module")
def second_process() -> Iterator[StandIns]:
    yield from start_stand_ins()


@pytest.fixture
def second(second_process: StandIns) -> StandIns:
    for provider in ("fcm", "twilio", "smtp"):
        second_process.fault(provider, "ok")
    return second_process


def with_seconds(stand_ins: StandIns, second: StandIns, **delivery: object) -> Settings:
    twilio = {
        "account_sid": ACCOUNT,
        "auth_token": "sandbox-token",
        "from": "+15005550006",
        "base_url": second.url,
    }
    mail = {"host": "127.0.0.1", "port": second.smtp_port, "starttls": False}
    spare = {"twilio_2": Twilio.model_validate(twilio), "smtp_2": MailServer.model_validate(mail)}
    return delivery_settings(stand_ins, **delivery).model_copy(update=spare)


def queue(engine: Engine, settings: Settings, channel: str, count: int, name: str = "m") -> None:
    means = means_of(engine, settings)
    for number in range(count):
        decision = a_decision(f"{name}{number}", rule_id=f"{name}{number}", notify=NotifyAction("alert", (channel,)))
        decide(engine, means, decision)


@pytest.mark.parametrize(("channel", "first", "spare"), [("sms", "twilio", "twilio_2"), ("email", "smtp", "smtp_2")])
def test_new_messages_go_by_the_second_provider_while_the_first_is_in_trouble_and_then_by_the_first_again(
    engine: Engine, stand_ins: StandIns, second: StandIns, channel: str, first: str, spare: str
) -> None:
    settings = with_seconds(stand_ins, second)
    a_customer(engine)
    stand_ins.fault(first, "429", seconds=0.2)
    queue(engine, settings, channel, 12)
    with delivering(engine, settings):
        eventually(lambda: rows(engine, BY_PROVIDER) == [(spare, 12)], within=40)
        stand_ins.fault(first, "ok")
        queue(engine, settings, channel, 1, "trial")
        eventually(lambda: rows(engine, ALL_ACCEPTED) == [(True,)])

        def back() -> bool:
            count = rows(engine, "SELECT count(*) FROM messages")[0][0]
            queue(engine, settings, channel, 1, f"later{count}-")
            eventually(lambda: rows(engine, ALL_ACCEPTED) == [(True,)])
            return rows(engine, f"SELECT count(*) FROM messages WHERE provider = '{first}'") > [(2,)]

        eventually(back, within=40)
    took = [request for request in second.requests(provider=first) if request["outcome"] == "accepted"]
    ids = [message_id for (message_id,) in rows(engine, f"SELECT id FROM messages WHERE provider = '{spare}'")]
    assert sorted(each["message_id"] for each in took if each["message_id"] in ids) == sorted(ids)


def test_what_is_in_doubt_at_the_first_provider_is_asked_there_and_never_sent_by_the_second(
    engine: Engine, stand_ins: StandIns, second: StandIns
) -> None:
    settings = with_seconds(stand_ins, second)
    a_customer(engine)
    stand_ins.fault("twilio", "drop_after", count=4)
    queue(engine, settings, "sms", 4, "doubt")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, ALL_ACCEPTED) == [(True,)], within=60)
    assert rows(engine, BY_PROVIDER) == [("twilio", 4)]
    ids = {message_id for (message_id,) in rows(engine, "SELECT id FROM messages")}
    assert not [each for each in second.requests(provider="twilio") if each["message_id"] in ids]
    asked = [each for each in stand_ins.requests(provider="twilio") if each["message_id"] in ids]
    assert len([each for each in asked if each["outcome"] != "refused"]) == 4, "each was sent once"


def test_what_the_first_says_it_does_not_have_goes_by_the_second_while_the_first_is_in_trouble(
    engine: Engine, stand_ins: StandIns, second: StandIns
) -> None:
    settings = with_seconds(stand_ins, second)
    a_customer(engine)
    stand_ins.fault("twilio", "503")  # unknown each time: it may have been processed, and was not
    queue(engine, settings, "sms", 8, "unknown")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, ALL_ACCEPTED) == [(True,)], within=40)
    assert rows(engine, BY_PROVIDER) == [("twilio_2", 8)]
    ids = {message_id for (message_id,) in rows(engine, "SELECT id FROM messages")}
    assert [each for each in stand_ins.messages() if each["message_id"] in ids] == []
    assert sorted(each["message_id"] for each in second.messages() if each["message_id"] in ids) == sorted(ids)
    doubted = rows(engine, "SELECT count(DISTINCT message_id) FROM timeline WHERE reason LIKE '%503%'")
    assert doubted >= [(5,)], "the first was asked about those that it was given"


def test_a_message_whose_provider_is_no_longer_configured_is_not_sent_by_another(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    queue(engine, settings, "sms", 1, "gone")
    execute(
        engine,
        "UPDATE messages SET state = 'sending', provider = 'twilio_2', attempts = 1, lease_owner = 'dead', "
        "lease_until = now(), first_sent_at = now() - interval '1 hour'",
    )
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT state, lease_until FROM messages") == [("unknown", None)])
    assert rows(engine, "SELECT attempts FROM messages") == [(1,)]


def test_a_second_provider_without_a_first_does_all_the_work(
    engine: Engine, stand_ins: StandIns, second: StandIns
) -> None:
    settings = with_seconds(stand_ins, second).model_copy(update={"twilio": Twilio()})
    a_customer(engine)
    queue(engine, settings, "sms", 2, "alone")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, BY_PROVIDER) == [("twilio_2", 2)])


def test_two_processes_never_settle_two_messages_by_the_same_answer(engine: Engine) -> None:
    settings = Settings.model_validate({"policy": {"quiet_hours": {"maintenance": ""}}})
    a_customer(engine)
    a_customer(engine, "ken")  # one family, one number
    for customer_id in ("hanako", "ken"):
        decision = a_decision(customer_id, customer_id=customer_id, notify=NotifyAction("alert", ("sms",)))
        decide(engine, means_of(engine, settings), decision)
    execute(engine, "UPDATE messages SET state = 'unknown', lease_until = now(), attempts = 1, first_sent_at = now()")
    for owner in ("one", "two"):
        with engine.begin() as connection:
            [message] = claims.claim_doubtful(connection, ["sms"], limit=1, owner=owner, lease_s=30)
            moment = message.due_at
            record_asked(connection, Asked(message, "twilio", Accepted("SM1")), Rules(owner, 8, 30.0), moment)
    found = rows(engine, "SELECT state, provider_id, lease_until <= now() FROM messages ORDER BY state")
    assert found == [("accepted", "SM1", None), ("unknown", None, True)]
    with engine.begin() as connection:
        [left] = claims.claim_doubtful(connection, ["sms"], limit=1, owner="two", lease_s=30)
        assert same_number.others_to(connection, left) == same_number.Others(frozenset({"SM1"}), False)


def test_a_rate_holds_back_its_channel_and_no_other(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins, rate={"sms": 2.0})
    a_customer(engine)
    queue(engine, settings, "sms", 6, "s")
    queue(engine, settings, "email", 6, "e")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, ALL_ACCEPTED) == [(True,)])
    assert seconds_of_sending(engine) >= 1.99, "two at once, and four more at two a second"


@pytest.mark.parametrize(("provider", "channel", "other"), [("twilio", "sms", "email"), ("smtp", "email", "sms")])
def test_a_provider_that_answers_a_byte_a_second_holds_up_nobody_else(
    engine: Engine, stand_ins: StandIns, provider: str, channel: str, other: str
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine)
    stand_ins.fault(provider, "dribble", seconds=1.0)
    queue(engine, settings, channel, 8, "slow")
    queue(engine, settings, other, 20, "quick")
    execute(engine, "UPDATE messages SET due_at = now() + interval '1 hour' WHERE channel = :other", other=other)
    with delivering(engine, settings):
        taken = f"SELECT count(*) > 0 FROM messages WHERE channel = '{channel}' AND state = 'sending'"
        eventually(lambda: rows(engine, taken) == [(True,)])
        execute(engine, "UPDATE messages SET due_at = now() WHERE channel = :other", other=other)
        well = f"SELECT count(*) FROM messages WHERE channel = '{other}' AND state = 'accepted'"
        eventually(lambda: rows(engine, well) == [(20,)], within=0.9 * DEADLINE_S)
        assert rows(engine, taken) == [(True,)], "the slow provider was quick, so nothing was shown"
        # The deadline of an attempt frees the threads; what became of the message is settled, not repeated.
        doubt = f"SELECT count(*) > 0 FROM messages WHERE channel = '{channel}' AND state IN ('unknown', 'accepted')"
        eventually(lambda: rows(engine, doubt) == [(True,)], within=60)
    assert rows(engine, "SELECT max(attempts) FROM messages") == [(1,)]
