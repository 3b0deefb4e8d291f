"""Whatever happens in whatever order: no case after an answer, one at most, and one where nobody answered.

Compared with a plain model of one escalation; then while the worker ends the alert at the same moment, while processes
are killed, and on the wire.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from gateway.delivery import evidence, steps
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.storage import timeline
from notifiers.policy import policy_settings
from rules.decision import CaseAction, Decision, NotifyAction
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    DeliverProcess,
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivering,
    delivery_settings,
    eventually,
    execute,
    heed,
    means_of,
    resolved,
    rows,
)
from tests.integration.test_hooks_twilio import SETTINGS

pytestmark = pytest.mark.stack

FIELD = CaseAction("field", "high")
CHANNELS = ("push", "sms", "email")
EVENTS = ("accepted", "failed", "time", "time", "time", "opened", "noticed", "over", "again")


def all_hours(engine: Engine) -> Means:
    return means_of(engine, SETTINGS)._replace(policy=policy_settings(dict.fromkeys(AT_ALL_HOURS, "never")))


class Escalation:
    """The model: how far one escalation has come, and whether a case is due."""

    def __init__(self, channels: int) -> None:
        self.left = channels - 1
        self.queued = True
        self.open = True
        self.case = False

    def happen(self, event: str) -> None:
        if event == "accepted":
            self.queued = False
        elif event in ("opened", "noticed", "over"):
            self.open = False
        elif self.open and (event == "time" or (event == "failed" and self.queued)):
            self.case = self.case or self.left == 0
            if self.left:
                self.left, self.queued = self.left - 1, True
            elif event == "failed" or not self.queued:
                self.open = False


def look(engine: Engine, means: Means, contact_id: str) -> None:
    execute(engine, "UPDATE contacts SET due_at = NULL WHERE id <> :id", id=contact_id)
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")
    Pacer(engine, means, lambda: datetime.now(UTC), lambda: None).look_once()


def happen(engine: Engine, means: Means, first: Decision, event: str) -> None:
    [(contact_id, step)] = rows(engine, "SELECT id, step FROM contacts WHERE decision_id = :id", id=first.id)
    if event in ("accepted", "failed"):
        going = "UPDATE messages SET state = :state WHERE contact_id = :id AND state = 'queued'"
        queued = rows(engine, "SELECT 1 FROM messages WHERE contact_id = :id AND state = 'queued'", id=contact_id)
        execute(engine, going, state=event, id=contact_id)
        if event == "failed" and queued:
            with engine.begin() as connection:
                steps.step_failed(connection, contact_id, step - 1)
            look(engine, means, contact_id)
    elif event == "time":
        look(engine, means, contact_id)
    elif event == "opened":
        with engine.begin() as connection:
            push = "SELECT id FROM messages WHERE contact_id = :id AND channel = 'push'"
            evidence.push_ack(connection, rows(engine, push, id=contact_id)[0][0], "opened", datetime.now(UTC))
    elif event == "noticed":
        heed(engine, first, "acknowledge")
    else:
        decide(engine, means, first if event == "again" else resolved(first, ended_by="mika"))


@pytest.mark.parametrize("count", [1, 2, 3])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=12))
def test_a_case_opens_where_nobody_has_answered_and_only_there(
    engine: Engine, count: int, events: Sequence[str]
) -> None:
    means, name = all_hours(engine), uuid.uuid4().hex
    a_customer(engine)
    notify = NotifyAction("alert", CHANNELS[:count], escalate_after_ms=900_000, unanswered=FIELD)
    first = a_decision(name, notify=notify)
    decide(engine, means, first)
    model = Escalation(count)
    for event in events:
        happen(engine, means, first, event)
        model.happen(event)
        cases = rows(engine, "SELECT count(*) FROM cases WHERE device_id = :id", id=first.subject)
        assert cases == [(int(model.case),)], event
    told = "SELECT count(*) FROM timeline WHERE kind = 'case' AND device_id = :id AND detail->>'event' = 'opened'"
    assert rows(engine, told, id=first.subject) == [(int(model.case),)]


def test_an_alert_that_ends_at_that_very_moment_leaves_no_case_that_does_not_know_it(engine: Engine) -> None:
    means = all_hours(engine)
    notify = NotifyAction("alert", ("push",), escalate_after_ms=900_000, unanswered=FIELD)
    made = [a_decision(f"r{n}", customer_id=f"c{n % 4}", notify=notify) for n in range(24)]
    for n in range(4):
        a_customer(engine, f"c{n}")
    decide(engine, means, *made)
    execute(engine, "UPDATE messages SET state = 'accepted'")
    execute(engine, "UPDATE contacts SET due_at = now()")
    begin = threading.Barrier(4)

    def pace() -> None:
        pacer = Pacer(engine, means, lambda: datetime.now(UTC), lambda: None)
        begin.wait(10)
        end = time.monotonic() + 20
        while rows(engine, "SELECT 1 FROM contacts WHERE due_at < now() + interval '1 min'"):
            assert time.monotonic() < end
            pacer.look_once()

    def recover(decisions: Sequence[Decision]) -> None:
        begin.wait(10)
        for decision in decisions:
            decide(engine, means, resolved(decision))

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(pace), pool.submit(pace), pool.submit(recover, made[::2]), pool.submit(recover, made[1::2])]
        for job in jobs:
            job.result(60)
    assert rows(engine, "SELECT count(*) FROM cases WHERE recovered_at IS NULL") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM alerts WHERE state = 'firing'") == [(0,)]


def test_where_our_own_code_fails_at_the_last_moment_nothing_has_happened_yet(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = all_hours(engine)
    a_customer(engine)
    decide(engine, means, a_decision(notify=NotifyAction("alert", ("push",), escalate_after_ms=1, unanswered=FIELD)))
    execute(engine, "UPDATE messages SET state = 'accepted'")
    [(contact_id,)] = rows(engine, "SELECT id FROM contacts")
    before = rows(engine, "SELECT count(*) FROM timeline")
    with monkeypatch.context() as broken:
        broken.setattr(timeline, "add", lambda *_: 1 // 0)
        look(engine, means, contact_id)
    assert rows(engine, "SELECT count(*) FROM cases") == [(0,)]
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]
    assert rows(engine, "SELECT count(*) FROM timeline") == before
    look(engine, means, contact_id)
    assert rows(engine, "SELECT count(*) FROM cases") == [(1,)]


def test_kills_open_one_case_for_each_alert(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path
) -> None:
    chosen = delivery_settings(stand_ins, lease_seconds=1.0, settle_seconds=0.2)
    means, count = means_of(engine, chosen), 60
    notify = NotifyAction("alert", ("push",), escalate_after_ms=200, unanswered=FIELD)
    for n in range(count):
        a_customer(engine, f"c{n}", addresses={"push": [f"t{n}-silent"]})
    process = DeliverProcess(database_url, chosen, tmp_path)
    opened = "SELECT count(*) FROM cases"
    for kill in range(4):
        for n in range(kill * 15, kill * 15 + 15):
            decide(engine, means, a_decision(f"k{n}", customer_id=f"c{n}", notify=notify))
        before = rows(engine, opened)
        process.start()
        eventually(lambda before=before: rows(engine, opened) > before, within=60)  # type: ignore[misc]
        process.kill()
    process.start()
    eventually(lambda: rows(engine, opened) == [(count,)], within=60)
    process.terminate()
    assert rows(engine, "SELECT count(DISTINCT alert_id), count(*) FROM cases") == [(count, count)]
    told = "SELECT count(DISTINCT case_id), count(*) FROM timeline WHERE kind = 'case'"
    assert rows(engine, told) == [(count, count)]


def test_on_the_wire_refusals_and_silence_end_in_a_case_that_tells_of_both(engine: Engine, stand_ins: StandIns) -> None:
    chosen = delivery_settings(stand_ins)
    a_customer(engine, addresses={"push": ["phone-gone"], "sms": "+819012345678"}, granted={"maintenance": TWO})
    notify = NotifyAction("alert", CHANNELS, escalate_after_ms=1_000, unanswered=FIELD)
    decide(engine, means_of(engine, chosen), a_decision(notify=notify))
    with delivering(engine, chosen):
        eventually(lambda: rows(engine, "SELECT state FROM contacts") == [("exhausted",)])
    [(evidence_of,)] = rows(engine, "SELECT evidence->'nobody_reached' FROM cases")
    told: list[dict[str, Any]] = evidence_of["tried"]
    assert [(each["channel"], each["state"]) for each in told] == [
        ("push", "failed"),
        ("sms", "accepted"),
        ("email", "not_used"),
    ]
    assert "Email was not used: The customer has not agreed to be contacted by email" in evidence_of["summary"]


def test_on_the_wire_a_phone_that_acknowledges_opens_none(engine: Engine, stand_ins: StandIns) -> None:
    chosen = delivery_settings(stand_ins)
    a_customer(engine)
    notify = NotifyAction("alert", ("push",), escalate_after_ms=900_000, unanswered=FIELD)
    decide(engine, means_of(engine, chosen), a_decision(notify=notify))
    with delivering(engine, chosen):
        eventually(lambda: rows(engine, "SELECT state FROM messages") == [("accepted",)])
        [(message_id,)] = rows(engine, "SELECT id FROM messages")
        with engine.begin() as connection:
            assert evidence.push_ack(connection, message_id, "delivered", datetime.now(UTC))
        assert rows(engine, "SELECT state, due_at FROM contacts") == [("acknowledged", None)]
        execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at IS NOT NULL")
        time.sleep(0.5)
    assert rows(engine, "SELECT count(*) FROM cases") == [(0,)]


TWO = {"push": True, "sms": True}
