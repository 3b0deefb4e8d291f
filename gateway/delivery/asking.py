"""Asking the contact policy: what it may know is read here, in the customer's turn."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from sqlalchemy import Connection

from gateway.storage import history, spending, turns
from notifiers.policy import ContactRequest, Customer, History, Money, Plan, PolicySettings, Spent, plan
from notifiers.policy.stages.addresses import usable
from notifiers.policy.stages.frequency_cap import caps_of


def ask(
    connection: Connection,
    request: ContactRequest,
    customer: Customer | None,
    *,
    alert_id: str,
    policy: PolicySettings,
    now: datetime,
    past: History | None = None,
) -> Plan:
    """The policy's answer at ``now``. ``past``: the history, where it was read already, in the customer's turn.

    Where a cap limits such requests, the customer's turn is taken, and kept until the transaction ends. Whoever plans
    for several customers in one transaction takes all the turns at its beginning; whoever has locked a contact before
    asks ``has_turn`` first.
    """
    if customer is None:
        return plan(request, None, history.NOTHING, policy, _millis(now))
    if past is None:
        past = _read(connection, request, customer, alert_id, policy)
    if request.digest:  # of several alerts; whoever makes or renews it has looked at each
        past = msgspec.structs.replace(past, alert_active=True)
    if policy.money.limits_something:
        past = msgspec.structs.replace(past, spent=_spent_today(connection, customer, policy.money, now))
    return plan(request, customer, past, policy, _millis(now))


def _read(
    connection: Connection, request: ContactRequest, customer: Customer, alert_id: str, policy: PolicySettings
) -> History:
    caps = () if request.transition == "resolved" else caps_of(policy.caps, request.purpose)
    if caps:
        turns.take(connection, [customer.id])
    return history.of(
        connection,
        customer_id=customer.id,
        rule_id=request.rule_id,
        alert_id=alert_id,
        decision_id=request.decision_id,
        cooldown_ms=request.cooldown_ms,
        caps=caps,
    )


def has_turn(connection: Connection, customer_id: str, purpose: str, policy: PolicySettings) -> bool:
    """Take the turn that contacts of ``purpose`` with the customer need, if they need one; false where it is not free.

    Waiting with a contact locked would be a deadlock: the turn's owner may want that very contact.
    """
    return not caps_of(policy.caps, purpose) or turns.take_if_free(connection, customer_id)


def _spent_today(connection: Connection, customer: Customer, money: Money, now: datetime) -> Spent:
    numbers = usable(customer.addresses.get("sms"), "sms")
    return spending.read(connection, now.astimezone(UTC).date(), {"sms", *money.daily_budget}, numbers)


def _millis(now: datetime) -> int:
    return int(now.timestamp() * 1000)
