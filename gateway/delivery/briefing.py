"""Everything that planning a new contact wants to know, in one round trip."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select

from gateway.delivery import reach
from gateway.delivery.rendering import AROUND, Surroundings, around, surroundings_in
from gateway.storage import history, turns
from notifiers.policy import Cap, Customer, History, PolicySettings
from notifiers.policy.stages.frequency_cap import caps_of
from rules.decision import Decision


class Briefing(NamedTuple):
    """What is known of a decision and of one customer, at one moment."""

    around: Surroundings
    customer: Customer | None
    past: History
    """Without what was spent, which other processes change meanwhile."""


def brief(connection: Connection, decision: Decision, customer_id: str, policy: PolicySettings) -> Briefing:
    """Read what a plan for ``customer_id`` rests on; the decision, its alert and its case are already written.

    Where a cap limits such contacts, the customer's turn is taken before, as ``asking.ask`` does.
    """
    caps = () if decision.transition == "resolved" else caps_of(policy.caps, decision.purpose)
    if caps:
        turns.take(connection, [customer_id])
    about = {"customer_id": customer_id, "alert_id": decision.alert_id, "decision_id": decision.id}
    asked = {**about, **around(decision), **history.looking_back(decision.cooldown_ms)}
    row = connection.execute(_everything(caps), asked).one()
    return Briefing(surroundings_in(row, decision), reach.customer_in(row.customer), history.read(row, caps))


@lru_cache(maxsize=64)
def _everything(caps: tuple[Cap, ...]) -> Select[Any]:
    return history.asked(caps).add_columns(*AROUND, reach.REACHED.label("customer"))
