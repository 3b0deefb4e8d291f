"""kill -9 in the middle of sending; the provider's own request log says what really went out."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import (
    DeliverProcess,
    StandIns,
    a_customer,
    a_decision,
    decide,
    delivery_settings,
    eventually,
    means_of,
    rows,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

KILLS = 20
CHANNELS = ("push", "sms", "email")
UNFINISHED = "SELECT count(*) FROM messages WHERE state IN ('queued', 'sending', 'unknown')"
ACCEPTED_ENTRIES = """
    SELECT message_id, count(*) FROM timeline WHERE kind = 'message' AND detail->>'state' = 'accepted' GROUP BY 1
"""


def bring_in(engine: Engine, count: int) -> None:
    for number in range(count):
        addresses = {"push": [f"t{number}-silent"], "sms": f"+8190{number:08d}", "email": f"c{number}@example.com"}
        a_customer(engine, f"c{number}", addresses=addresses)


def the_next(number: int) -> Decision:
    """A decision for one of the thirty, by one of the channels."""
    notify = NotifyAction("alert", (CHANNELS[number % 3],))
    return a_decision(f"k{number}", customer_id=f"c{number % 30}", rule_id=f"r{number}", notify=notify)


def accepted(engine: Engine) -> int:
    return int(rows(engine, "SELECT count(*) FROM messages WHERE state = 'accepted'")[0][0])


def await_more(engine: Engine, before: int) -> None:
    """Wait until more than ``before`` messages were accepted."""
    eventually(lambda: accepted(engine) > before, within=60)


def test_twenty_kills_lose_no_message_record_none_twice_and_repeat_no_sms(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = delivery_settings(stand_ins, threads=3, lease_seconds=5.0, settle_seconds=0.2)
    # The provider takes its time to answer, so that most kills fall between a request and its record.
    stand_ins.fault("fcm", "slow", seconds=0.03)
    stand_ins.fault("twilio", "slow", seconds=0.03)
    means = means_of(engine, settings)
    bring_in(engine, 30)
    process = DeliverProcess(database_url, settings, tmp_path)
    dice = random.Random(7)
    made = 0
    process.start()
    request.addfinalizer(process.kill)
    for _ in range(KILLS):
        # It must be in the middle of sending, however long the machine takes to bring it up.
        before = accepted(engine)
        for _ in range(6):
            decide(engine, means, the_next(made))
            made += 1
        await_more(engine, before)
        end = time.monotonic() + dice.uniform(0.1, 0.7)
        while time.monotonic() < end:
            decide(engine, means, the_next(made))
            made += 1
            time.sleep(0.005)
        process.kill()
        process.start()
    eventually(lambda: rows(engine, UNFINISHED) == [(0,)], within=180)
    assert process.terminate() < 10

    sent = rows(engine, "SELECT id, channel, state FROM messages")
    assert len(sent) == made
    assert {state for _, _, state in sent} == {"accepted"}, "a message was lost"
    assert set(dict(rows(engine, ACCEPTED_ENTRIES)).values()) == {1}, "a message was recorded as sent twice"

    requests = Counter(request["message_id"] for request in stand_ins.requests() if request["outcome"] == "accepted")
    assert {message_id for message_id, _, _ in sent} <= set(requests), "recorded as sent, but the provider has no such"
    extra = dict.fromkeys(CHANNELS, 0)
    for message_id, channel, _ in sent:
        extra[channel] += requests[message_id] - 1
    assert extra["sms"] == 0, "an SMS went out twice"
    # One thread a channel here, so at most one request a channel was between request and record at a kill.
    assert max(extra.values()) <= KILLS
    repeated = rows(engine, "SELECT count(*) FROM messages WHERE attempts > 1 OR reason IS NOT NULL")
    asked = rows(engine, "SELECT count(*) FROM timeline WHERE summary LIKE '%sender died%'")
    assert repeated > [(0,)] or asked > [(0,)], "no kill fell into a send, so nothing was shown"


def test_two_deliver_processes_never_send_the_same_message(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = delivery_settings(stand_ins)
    means = means_of(engine, settings)
    bring_in(engine, 20)
    processes = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        processes.append(DeliverProcess(database_url, settings, tmp_path / name))
    for process in processes:
        process.start()
        request.addfinalizer(process.kill)
    for number in range(300):
        notify = NotifyAction("alert", (CHANNELS[number % 3],))
        decide(
            engine, means, a_decision(f"x{number}", customer_id=f"c{number % 20}", rule_id=f"r{number}", notify=notify)
        )
    eventually(lambda: rows(engine, UNFINISHED) == [(0,)], within=180)
    for process in processes:
        assert process.terminate() < 10
    ids = {message_id for (message_id,) in rows(engine, "SELECT id FROM messages WHERE state = 'accepted'")}
    requests = Counter(request["message_id"] for request in stand_ins.requests() if request["message_id"] in ids)
    assert len(ids) == 300
    assert set(requests.values()) == {1}
    owners = rows(engine, "SELECT count(*) FROM messages WHERE attempts > 1")
    assert owners == [(0,)]


def test_sigterm_under_load_ends_in_time_and_leaves_nothing_half_done(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = delivery_settings(stand_ins)
    means = means_of(engine, settings)
    bring_in(engine, 20)
    process = DeliverProcess(database_url, settings, tmp_path)
    process.start()
    request.addfinalizer(process.kill)
    for number in range(200):
        notify = NotifyAction("alert", (CHANNELS[number % 3],))
        decide(
            engine, means, a_decision(f"s{number}", customer_id=f"c{number % 20}", rule_id=f"r{number}", notify=notify)
        )
    await_more(engine, 20)
    assert process.terminate() < 10
    assert rows(engine, "SELECT count(*) FROM messages WHERE state IN ('sending', 'unknown')") == [(0,)]
    accepted = {message_id for (message_id,) in rows(engine, "SELECT id FROM messages WHERE state = 'accepted'")}
    every = {message_id for (message_id,) in rows(engine, "SELECT id FROM messages")}
    requested = {request["message_id"] for request in stand_ins.requests()} & every
    assert requested == accepted
