"""One ordinary question to the policy, for tests to bend."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifiers.policy import ContactRequest, Customer, History, Plan, PolicySettings, plan

TOKYO = ZoneInfo("Asia/Tokyo")


def millis(text: str, zone: str = "Asia/Tokyo") -> int:
    """Local wall clock time to epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NOON = millis("2026-06-03 12:00")
CHANNELS = ("push", "sms", "email")


def request(**changes: Any) -> ContactRequest:
    """A major maintenance alert, decided at noon in Tokyo."""
    asked: dict[str, Any] = {
        "decision_id": "d1",
        "rule_id": "chiller-too-warm",
        "transition": "firing",
        "severity": "major",
        "purpose": "maintenance",
        "channels": CHANNELS,
        "template": "alert",
        "device_id": "chiller-7",
        "decided_at_ms": NOON,
    }
    return ContactRequest(**(asked | changes))


def customer(**changes: Any) -> Customer:
    """Somebody in Tokyo who agreed to everything, on all three channels."""
    agreed = dict.fromkeys(CHANNELS, True)
    on_record: dict[str, Any] = {
        "id": "c1",
        "name": "Sato",
        "locale": "ja-JP",
        "time_zone": "Asia/Tokyo",
        "addresses": {"push": ["token-a", "token-b"], "sms": "+818012345678", "email": "sato@example.org"},
        "consents": {"maintenance": agreed, "offers": agreed, "service": agreed, "source": "sign-up form"},
    }
    return Customer(**(on_record | changes))


def planned(
    *,
    to: Customer | None = None,
    history: History | None = None,
    settings: PolicySettings | None = None,
    now_ms: int = NOON,
    **changes: Any,
) -> Plan:
    """The plan for an ordinary question with ``changes`` to its request."""
    return plan(request(**changes), to or customer(), history or History(), settings or PolicySettings(), now_ms)


def channels_of(made: Plan) -> list[str]:
    """The channels of the plan's steps, in order."""
    return [step.channel for step in made.steps]


def reasons_of(made: Plan) -> dict[str | None, str]:
    """Channel to reason."""
    return {no.channel: no.reason.value for no in made.suppressions}
