"""What a plan rests on, read at once, is what reading it piece by piece finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from gateway.delivery import reach
from gateway.delivery.briefing import brief
from gateway.delivery.links import Links
from gateway.delivery.rendering import Means, surroundings
from gateway.storage import bad_addresses, decisions, history, turns
from notifiers.policy import Cap, PolicySettings, policy_settings
from notifiers.policy.stages.frequency_cap import caps_of
from notifiers.templates import Templates
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, resolved

pytestmark = pytest.mark.stack

POLICY = policy_settings({"offers": "never", "maintenance": "never"}, caps=(Cap(3, 86_400_000, "offers"),))
MEANS = Means(Templates.load(None), POLICY, Links("http://127.0.0.1:9", "secret"))
OFFER = NotifyAction("offer", ("push",))


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def past(connection: Connection, decision: Decision, customer_id: str, policy: PolicySettings) -> Any:
    return history.of(
        connection,
        customer_id=customer_id,
        rule_id=decision.rule_id,
        alert_id=decision.alert_id,
        decision_id=decision.id,
        cooldown_ms=decision.cooldown_ms,
        caps=() if decision.transition == "resolved" else caps_of(policy.caps, decision.purpose),
    )


def test_a_briefing_says_what_its_parts_say(engine: Engine) -> None:
    a_customer(engine)
    execute(engine, "INSERT INTO stores (id, name, time_zone) VALUES ('ginza', 'Ginza', 'Asia/Tokyo')")
    told = [a_decision(f"o{n}", purpose="offers", notify=OFFER, store_id="ginza") for n in range(2)]
    offer = a_decision("o2", purpose="offers", notify=OFFER, store_id="ginza", cooldown_ms=60_000)
    fault = a_decision("f", store_id="ginza")
    decide(engine, MEANS, *told, fault)
    with engine.begin() as connection:
        bad_addresses.mark(connection, fault.customer_id or "", "sms", "+819012345678", "unreachable")
        asked = [offer, resolved(fault), a_decision("nobody", customer_id="nobody")]
        for decision in asked:
            decisions.record(connection, decision)
            customer_id = decision.customer_id or ""
            known = brief(connection, decision, customer_id, POLICY)
            assert known.around == surroundings(connection, decision)
            assert known.customer == reach.load(connection, customer_id)
            assert known.past == past(connection, decision, customer_id, POLICY)
        offered = brief(connection, offer, offer.customer_id or "", POLICY)
        assert offered.customer is not None
        assert offered.customer.bad_addresses == {"sms": {"+819012345678": "unreachable"}}
        assert offered.customer.consents["offers"] == {"push": True, "sms": True, "email": True}
        assert offered.around.store_time_zone == "Asia/Tokyo"
        assert [len(begun.at_ms) for begun in offered.past.begun] == [2]
        assert offered.past.last_contact_at_ms is not None


def test_a_briefing_is_one_statement_and_one_more_where_a_turn_is_to_be_taken(engine: Engine) -> None:
    a_customer(engine)
    decision = a_decision("o", purpose="offers", notify=OFFER)
    with statements(engine) as said, engine.begin() as connection:
        brief(connection, decision, decision.customer_id or "", POLICY)
        assert len(said) == 2
        brief(connection, decision, decision.customer_id or "", POLICY)
        assert len(said) == 3


def test_a_turn_is_taken_once_in_a_transaction_and_anew_in_the_next(engine: Engine) -> None:
    held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND granted")
    with engine.connect() as connection:
        for _ in range(2):
            with connection.begin():
                turns.take(connection, ["aiko", "yuki"])
                with statements(engine) as said:
                    turns.take(connection, ["yuki"])
                    turns.take(connection, ["kenji", "aiko"])
                assert len(said) == 1
                assert connection.execute(held, {"class": turns.CLASS}).scalar_one() == 3
