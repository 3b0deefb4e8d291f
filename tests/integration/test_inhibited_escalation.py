"""An escalation under way when another rule's alert begins to speak for its own: it waits, says so, and goes on."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from sqlalchemy import Engine

from devices.event import DeviceChanged, DeviceFacts, Event, RulesChanged, Telemetry, Tick
from devices.partition import partition_of
from gateway.delivery import inhibited, settlement, steps
from gateway.delivery.means import follow
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.delivery.settlement import Rules, Sent
from gateway.log import EventLog
from gateway.storage import alerts_read, claims
from gateway.storage import contacts as stored
from notifiers.outcome import Retry
from rules.decision import CaseAction, Decision, NotifyAction
from tests.integration.delivery_fixture import a_customer, decide, eventually, execute, heed, now_ms, resolved, rows
from tests.integration.unanswered_fixture import asked, fired, later, look, sent
from tests.integration.worker_fixture import PARTITIONS, working
from tests.integration.worker_fixture import eventually as arrives

pytestmark = pytest.mark.stack

SILENT = "Nothing further is sent for now: the alert of rule device-offline speaks for this one."


@pytest.fixture
def means(engine: Engine) -> Means:
    a_customer(engine)
    return asked(engine)


def told(engine: Engine, first: Decision, action: Literal["inhibit", "release"], number: int = 1) -> bool:
    """The fold's word."""
    return heed(engine, first, action, by="device-offline", number=number)


def contacts(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT state, due_at IS NULL FROM contacts ORDER BY created_at")


def messages(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT channel, state, reason FROM messages ORDER BY created_at, step")


def silences(engine: Engine) -> list[str]:
    found = rows(engine, "SELECT summary FROM timeline WHERE kind = 'suppression' AND reason = 'inhibited' ORDER BY at")
    return [summary for (summary,) in found]


def told_and_then_inhibited(engine: Engine, means: Means, **values: Any) -> Decision:
    """The push has left; then the device is offline, and the time for the SMS comes."""
    first = fired(**values)
    decide(engine, means, first)
    sent(engine)
    assert told(engine, first, "inhibit")
    look(engine, means)
    return first


def test_no_further_channel_is_tried_and_the_timeline_says_why(engine: Engine, means: Means) -> None:
    told_and_then_inhibited(engine, means)
    assert contacts(engine) == [("held", True)]
    assert messages(engine) == [("push", "accepted", None)]
    assert silences(engine) == [SILENT]


def test_it_goes_on_with_the_next_channel_when_that_is_over(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    assert told(engine, first, "release")
    look(engine, means)
    assert messages(engine) == [("push", "accepted", None), ("sms", "queued", None)]
    assert contacts(engine) == [("active", False)]


def test_what_was_queued_is_taken_back_and_sent_by_the_same_channel_afterwards(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    told(engine, first, "inhibit")
    assert messages(engine) == [("push", "withdrawn", "inhibited")]
    look(engine, means)
    assert silences(engine) == [SILENT]
    told(engine, first, "release")
    look(engine, means)
    assert messages(engine) == [("push", "withdrawn", "inhibited"), ("push", "queued", None)]


def test_an_inhibition_that_is_over_before_the_next_step_delays_nothing(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    sent(engine)
    due = rows(engine, "SELECT due_at FROM contacts")
    told(engine, first, "inhibit")
    told(engine, first, "release")
    assert rows(engine, "SELECT due_at FROM contacts") == due
    assert silences(engine) == []


def test_a_failure_that_is_reported_meanwhile_brings_no_channel_either(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    execute(engine, "UPDATE messages SET state = 'sending'")
    told(engine, first, "inhibit")
    execute(engine, "UPDATE messages SET state = 'failed'")
    [(contact_id,)] = rows(engine, "SELECT id FROM contacts")
    with engine.begin() as connection:
        steps.step_failed(connection, contact_id, 0)
    look(engine, means)
    assert (contacts(engine), len(messages(engine))) == ([("held", True)], 1)
    told(engine, first, "release")
    look(engine, means)
    assert [channel for channel, _, _ in messages(engine)] == ["push", "sms"]


def test_what_its_provider_refuses_for_now_is_not_tried_again_meanwhile(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    with engine.begin() as connection:
        (claimed,) = claims.claim(connection, {"push": 1}, owner="me", lease_s=60, at=datetime.now(UTC))
    told(engine, first, "inhibit")
    assert messages(engine) == [("push", "sending", None)]
    with engine.begin() as connection:
        refused = Sent(claimed, "fcm", Retry("HTTP 503"))
        settlement.record_sent(connection, refused, Rules("me", 5, 30.0), datetime.now(UTC), 0.5)
    assert messages(engine) == [("push", "withdrawn", "inhibited")]
    look(engine, means)
    assert contacts(engine) == [("held", True)]


def test_who_answers_meanwhile_ends_it(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    assert heed(engine, first, "acknowledge")
    told(engine, first, "release")
    look(engine, means)
    assert contacts(engine) == [("acknowledged", True)]
    assert len(messages(engine)) == 1


def test_who_was_told_hears_of_the_end_that_comes_meanwhile(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    decide(engine, means, resolved(first))
    assert contacts(engine)[0] == ("done", True)
    assert rows(engine, "SELECT channel, template FROM messages ORDER BY created_at") == [
        ("push", "alert"), ("push", "resolved"),
    ]  # fmt: skip
    assert not told(engine, first, "release")


def test_the_last_step_waits_too(engine: Engine, means: Means) -> None:
    notify = NotifyAction("alert", ("push",), escalate_after_ms=900_000, unanswered=CaseAction("cold", "high"))
    first = told_and_then_inhibited(engine, means, notify=notify)
    assert rows(engine, "SELECT count(*) FROM cases") == [(0,)]
    told(engine, first, "release")
    look(engine, means)
    assert rows(engine, "SELECT queue FROM cases") == [("cold",)]


def test_no_case_opens_meanwhile_though_nobody_may_be_told_any_more(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    told(engine, first, "inhibit")
    execute(engine, "UPDATE consents SET granted = false")
    look(engine, means)
    assert (contacts(engine), rows(engine, "SELECT count(*) FROM cases")) == ([("held", True)], [(0,)])
    told(engine, first, "release")
    look(engine, means)
    assert contacts(engine) == [("withdrawn", True)]
    assert rows(engine, "SELECT queue FROM cases") == [("field",)]


def test_without_another_channel_it_ends_as_ever(engine: Engine, means: Means) -> None:
    told_and_then_inhibited(engine, means, notify=NotifyAction("alert", ("push",), escalate_after_ms=900_000))
    assert contacts(engine) == [("done", True)]
    assert silences(engine) == []


def test_what_is_told_anew_stands_in_the_place_of_what_waited(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    decide(engine, means, later(first, "repeat"))
    assert contacts(engine) == [("done", True), ("active", False)]
    assert messages(engine) == [("push", "accepted", None), ("push", "queued", None)]
    why = rows(engine, "SELECT summary FROM timeline WHERE kind = 'decision' AND reason = 'inhibited'")
    assert why == [("No further channel is tried: what another alert had kept quiet is told anew",)]


@pytest.mark.parametrize("transition", ["repeat", "raised"])
@pytest.mark.parametrize("silent", [{"cooldown_ms": 3_600_000}, {"late_ms": 4_000_000}, {"notify": None}])
def test_where_it_is_not_told_anew_what_waited_goes_on(
    engine: Engine, means: Means, transition: str, silent: dict[str, Any]
) -> None:
    first = told_and_then_inhibited(engine, means)
    decide(engine, means, later(first, transition, **silent))
    look(engine, means)
    assert messages(engine) == [("push", "accepted", None), ("sms", "queued", None)]


def test_an_inhibited_repeat_leaves_it_waiting(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    decide(engine, means, later(first, "repeat", inhibited_by="device-offline"))
    look(engine, means)
    assert contacts(engine) == [("held", True)]


def test_each_silence_is_told_once(engine: Engine, means: Means) -> None:
    notify = NotifyAction("alert", ("push", "sms", "email"), escalate_after_ms=900_000)
    first = told_and_then_inhibited(engine, means, notify=notify)
    told(engine, first, "release")
    look(engine, means)
    sent(engine)
    told(engine, first, "inhibit", 2)
    look(engine, means)
    assert silences(engine) == [SILENT, SILENT]
    assert len(messages(engine)) == 2


def test_the_same_word_again_changes_nothing(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    told(engine, first, "release")
    look(engine, means)
    assert not told(engine, first, "inhibit")
    assert messages(engine)[-1] == ("sms", "queued", None)


def test_the_alert_says_from_when_to_when(engine: Engine, means: Means) -> None:
    first = told_and_then_inhibited(engine, means)
    with engine.connect() as connection:
        alert = alerts_read.get(connection, first.id)
        assert alert is not None
        assert alert.inhibited_by == "device-offline"
    told(engine, first, "release")
    with engine.connect() as connection:
        alert = alerts_read.get(connection, first.id)
        history = alerts_read.history(connection, first.id)
    assert alert is not None
    assert alert.inhibited_by is None
    assert [(each.what, each.by) for each in history] == [
        ("firing", None), ("inhibit", "device-offline"), ("release", "device-offline"),
    ]  # fmt: skip


def test_whichever_comes_first_nothing_stays_queued_while_it_is_inhibited(engine: Engine, means: Means) -> None:
    made = [fired(str(number)) for number in range(40)]
    decide(engine, means, *made)
    sent(engine)
    execute(engine, "UPDATE contacts SET due_at = now()")
    begin = threading.Barrier(3)

    def pace() -> None:
        pacer = Pacer(engine, means, lambda: datetime.now(UTC), lambda: None)
        begin.wait()
        while pacer.look_once():
            pass

    def inhibit() -> None:
        begin.wait()
        for each in made:
            told(engine, each, "inhibit")

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(work) for work in (pace, pace, inhibit)]:
            done.result(timeout=60)
    assert rows(engine, "SELECT count(*) FROM messages WHERE state = 'queued'") == [(0,)]
    look(engine, means)
    assert rows(engine, "SELECT state, count(*) FROM contacts GROUP BY 1") == [("held", len(made))]
    for each in made:
        told(engine, each, "release")
    look(engine, means)
    by_channel = "SELECT channel, count(*) FROM messages WHERE state = 'queued' GROUP BY 1"
    assert rows(engine, by_channel) == [("sms", len(made))]


def test_an_end_is_not_missed_that_comes_while_the_contact_is_about_to_wait(engine: Engine, means: Means) -> None:
    first = fired()
    decide(engine, means, first)
    sent(engine)
    told(engine, first, "inhibit")
    [(contact_id,)] = rows(engine, "SELECT id FROM contacts")
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as worker:
        with engine.begin() as connection:
            contact = stored.lock(connection, contact_id)
            assert contact is not None
            inhibited.wait(connection, contact, "device-offline", datetime.now(UTC))
            ends = worker.submit(told, engine, first, "release")
            eventually(lambda: ends.done() or rows(engine, blocked) != [(0,)])
        assert ends.result(timeout=30)
    look(engine, means)
    assert contacts(engine) == [("active", False)]
    assert messages(engine) == [("push", "accepted", None), ("sms", "queued", None)]


RULES = """
rules:
  - id: too-warm
    when: {metric: t, above: 8}
    then: {notify: {template: alert, channels: [push, sms], escalate_after: 15m}}
    inhibited_by: [open]
  - {id: open, when: {metric: door, equals: 1}}
"""


async def test_the_worker_says_so_in_the_order_of_the_log(engine: Engine, means: Means, log: EventLog) -> None:
    begun = now_ms() - 120_000

    async def say(*events: Event) -> None:
        await log.append(partition_of("chiller-1", PARTITIONS), list(events))

    def reading(after: int, metric: str, value: float) -> Event:
        return Telemetry("chiller-1", begun + after * 1000, begun + after * 1000, {metric: value})

    await say(RulesChanged(begun, "v1", {"rules.yaml": RULES}))
    await say(DeviceChanged(begun, DeviceFacts("chiller-1", owner="hanako")))
    await say(reading(1, "t", 5), reading(2, "door", 0))
    queued = "SELECT channel, state, reason FROM messages ORDER BY created_at"
    waiting = "SELECT count(*) FROM contacts WHERE due_at <= now()"
    async with working(engine, log, follow=follow(means)):
        await say(reading(10, "t", 9))
        await arrives(engine, queued, [("push", "queued", None)])
        await say(reading(20, "door", 1))
        await arrives(engine, queued, [("push", "withdrawn", "inhibited")])
        await asyncio.to_thread(look, engine, means)
        assert contacts(engine) == [("held", True)]
        assert silences(engine) == ["Nothing further is sent for now: the alert of rule open speaks for this one."]
        await say(reading(40, "door", 0), Tick(begun + 71_000))
        await arrives(engine, waiting, [(1,)])
        await asyncio.to_thread(look, engine, means)
    assert rows(engine, queued) == [("push", "withdrawn", "inhibited"), ("push", "queued", None)]
