"""The contact policy: questions answered in a second; one process, no I/O."""

from __future__ import annotations

import time

from notifiers.policy import Begun, Cap, ContactRequest, Customer, History, Money, PolicySettings, Spent, plan
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.settings import Settings

QUESTIONS = 20_000
CUSTOMERS = 2_000
NOON_MS = 1_800_014_400_000
DAY_MS = 24 * 60 * 60 * 1000
CHANNELS = ("push", "sms", "email")
ZONES = ("Asia/Tokyo", "Europe/London", "America/New_York", "Australia/Lord_Howe")
POLICY = PolicySettings(
    caps=(Cap(2, DAY_MS, "offers", "push"), Cap(10, DAY_MS)),
    money=Money(daily_budget={"sms": 500}, sms_per_number=10, sms_per_prefix=100),
)


def run(settings: Settings) -> list[Section]:
    """Time questions of every purpose, by day and by night, several times over."""
    asked = [_question(number) for number in range(QUESTIONS)]
    rates, told = [], 0
    for turn in range(settings.runs + 1):
        started = time.perf_counter()
        told = sum(
            bool(plan(request, customer, history, POLICY, now).steps) for request, customer, history, now in asked
        )
        if turn:  # the first one was the warm-up
            rates.append(QUESTIONS / (time.perf_counter() - started))
    settings.say(f"{max(rates):,.0f} policy decisions/s, {told / QUESTIONS:.0%} of them may be told")
    return [
        Section(
            "policy",
            "The contact policy alone, in one process: three channels, two caps, a budget, four zones, day and night.",
            [
                Figure("policy", "decisions/s", tuple(rates)),
                Figure("may be told or held", "%", (told / QUESTIONS * 100,)),
            ],
        )
    ]


def _question(number: int) -> tuple[ContactRequest, Customer, History, int]:
    purpose = ("offers", "maintenance", "safety", "service")[number % 4]
    now = NOON_MS + number * 60_000
    begun = tuple(Begun(cap, (now - DAY_MS // 2,) * (number % 3)) for cap in POLICY.caps)
    request = ContactRequest(
        decision_id=f"d{number}",
        rule_id=f"rule-{number % 20}",
        transition="firing",
        severity=("critical", "major", "minor")[number % 3],
        purpose=purpose,
        channels=CHANNELS,
        template="alert",
        device_id=f"device-{number}",
        decided_at_ms=now,
        cooldown_ms=DAY_MS,
        holdout_percent=10.0,
    )
    return request, _customer(number % CUSTOMERS), History(begun=begun, spent=Spent({"sms": number % 600})), now


def _customer(number: int) -> Customer:
    agreed = dict.fromkeys(CHANNELS, True)
    return Customer(
        id=f"c{number}",
        time_zone=ZONES[number % 4],
        addresses={"push": [f"token-{number}"], "sms": f"+8190{number:08d}", "email": f"c{number}@example.org"},
        consents={"offers": agreed, "maintenance": agreed, "service": {"push": True}},
    )
