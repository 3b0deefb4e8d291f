"""From a contact and a channel's addresses to messages ready for the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Connection, Row, Text, bindparam, select

from gateway.delivery.links import Links, Unsubscribe
from gateway.delivery.targets import target_of
from gateway.storage.contacts import Contact
from gateway.storage.links import Link
from gateway.storage.messages import New
from gateway.storage.tables import cases, devices, stores
from notifiers.policy import Customer, PolicySettings, Step
from notifiers.templates import Rendered, TemplateError, Templates
from rules.decision import Decision, derived_id

log = structlog.get_logger()

PLAIN = {"firing": "alert", "repeat": "alert", "raised": "alert", "lowered": "alert", "resolved": "resolved"}
"""What is said, by transition, where the template that the rule names can't be rendered."""


LINK_LIFE = timedelta(days=30)
"""Short addresses lead somewhere for so long after their message is worthless."""


class Means(NamedTuple):
    """What it takes to plan and word a contact."""

    templates: Templates
    policy: PolicySettings
    links: Links


class Surroundings(NamedTuple):
    """What the registry knows around a decision."""

    device: dict[str, Any]
    store: dict[str, Any] | None
    store_time_zone: str | None
    case_id: str | None


_DEVICE, _STORE, _RULE = (bindparam(name, type_=Text()) for name in ("device_id", "store_id", "rule_id"))
# Built once: each decision asks it, and building costs more than asking. The case is the one that is open for this rule
# and device, whichever of their alerts opened it.
AROUND: Final = (
    select(devices.c.model).where(devices.c.id == _DEVICE).scalar_subquery().label("model"),
    select(devices.c.attributes["name"].astext).where(devices.c.id == _DEVICE).scalar_subquery().label("name"),
    select(stores.c.name).where(stores.c.id == _STORE).scalar_subquery().label("store_name"),
    select(stores.c.time_zone).where(stores.c.id == _STORE).scalar_subquery().label("zone"),
    select(cases.c.id)
    .where(
        cases.c.device_id == _DEVICE,
        cases.c.state == "open",
        cases.c.evidence["rule_id"].astext == _RULE,
    )
    .limit(1)
    .scalar_subquery()
    .label("case_id"),
)
"""Columns that ask for a decision's surroundings; their parameters are ``around``'s."""
_SURROUNDINGS: Final = select(*AROUND)


def surroundings(connection: Connection, decision: Decision) -> Surroundings:
    """Read the decision's device, store and case, in one round trip."""
    return surroundings_in(connection.execute(_SURROUNDINGS, around(decision)).one(), decision)


def around(decision: Decision) -> dict[str, str | None]:
    """Whose surroundings ``AROUND`` asks for."""
    return {"device_id": decision.subject, "store_id": decision.store_id, "rule_id": decision.rule_id}


def surroundings_in(row: Row[*tuple[Any, ...]], decision: Decision) -> Surroundings:
    """What a row with the columns ``AROUND`` says."""
    store = {"id": decision.store_id, "name": row.store_name or decision.store_id} if decision.store_id else None
    name = row.name or decision.values.get("group_name") or decision.subject
    device = {"id": decision.subject, "model": row.model or "", "name": name}
    return Surroundings(device, store, row.zone, row.case_id)


def words(decision: Decision, around: Surroundings) -> dict[str, Any]:
    """The template context, less what is only known when a message is worded (customer, links)."""
    return {
        "device": around.device,
        "store": around.store,
        "rule": {"id": decision.rule_id, "summary": decision.rule_summary},
        "values": decision.values,
        "summary": decision.summary,
        "severity": decision.severity,
        "at": decision.at,
        "case_id": around.case_id,
    }


def messages_of(
    contact: Contact, step: Step, number: int, customer: Customer, means: Means, offer_code: str | None = None
) -> list[New]:
    """One message to each address of ``step``; where the rule has a link, each with a short address of its own.

    Raises:
        TemplateError: neither the contact's template nor the plain one has words for this channel.
    """
    context = {
        **contact.context["words"],
        "customer": {"name": customer.name, "locale": customer.locale, "time_zone": customer.time_zone},
        "unsubscribe_url": means.links.unsubscribe(Unsubscribe(customer.id, contact.request["purpose"], step.channel)),
        "offer_code": offer_code,
    }
    made: list[New] = []
    worded: dict[str | None, tuple[str, Rendered]] = {}
    for address in step.addresses:
        message_id = derived_id("m", contact.id, number, step.channel, address)
        link = means.links.click(message_id) if contact.context.get("link") else None
        if link not in worded:
            said = {**context, "link": link}
            worded[link] = _rendered(contact, step.channel, customer.locale, said, means.templates)
        made.append(_message(contact, step.channel, address, number, message_id, link, *worded[link]))
    return made


def links_of(contact: Contact, new: Sequence[New], offer_code: str | None, means: Means, now: datetime) -> list[Link]:
    """Where the short addresses in ``new`` lead: settled now, for good."""
    link: str = contact.context.get("link") or ""
    if not link:
        return []
    about = contact.context["words"]
    known = {
        "device_id": about["device"]["id"],
        "store_id": about["store"]["id"] if about["store"] else None,
        "case_id": about["case_id"],
        "customer_id": contact.customer_id,
        "offer_code": offer_code,
    }
    target, until = target_of(link, known), (contact.expires_at or now) + LINK_LIFE
    return [Link(means.links.click_token(each.id), each.id, target, until) for each in new]


def _rendered(
    contact: Contact, channel: str, locale: str, context: dict[str, Any], templates: Templates
) -> tuple[str, Rendered]:
    wanted = contact.request["template"]
    # A digest has no plain form: no alert says what several are about.
    plain = wanted if contact.request.get("digest") else PLAIN[contact.request["transition"]]
    try:
        return wanted, templates.render(wanted, templates.wording(wanted, channel), locale, context)
    except TemplateError as error:
        if wanted == plain:
            raise
        log.warning("contact.template_failed", template=wanted, channel=channel, instead=plain, error=str(error))
        return plain, templates.render(plain, templates.wording(plain, channel), locale, context)


def _message(
    contact: Contact,
    channel: str,
    address: str,
    number: int,
    message_id: str,
    link: str | None,
    template: str,
    rendered: Rendered,
) -> New:
    expires_at: datetime | None = contact.expires_at
    return New(
        id=message_id,
        contact_id=contact.id,
        decision_id=contact.decision_id,
        customer_id=contact.customer_id,
        channel=channel,
        step=number,
        address=address,
        purpose=contact.request["purpose"],
        template=template,
        title=rendered.title,
        body=rendered.text,
        html=rendered.html,
        expires_at=expires_at,
        link=link,
    )
