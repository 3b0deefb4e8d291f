"""The customer's own ends: their webhook endpoint and the inbox of their app, from the decision to the timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery import evidence
from gateway.settings import Settings
from gateway.storage import erasures, inbox
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
    rows,
    start_stand_ins,
    states,
    time_is_up,
)
from tests.ports import free_port

pytestmark = pytest.mark.stack

SECRET = "whsec_" + "c2VjcmV0" * 4
EVERYWHERE = {"push": True, "sms": True, "email": True, "webhook": True, "inbox": True}
GRANTED = {"maintenance": EVERYWHERE}


@pytest.fixture(scope="module")
def receiver_process() -> Iterator[StandIns]:
    yield from start_stand_ins("--webhook-secret", SECRET)


@pytest.fixture
def stand_ins(receiver_process: StandIns) -> StandIns:
    for provider in ("fcm", "webhook"):
        receiver_process.fault(provider, "ok")
    return receiver_process


def settings_of(stand_ins: StandIns, *, sandbox: bool = True, **delivery: object) -> Settings:
    webhook = {"secret": SECRET, "allow_http": True, "allow_loopback": True}
    plain = delivery_settings(stand_ins, **delivery).model_dump(by_alias=True)
    return Settings.model_validate({**plain, "sandbox": sandbox, "webhook": webhook})


def told_by(engine: Engine, settings: Settings, name: str, *channels: str, **values: Any) -> None:
    decide(engine, means_of(engine, settings), a_decision(name, notify=NotifyAction("alert", channels, **values)))


def said(engine: Engine) -> list[str]:
    return [row[0] for row in rows(engine, "SELECT summary FROM timeline WHERE kind = 'message' ORDER BY ordinal")]


def test_the_customers_endpoint_is_told_and_its_answer_is_delivery(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    url = f"{stand_ins.url}/webhook/hanako"
    a_customer(engine, addresses={"webhook": url}, granted=GRANTED)
    told_by(engine, settings, "told", "webhook")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webhook": "delivered"})
    [(message_id, title)] = rows(engine, "SELECT id, title FROM messages")
    [request] = stand_ins.requests(provider="webhook", message_id=message_id)
    assert (request["outcome"], request["to"]) == ("accepted", url)
    assert title
    assert said(engine) == [f"Webhook queued: {title}", "Webhook delivered"]


def test_an_answer_that_was_lost_is_settled_by_the_same_call_again(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, addresses={"webhook": f"{stand_ins.url}/webhook/lost"}, granted=GRANTED)
    stand_ins.fault("webhook", "drop_after", count=1)
    told_by(engine, settings, "lost", "webhook")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webhook": "delivered"})
    [(message_id, attempts)] = rows(engine, "SELECT id, attempts FROM messages")
    assert attempts == 2
    # Both calls arrived under one id: the receiver shows one message.
    assert len(stand_ins.requests(provider="webhook", message_id=message_id)) == 2
    assert sum("may have been sent" in each for each in said(engine)) == 1


def test_an_endpoint_that_wants_no_more_is_forgotten_and_the_next_channel_used(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = settings_of(stand_ins)
    url = f"{stand_ins.url}/webhook/over-gone"
    a_customer(engine, addresses={"webhook": url, "push": ["token-silent"]}, granted=GRANTED)
    told_by(engine, settings, "gone", "webhook", "push")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webhook": "failed", "push": "accepted"})
    assert rows(engine, "SELECT addresses FROM customers") == [({"push": ["token-silent"]},)]
    [(note,)] = rows(engine, "SELECT summary FROM timeline WHERE reason = 'address_dropped'")
    assert "over-gone" not in note


def test_outside_the_sandbox_this_machine_is_never_called(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins, sandbox=False)
    a_customer(engine, addresses={"webhook": f"{stand_ins.url}/webhook/private"}, granted=GRANTED)
    told_by(engine, settings, "private", "webhook")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"webhook": "failed"})
    [(message_id, reason)] = rows(engine, "SELECT id, reason FROM messages")
    assert "not on the public internet" in reason
    assert not stand_ins.requests(provider="webhook", message_id=message_id)


def test_ones_broken_endpoint_keeps_nobody_else_waiting(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, addresses={"webhook": f"http://127.0.0.1:{free_port()}/hook"}, granted=GRANTED)
    a_customer(engine, "jiro", addresses={"webhook": f"{stand_ins.url}/webhook/jiro"}, granted=GRANTED)
    for number in range(8):
        told_by(engine, settings, f"broken-{number}", "webhook")
    with delivering(engine, settings):
        tries = "SELECT sum(attempts) FROM messages WHERE customer_id = 'hanako'"
        eventually(lambda: rows(engine, tries)[0][0] >= 8)
        decision = a_decision("fine", customer_id="jiro", notify=NotifyAction("alert", ("webhook",)))
        decide(engine, means_of(engine, settings), decision)
        eventually(
            lambda: rows(engine, "SELECT state FROM messages WHERE customer_id = 'jiro'") == [("delivered",)], within=5
        )


def test_the_inbox_holds_the_message_until_it_is_read_and_reading_ends_the_escalation(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, granted=GRANTED)
    told_by(engine, settings, "inbox", "inbox", "push", escalate_after_ms=60_000)
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"inbox": "delivered"})
    [(message_id, address)] = rows(engine, "SELECT id, address FROM messages")
    assert address == "hanako"
    with engine.connect() as connection:
        [item] = inbox.page(connection, "hanako").items
        assert inbox.unread(connection, "hanako") == 1
    assert (item.id, item.read, item.read_at) == (message_id, False, None)
    assert item.title
    for _ in range(2):  # a repeat changes nothing
        with engine.begin() as connection:
            assert evidence.inbox_read(connection, "hanako", message_id, datetime.now(UTC))
    assert states(engine) == {"inbox": "read"}
    assert rows(engine, "SELECT state FROM contacts") == [("acknowledged",)]
    with engine.connect() as connection:
        page = inbox.page(connection, "hanako")
    assert (page.unread, page.items[0].read) == (0, True)
    assert page.items[0].read_at is not None
    assert rows(engine, "SELECT count(*) FROM timeline WHERE kind = 'receipt'") == [(1,)]


def test_an_inbox_that_nobody_opens_is_followed_by_the_next_channel(engine: Engine, stand_ins: StandIns) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, granted=GRANTED)
    told_by(engine, settings, "unopened", "inbox", "push", escalate_after_ms=600_000)
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"inbox": "delivered"})
        time_is_up(engine)
        eventually(lambda: states(engine) == {"inbox": "delivered", "push": "accepted"})


def test_what_has_expired_is_hidden_and_what_is_another_customers_is_not_theirs_to_read(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, granted=GRANTED)
    a_customer(engine, "jiro", granted=GRANTED)
    told_by(engine, settings, "short-lived", "inbox")
    with delivering(engine, settings):
        eventually(lambda: states(engine) == {"inbox": "delivered"})
    [(message_id,)] = rows(engine, "SELECT id FROM messages")
    with engine.begin() as connection:
        assert not evidence.inbox_read(connection, "jiro", message_id, datetime.now(UTC))
        assert inbox.page(connection, "jiro") == inbox.Page([], None, 0)
    assert states(engine) == {"inbox": "delivered"}
    execute(engine, "UPDATE messages SET expires_at = now() - interval '1 second'")
    with engine.connect() as connection:
        assert inbox.page(connection, "hanako") == inbox.Page([], None, 0)


def test_pages_of_an_inbox_follow_each_other_and_erasing_the_customer_empties_it(
    engine: Engine, stand_ins: StandIns
) -> None:
    settings = settings_of(stand_ins)
    a_customer(engine, granted=GRANTED)
    for number in range(5):
        told_by(engine, settings, f"page-{number}", "inbox")
    with delivering(engine, settings):
        eventually(lambda: rows(engine, "SELECT count(*) FROM messages WHERE state = 'delivered'") == [(5,)])
    found: list[str] = []
    cursor = None
    with engine.begin() as connection:
        while True:
            page = inbox.page(connection, "hanako", cursor=cursor, limit=2)
            assert page.unread == 5
            found += [item.id for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        newest_first = rows(engine, "SELECT id FROM messages ORDER BY created_at DESC, id DESC")
        assert [(each,) for each in found] == newest_first
        assert erasures.erase(connection, "hanako")
        assert inbox.page(connection, "hanako") == inbox.Page([], None, 0)
