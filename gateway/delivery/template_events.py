"""The event with which a template is previewed: a made-up one, or a decision for a customer who is known."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from gateway.delivery.rendering import surroundings, words
from gateway.storage import customers, decisions_read, rule_sets
from gateway.storage.decisions_read import Made
from gateway.storage.tables import contacts
from notifiers.policy import Money
from notifiers.policy.stages.addresses import region_of
from notifiers.templates import example
from rules.decision import Decision, Position
from rules.problem import RuleErrors
from rules.state import ruleset_of

LINK = "https://example.com/c/9XkQ2"
UNSUBSCRIBE = "https://example.com/u/4fGh2"
"""Where a preview's links lead: nowhere. A real one would unsubscribe whoever tries it."""


class NothingThereError(Exception):
    """There is no such decision or customer."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} with the id {name!r}")
        self.what = what
        self.name = name


def made_up(sample: str, locale: str) -> dict[str, Any]:
    """The context of one of the samples (``notifiers.templates.EXAMPLES``)."""
    return dict(example(sample, locale))


def event(
    connection: Connection, sample: str, locale: str, *, decision_id: str | None, customer_id: str | None
) -> dict[str, Any]:
    """The context of ``decision_id`` for ``customer_id``; what is not given is the sample's.

    Raises:
        NothingThereError: one of the two is not known.
    """
    context = {"customer": {"name": "", "locale": "", "time_zone": ""}, **made_up(sample, locale)}
    if decision_id is not None:
        found = decisions_read.get(connection, decision_id)
        if found is None:
            raise NothingThereError("decision", decision_id)
        context |= _of_decision(connection, found)
        customer_id = customer_id or found.customer_id
    if customer_id is not None:
        customer = customers.get(connection, customer_id)
        if customer is None:
            raise NothingThereError("customer", customer_id)
        context["customer"] = {"name": customer.name, "locale": customer.locale, "time_zone": customer.time_zone}
    return context


def sms_price(connection: Connection | None, money: Money, customer_id: str | None) -> float | None:
    """Of one segment to the customer, or to anybody; ``None`` where ``policy.sms_cost`` does not say."""
    customer = customers.get(connection, customer_id) if connection is not None and customer_id is not None else None
    number = customer.addresses.get("sms") if customer is not None else None
    if isinstance(number, str):
        return money.price(region_of(number))
    return next(iter(money.sms_cost.values())) if len(money.sms_cost) == 1 else money.price(None)


def _of_decision(connection: Connection, made: Made) -> dict[str, Any]:
    """As it was worded for whoever was contacted; else as it would be now."""
    shown = {"link": LINK, "unsubscribe_url": UNSUBSCRIBE}
    query = select(contacts.c.context).where(contacts.c.rule_id == made.rule_id, contacts.c.decision_id == made.id)
    kept = connection.execute(query.limit(1)).scalar_one_or_none()
    if kept is not None and "words" in kept:
        return {**kept["words"], **shown}
    decision = Decision(
        id=made.id,
        rule_id=made.rule_id,
        rule_version=made.rule_version,
        subject=made.subject,
        at=made.at,
        transition=made.transition,  # type: ignore[arg-type]  # as the table has it
        alert_id=made.alert_id,
        severity=made.severity,  # type: ignore[arg-type]
        purpose=made.purpose,
        position=Position(made.seq, made.index),
        customer_id=made.customer_id,
        store_id=made.store_id,
        summary=made.summary,
        values=made.values,
        explanation={},
        rule_summary=_rule_summary(connection, made.rule_id),
    )
    return {**words(decision, surroundings(connection, decision)), **shown}


def _rule_summary(connection: Connection, rule_id: str) -> str:
    held = rule_sets.newest(connection)
    try:
        rules = ruleset_of(held.files).rules if held else ()
    except RuleErrors:
        return ""
    return next((rule.summary or "" for rule in rules if rule.id == rule_id), "")
