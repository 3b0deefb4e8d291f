"""Thousands of alerts for hundreds of customers, and numbers made up for pumping: what the provider was given to send.

The oracle is the stand-in's own count of segments: whatever the gateway believes to have spent, this is what would be
on the bill.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from gateway.delivery.links import Links
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.storage import consents, customers
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from gateway.worker.partition import Folded
from notifiers.policy import Cap, Digest, Money, policy_settings
from notifiers.templates import Templates
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import (
    StandIns,
    a_decision,
    delivering,
    delivery_settings,
    eventually,
    rows,
)
from tests.integration.worker_fixture import all_at_once

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

CUSTOMERS, ALERTS_EACH = 200, 6
NOISY = 15
"""Customers whose alerts come first: the frequency cap refuses most of them, while there is still a budget."""
CRITICAL = 30
BUDGET, RESERVE = 120, 100
PER_PREFIX = 60
SMS = NotifyAction("alert", ("sms",))
MADE_UP = (
    "+19002345678",  # premium, United States
    "+4490912345678",  # premium, United Kingdom
    "+81990123456",  # premium, Japan
    "+881612345678",  # a satellite's
    "+882161234567",  # an international network's
    "+24177123456",  # Gabon
    "+37256123456",  # Estonia
    "+53512345678",  # Cuba
    "+81",
    "0901234567",
)
POLICY = policy_settings(
    {"offers": "never", "maintenance": "never"},
    sms_regions=frozenset({"JP"}),
    caps=(Cap(3, 86_400_000, "maintenance"),),
    money=Money(daily_budget={"sms": BUDGET}, daily_reserve={"sms": RESERVE}, sms_per_prefix=PER_PREFIX),
    digest=Digest(frozenset({"maintenance"})),
)

CRITICALS = "SELECT id FROM decisions WHERE severity = 'critical'"
UNSENT = "SELECT count(*) FROM messages WHERE state NOT IN ('accepted', 'delivered')"


def bring_in(engine: Engine) -> tuple[list[str], list[str]]:
    """Customers with numbers all over Japan's networks, and some whose numbers somebody made up."""
    real = [f"c{number:03d}" for number in range(CUSTOMERS)]
    invented = [f"m{number:03d}" for number in range(5 * len(MADE_UP))]
    numbers = [f"+8190{number:04d}{number:04d}" for number in range(CUSTOMERS)]
    numbers += [MADE_UP[number % len(MADE_UP)] for number in range(len(invented))]
    with engine.begin() as connection:
        for name, number in zip(real + invented, numbers, strict=True):
            customers.put(connection, Customer(id=name, name=name, time_zone="UTC", addresses={"sms": number}))
            consents.put(connection, name, Consents({"maintenance": {"sms": True}}, "test"))
    return real, invented


def storm(worker: str, names: Sequence[str], times: int, severity: str) -> list[Folded]:
    made: list[Decision] = [
        a_decision(f"{worker}-{turn}-{name}", customer_id=name, severity=severity, notify=SMS)
        for turn in range(times)
        for name in names
    ]
    return [Folded(0, at + 1, tuple(made[at : at + 20])) for at in range(0, len(made), 20)]


def billed(stand_ins: StandIns) -> int:
    """Segments that the provider was given to send, by its own count."""
    return sum(int(each["detail"]["segments"]) for each in stand_ins.messages(channel="sms"))


def test_a_storm_costs_no_more_than_its_cap_the_critical_pass_and_the_rest_is_told_in_digests(
    engine: Engine, stand_ins: StandIns
) -> None:
    means = Means(Templates.load(None), POLICY, Links("http://127.0.0.1:9", "secret"))
    now = datetime.now(UTC)  # for the whole storm: a budget is a day's, and a digest an evening's
    real, invented = bring_in(engine)
    before = billed(stand_ins)
    half = ALERTS_EACH // 2
    noisy = real[:NOISY]
    all_at_once(engine, means, storm("n", noisy, half, "minor"), storm("o", noisy[::-1], half, "minor"), at=now)
    all_at_once(
        engine,
        means,
        storm("a", real + invented, half, "minor"),
        storm("b", (real + invented)[::-1], half, "minor"),
        at=now,
    )
    with delivering(engine, delivery_settings(stand_ins)):
        eventually(lambda: rows(engine, UNSENT) == [(0,)], within=60)
        ordinary = billed(stand_ins) - before
        assert 0 < ordinary <= BUDGET
        assert rows(engine, "SELECT used FROM spending WHERE kind = 'channel'") == [(ordinary,)]

        # The budget is gone; what is critical still goes out, from the reserve.
        criticals = storm("c", real[:CRITICAL], 1, "critical"), storm("d", invented, 1, "critical")
        all_at_once(engine, means, *criticals, at=now)
        eventually(lambda: rows(engine, UNSENT) == [(0,)], within=60)
    told = {to for (to,) in rows(engine, f"SELECT customer_id FROM messages WHERE decision_id IN ({CRITICALS})")}
    assert told == set(real[:CRITICAL])
    assert billed(stand_ins) - before <= BUDGET + RESERVE
    assert not {each["to"] for each in stand_ins.messages(channel="sms")} & set(MADE_UP), (
        "a made-up number was paid for"
    )
    reasons = {reason for (reason,) in rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'")}
    assert reasons >= {"budget_used_up", "bad_address", "region_not_allowed"}

    tomorrow = now + timedelta(days=1)
    pacer = Pacer(engine, means, lambda: tomorrow, lambda: None)
    while pacer.tell_once():
        pass
    digests = rows(engine, "SELECT customer_id FROM messages WHERE template = 'digest'")
    assert len(digests) == len(set(digests))
    assert {customer_id for (customer_id,) in digests} >= set(noisy)
