"""kill -9 at each step of a send: what the provider then has, and what is on record, to the letter."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.delivery.rendering import Means
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_customer,
    a_decision,
    as_environment,
    decide,
    delivering,
    delivery_settings,
    eventually,
    execute,
    means_of,
    rows,
)

pytestmark = pytest.mark.stack

CHANNELS = ("push", "sms", "email")
STEPS = ("claimed", "answered", "recording", "recorded")
NOT_ON_RECORD = {"answered", "recording"}
"""Steps at which a request has been made and is not on record: a push or a mail goes out once more, an SMS never."""
IN_DOUBT = ("in-doubt", "asked", "settling")
LEASE_S = 30.0
LEASES_END = "UPDATE messages SET lease_until = now() WHERE state IN ('sending', 'unknown')"
RECORDED = "SELECT count(*) FROM timeline WHERE message_id = :id AND detail->>'state' = 'accepted'"


class Deliverers:
    """Forks deliver roles that end at a step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def die(self, step: str, channel: str) -> None:
        """Have one deliver until a message of ``channel`` comes to ``step``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{step} {channel}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == str(int(signal.SIGKILL)), "the step was never come to"


@pytest.fixture
def deliverers(stand_ins: StandIns, database_url: str, tmp_path: Path) -> Iterator[Deliverers]:
    settings = delivery_settings(stand_ins, threads=3, lease_seconds=LEASE_S, settle_seconds=0.1)
    with (tmp_path / "deliver.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.deliver_program"],
            env=as_environment(settings, database_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Deliverers(process)
    finally:
        process.kill()
        process.communicate()


def queued(engine: Engine, means: Means, name: str, channel: str) -> str:
    """A message to a customer of its own; its id."""
    number = rows(engine, "SELECT count(*) FROM customers")[0][0]
    addresses = {"push": [f"t{number}-silent"], "sms": f"+8190{number:08d}", "email": f"c{number}@example.com"}
    a_customer(engine, f"c{number}", addresses=addresses)
    decision = a_decision(name, customer_id=f"c{number}", rule_id=name, notify=NotifyAction("alert", (channel,)))
    decide(engine, means, decision)
    [(message_id,)] = rows(engine, "SELECT id FROM messages WHERE decision_id = :id", id=decision.id)
    return str(message_id)


def carry_on(engine: Engine, stand_ins: StandIns, *message_ids: str) -> list[int]:
    """Another process delivers what is left; how often the provider then has each message."""
    execute(engine, LEASES_END)
    with delivering(engine, delivery_settings(stand_ins, lease_seconds=LEASE_S, settle_seconds=0.1)):
        eventually(lambda: rows(engine, "SELECT DISTINCT state FROM messages") == [("accepted",)])
    for each in message_ids:
        assert rows(engine, RECORDED, id=each) == [(1,)]
    return [taken(stand_ins, each) for each in message_ids]


def taken(stand_ins: StandIns, message_id: str) -> int:
    """How often the provider has the message, by its own log."""
    return sum(each["outcome"] == "accepted" for each in stand_ins.requests(message_id=message_id))


@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_is_killed_at_any_step_loses_nothing_and_repeats_no_more_than_it_must(
    engine: Engine, stand_ins: StandIns, deliverers: Deliverers, step: str
) -> None:
    means = means_of(engine, delivery_settings(stand_ins))
    ids = []
    for channel in CHANNELS:
        ids.append(queued(engine, means, f"{step}-{channel}", channel))
        deliverers.die(step, channel)
        assert taken(stand_ins, ids[-1]) == (step != "claimed")
    repeats = 1 if step in NOT_ON_RECORD else 0
    assert carry_on(engine, stand_ins, *ids) == [1 + repeats, 1, 1 + repeats]


def test_an_sms_in_doubt_goes_out_once_whenever_those_who_settle_it_are_killed(
    engine: Engine, stand_ins: StandIns, deliverers: Deliverers
) -> None:
    stand_ins.fault("twilio", "drop_after", count=1)
    message_id = queued(engine, means_of(engine, delivery_settings(stand_ins)), "thrice", "sms")
    for step in IN_DOUBT:
        deliverers.die(step, "sms")
        execute(engine, LEASES_END)
    assert carry_on(engine, stand_ins, message_id) == [1]
