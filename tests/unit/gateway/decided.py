"""Decisions as the engine would make them, for tests of what follows from them."""

from __future__ import annotations

from typing import Any

from rules.decision import CaseAction, Decision, NotifyAction, Position, Transition

AT = 1_767_225_600_000
MINUTE = 60_000


def decided(transition: Transition = "firing", after: int = 0, alert: str = "a1", **more: Any) -> Decision:
    """A decision about ``alert``, ``after`` minutes."""
    given: dict[str, Any] = {
        "id": alert if transition == "firing" else f"{alert}-{transition}-{after}",
        "rule_id": "chiller-too-warm",
        "rule_version": "v1",
        "subject": "chiller-17",
        "at": AT + after * MINUTE,
        "transition": transition,
        "alert_id": alert,
        "severity": "warning",
        "purpose": "maintenance",
        "position": Position(10 + after, 0),
        "customer_id": "aiko",
        "store_id": None,
        "summary": f"temperature {transition} on chiller-17",
        "values": {"temperature": 9.5},
        "explanation": {"operator": "above", "result": True},
    }
    return Decision(**(given | more))


CASE = CaseAction("cold-chain", "high")
NOTIFY = NotifyAction("alert", ("push",))
