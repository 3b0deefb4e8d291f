"""A customer is erased while they are told: the deliver role goes on, nothing of them is left or comes back."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from prometheus_client import generate_latest
from sqlalchemy import Engine

from gateway.delivery.contacts import contact
from gateway.delivery.evidence import inbound_sms, unsubscribe
from gateway.delivery.run import Deliverer
from gateway.retention.chore import Chore
from gateway.retention.erase import erase
from gateway.retention.export import document
from gateway.settings import Retention
from gateway.storage import decisions
from notifiers.outcome import Outcome, Outgoing
from notifiers.sms.notifier import SmsNotifier
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
)
from tests.unit.gateway.decided import CASE
from tests.unit.gateway.retention.past import dumped

NAME, NUMBER, MAILBOX, TOKEN = "Canary Hanako", "+819033445566", "canary-7391@example.com", "canary-token-silent"
CANARIES = (NAME, NUMBER, NUMBER.removeprefix("+"), MAILBOX, TOKEN, "canary", "hanako")
SMS = NotifyAction("alert", ("sms",))


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Everything that is logged, as it would be written."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    before = structlog.get_config()

    def keep(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
        lines.append(json.dumps(event, default=str, ensure_ascii=False))
        return lines[-1]

    processors: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, keep]
    structlog.configure(processors=processors, cache_logger_on_first_use=False)
    yield lines
    structlog.configure(**before)
    root.removeHandler(handler)


def hanako(engine: Engine) -> None:
    addresses = {"push": [TOKEN], "sms": NUMBER, "email": MAILBOX}
    a_customer(engine, "hanako", name=NAME, addresses=addresses, attributes={"tier": "canary-gold"})
    execute(engine, "INSERT INTO devices (id, owner, logged) VALUES ('chiller-1', 'hanako', true)")


def dump(engine: Engine) -> str:
    with engine.connect() as connection:
        return dumped(connection)


def found(text: str) -> list[str]:
    return [line for line in text.splitlines() if any(canary in line for canary in CANARIES)]


def by_channel(engine: Engine) -> dict[str, str]:
    return dict(rows(engine, "SELECT channel, state FROM messages"))


def test_after_a_whole_story_nothing_is_left(engine: Engine, stand_ins: StandIns, logged: list[str]) -> None:
    settings = delivery_settings(stand_ins)
    hanako(engine)
    means = means_of(engine, settings)
    told = NotifyAction("alert", ("push", "sms", "email"), escalate_after_ms=300)
    with delivering(engine, settings):
        decide(engine, means, a_decision("1", notify=told, case=CASE))
        eventually(lambda: set(by_channel(engine)) == {"push", "sms", "email"})
        eventually(lambda: "queued" not in by_channel(engine).values() and "sending" not in by_channel(engine).values())
        with engine.begin() as connection:
            inbound_sms(connection, "hanako", "SM77", "STOP", NUMBER, datetime.now(UTC))
            unsubscribe(connection, "hanako", "offers", "email", datetime.now(UTC))
        whole = b"".join(document(engine, "hanako", datetime.now(UTC), kept="7d", why_not="not read")).decode()
        assert all(canary in whole for canary in (NAME, NUMBER, MAILBOX, TOKEN, "canary-gold"))
        erase(engine, "hanako")
        time.sleep(0.5)
    assert found(dump(engine)) == []
    assert rows(engine, "SELECT owner, logged FROM devices") == [(None, False)]
    secret = [line for line in logged if any(each in line for each in (NAME, NUMBER, MAILBOX, TOKEN, "canary"))]
    assert secret == []
    structlog.get_logger().info("told", of=NAME)
    assert NAME in logged[-1], "what is logged is not looked at"
    assert found(generate_latest().decode()) == []


def test_a_request_that_is_under_way_ends_in_peace(
    engine: Engine, stand_ins: StandIns, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = delivery_settings(stand_ins, lease_seconds=60)
    hanako(engine)
    means = means_of(engine, settings)
    under_way, erased, send = threading.Event(), threading.Event(), SmsNotifier.send

    def send_once_erased(notifier: SmsNotifier, message: Outgoing) -> Outcome:
        under_way.set()
        assert erased.wait(60)
        return send(notifier, message)

    monkeypatch.setattr(SmsNotifier, "send", send_once_erased)
    with delivering(engine, settings) as deliverer:
        decide(engine, means, a_decision("1", notify=SMS))
        assert under_way.wait(60)
        assert by_channel(engine) == {"sms": "sending"}
        erase(engine, "hanako")
        erased.set()
        eventually(lambda: stand_ins.messages(to=NUMBER))
        time.sleep(0.5)
        assert deliverer.ready
        assert found(dump(engine)) == []
        _others_are_told(engine, deliverer, stand_ins, settings)
    assert not [line for line in logged if "set_aside" in line], logged


def _others_are_told(engine: Engine, deliverer: Deliverer, stand_ins: StandIns, settings: object) -> None:
    a_customer(engine, "kenji")
    decide(engine, means_of(engine, delivery_settings(stand_ins)), a_decision("2", customer_id="kenji", notify=SMS))
    eventually(lambda: by_channel(engine).get("sms") in ("accepted", "delivered"))
    assert deliverer.ready


def test_many_customers_erased_while_they_are_told_stay_away(
    engine: Engine, stand_ins: StandIns, logged: list[str]
) -> None:
    settings = delivery_settings(stand_ins)
    means = means_of(engine, settings)
    people = [f"canary-{number}" for number in range(12)]
    for each in people:
        a_customer(engine, each)
    with delivering(engine, settings) as deliverer:
        for number, each in enumerate(people):
            told = NotifyAction("alert", ("push", "email"), escalate_after_ms=100)
            decide(engine, means, a_decision(f"{number}", customer_id=each, notify=told))
            if number >= 3:
                erase(engine, people[number - 3], sleep=lambda _: time.sleep(0.01))
        for each in people[-3:]:
            erase(engine, each)
        eventually(lambda: not rows(engine, "SELECT FROM messages"))
        assert deliverer.ready
    assert not [line for line in logged if "set_aside" in line], logged
    assert [line for line in dump(engine).splitlines() if "canary" in line] == []


def test_a_worker_that_is_behind_tells_nobody_and_names_nobody(engine: Engine, stand_ins: StandIns) -> None:
    settings = delivery_settings(stand_ins)
    hanako(engine)
    means = means_of(engine, settings)
    erase(engine, "hanako")
    with engine.begin() as connection:
        kept = decisions.record(connection, a_decision("1", notify=SMS, case=CASE))
        assert kept is not None
        contact(connection, kept, means.templates, means.policy, datetime.now(UTC), means.links)
    assert found(dump(engine)) == []
    assert rows(engine, "SELECT count(*) FROM contacts") == [(0,)]


def test_retention_leaves_a_message_that_waits_for_its_provider(engine: Engine, stand_ins: StandIns) -> None:
    """Two years old, and it still goes out whole."""
    settings = delivery_settings(stand_ins)
    hanako(engine)
    decide(engine, means_of(engine, settings), a_decision("1", notify=SMS))
    for table, column in (("messages", "created_at"), ("messages", "updated_at"), ("contacts", "created_at")):
        execute(engine, f"UPDATE {table} SET {column} = now() - interval '2 years'")
    Chore(engine, Retention(), lambda: datetime.now(UTC) + timedelta(minutes=1)).look_once()
    with delivering(engine, settings):
        eventually(lambda: by_channel(engine).get("sms") in ("accepted", "delivered"))
    assert stand_ins.messages(to=NUMBER)
