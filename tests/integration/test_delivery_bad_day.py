"""All providers have a bad day while deliver processes are killed: the provider's log against what was decided.

The oracle is the provider's own log of requests. L: decisions of which no provider has a message. D: messages recorded
as sent twice. U: requests that a provider took beyond the first of a message.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    AUTH_TOKEN,
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

KILLS = 5
MESSAGES = 200
CUSTOMERS = 30
PLANS = (("push", "sms"), ("email", "sms"), ("sms",))
"""An SMS comes last: of it alone it can be asked what became of it."""
BAD = ("slow", "500", "503", "429", "drop_before", "drop_after", "malformed")
EXPLAINED: dict[str, set[str]] = {
    "unknown": {"drop_before", "drop_after", "malformed"},
    "failed": {"500"},
}
"""Where a push or a mail may end, and after which of its provider's faults: the next channel is used then (a mail
server's 5yz is for good)."""
UNFINISHED = """
    SELECT (SELECT count(*) FROM messages WHERE state IN ('queued', 'sending') OR lease_until IS NOT NULL)
         + (SELECT count(*) FROM contacts WHERE due_at <= now())
"""
ACCEPTED_TWICE = """
    SELECT message_id FROM timeline WHERE kind = 'message' AND detail->>'state' = 'accepted'
    GROUP BY 1 HAVING count(*) > 1
"""


def bring_in(engine: Engine) -> None:
    for number in range(CUSTOMERS):
        addresses = {
            "push": [f"canary-token-{number}-silent"],
            "sms": f"+8180777{number:05d}",
            "email": f"canary-{number}@example.com",
        }
        a_customer(engine, f"c{number}", name=f"Canary {number}", addresses=addresses)


def a_bad_day(stand_ins: StandIns, dice: random.Random) -> None:
    """Each provider misbehaves in a way of its own, or for once does not."""
    for provider in ("fcm", "twilio", "smtp"):
        mode = dice.choice((*BAD, "ok"))
        stand_ins.fault(provider, mode, seconds=0.05)


def await_requests(stand_ins: StandIns, seen: int) -> int:
    """Wait for more requests than ``seen``, however long a process takes to come up; how many there are then."""
    eventually(lambda: len(stand_ins.requests()) > seen, within=60)
    return len(stand_ins.requests())


def test_killed_over_and_over_on_a_bad_day_no_decision_is_lost_and_no_sms_repeated(
    engine: Engine, stand_ins: StandIns, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = delivery_settings(stand_ins, threads=4, lease_seconds=5.0, settle_seconds=0.2, max_attempts=30)
    means = means_of(engine, settings)
    bring_in(engine)
    dice = random.Random(11)
    processes = [_process(database_url, settings, tmp_path / name) for name in "ab"]
    for each in processes:
        each.start()
        request.addfinalizer(each.kill)  # also where something below fails

    made: dict[str, str] = {}
    seen = len(stand_ins.requests())
    for number in range(MESSAGES):
        if number % 12 == 0:
            # A fault that nobody meets shows nothing.
            seen = await_requests(stand_ins, seen) if number else seen
            a_bad_day(stand_ins, dice)
        if number % (MESSAGES // KILLS) == MESSAGES // KILLS - 1:
            victim = dice.choice(processes)
            victim.kill()
            victim.start()
        plan = PLANS[number % len(PLANS)]
        decision = a_decision(
            f"b{number}", customer_id=f"c{number % CUSTOMERS}", rule_id=f"r{number}", notify=NotifyAction("alert", plan)
        )
        decide(engine, means, decision)
        made[decision.id] = f"c{number % CUSTOMERS}"
        time.sleep(dice.uniform(0.005, 0.03))
    for provider in ("fcm", "twilio", "smtp"):
        stand_ins.fault(provider, "ok")
    eventually(lambda: rows(engine, UNFINISHED) == [(0,)], within=180)
    for each in processes:
        assert each.terminate() < 10

    _check(engine, stand_ins.requests(), made)
    _check_logs([tmp_path / name / "deliver.log" for name in "ab"])


def _process(database_url: str, settings: Any, folder: Path) -> DeliverProcess:
    folder.mkdir()
    return DeliverProcess(database_url, settings, folder)


def _check(engine: Engine, log: list[dict[str, Any]], made: dict[str, str]) -> None:
    sent = rows(engine, "SELECT id, decision_id, channel, state FROM messages")
    took = Counter(each["message_id"] for each in log if each["outcome"] == "accepted")

    lost = set(made) - {decision_id for message_id, decision_id, _, _ in sent if took[message_id]}
    assert not lost, "L: nobody was told"
    assert not rows(engine, ACCEPTED_TWICE), "D: recorded as sent twice"
    boasted = [message_id for message_id, _, _, state in sent if state == "accepted" and not took[message_id]]
    assert not boasted, "recorded as sent, and the provider knows nothing of it"

    extra = dict.fromkeys(("push", "email", "sms"), 0)
    for message_id, _, channel, _ in sent:
        extra[channel] += max(0, took[message_id] - 1)
    assert extra["sms"] == 0, "U: an SMS went out twice"
    # One thread a channel here, so at most one request a channel was between request and record at a kill.
    assert max(extra.values()) <= KILLS, f"U: {extra}"

    faults: dict[str, set[str]] = {message_id: set() for message_id, *_ in sent}
    for each in log:
        faults.setdefault(each["message_id"], set()).add(each["fault"])
    unexplained = [
        (channel, state, faults[message_id])
        for message_id, _, channel, state in sent
        if state != "accepted" and (channel == "sms" or not faults[message_id] & EXPLAINED[state])
    ]
    assert not unexplained, "in doubt or given up, though the provider has not said so"
    bad = {each["fault"] for each in log} & set(BAD)
    assert len(bad) >= len(BAD) - 2, "the day was not bad enough to show anything"


def _check_logs(logs: list[Path]) -> None:
    said = "".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)
    assert "deliver.started" in said
    for canary in ("canary", "Canary", "8180777", AUTH_TOKEN):
        assert canary not in said
