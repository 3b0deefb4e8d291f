"""A provider that is down for a while: left alone, the others unaffected, and everything delivered once it is back."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from gateway.delivery.breaker import FAILURES
from gateway.settings import Settings
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    means_of,
    rows,
)

pytestmark = pytest.mark.stack

PUSHES, OTHERS = 40, 12
ACCEPTED = "SELECT channel, count(*) FROM messages WHERE state = 'accepted' GROUP BY 1"
WAITS = "SELECT CAST(detail->>'delay_s' AS float) FROM timeline WHERE id LIKE '%:retry:1'"
FEW = 3 * FAILURES
"""Requests to a provider in trouble, of as many messages as there are pushes."""


def queue(engine: Engine, settings: Settings, channel: str, count: int, test: str) -> list[str]:
    """Messages by ``channel``; their ids."""
    means = means_of(engine, settings)
    for number in range(count):
        name = f"{test}-{channel}{number}"
        decide(engine, means, a_decision(name, rule_id=name, notify=NotifyAction("alert", (channel,))))
    return [each for (each,) in rows(engine, "SELECT id FROM messages WHERE channel = :channel", channel=channel)]


def requests_of(stand_ins: StandIns, ids: list[str]) -> list[dict[str, object]]:
    return [each for each in stand_ins.requests(provider="fcm") if each["message_id"] in ids]


@pytest.mark.parametrize("mode", ["500", "503"])
def test_a_provider_that_is_down_is_left_alone_and_the_others_are_unaffected(
    engine: Engine, stand_ins: StandIns, mode: str
) -> None:
    settings = delivery_settings(stand_ins, max_attempts=30)
    a_customer(engine)
    ids = queue(engine, settings, "push", PUSHES, mode)
    for channel in ("sms", "email"):
        queue(engine, settings, channel, OTHERS, mode)
    stand_ins.fault("fcm", mode)
    with delivering(engine, settings):
        eventually(lambda: dict(rows(engine, ACCEPTED)) == {"sms": OTHERS, "email": OTHERS}, within=40)
        eventually(lambda: len(requests_of(stand_ins, ids)) > FAILURES)
        assert len(requests_of(stand_ins, ids)) < FEW
        waits = {wait for (wait,) in rows(engine, WAITS)}
        assert len(waits) > 1, "no jitter"
        assert all(0.5 <= wait <= 1 for wait in waits)
        stand_ins.fault("fcm", "ok")
        eventually(lambda: dict(rows(engine, ACCEPTED)).get("push") == PUSHES, within=60)
    took = [each["message_id"] for each in requests_of(stand_ins, ids) if each["outcome"] == "accepted"]
    assert sorted(map(str, took)) == sorted(ids)


def test_a_provider_that_asks_for_a_pause_gets_it_from_all_messages(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins, max_attempts=30)
    a_customer(engine)
    ids = queue(engine, settings, "push", 20, "asks")
    stand_ins.fault("fcm", "429", seconds=3, count=FAILURES)
    with delivering(engine, settings):
        eventually(lambda: dict(rows(engine, ACCEPTED)) == {"push": 20}, within=40)
    at = sorted(int(str(each["at"])) for each in requests_of(stand_ins, ids))
    assert at[FAILURES] - at[FAILURES - 1] >= 2_990, "milliseconds between the last refusal and the next request"


def test_one_dead_token_of_two_is_dropped_and_the_other_phone_rings(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine, addresses={"push": ["old-phone-gone", "new-phone-silent"], "sms": "+819012345678"})
    decide(engine, means_of(engine, settings), a_decision(notify=NotifyAction("alert", ("push", "sms"))))
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT count(*) FROM messages WHERE state = 'failed'") == [(1,)])
        eventually(lambda: dict(rows(engine, ACCEPTED)) == {"push": 1})
    assert rows(engine, "SELECT addresses->'push' FROM customers") == [(["new-phone-silent"],)]
    assert rows(engine, "SELECT count(*) FROM messages WHERE channel = 'sms'") == [(0,)], "nobody waits for an SMS"


def test_one_dead_mailbox_of_two_is_dropped_and_the_other_gets_the_mail_once(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = delivery_settings(stand_ins)
    a_customer(engine, addresses={"email": ["gone-old@example.com", "two-new@example.com"], "sms": "+819012345678"})
    decide(engine, means_of(engine, settings), a_decision(notify=NotifyAction("alert", ("email", "sms"))))
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT count(*) FROM messages WHERE state = 'failed'") == [(1,)])
        eventually(lambda: dict(rows(engine, ACCEPTED)) == {"email": 1})
    assert rows(engine, "SELECT addresses->'email' FROM customers") == [(["two-new@example.com"],)]
    assert len(stand_ins.messages(channel="email", to="two-new@example.com")) == 1
