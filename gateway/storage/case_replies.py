"""What a customer answers stands on the cases that it is about, so that whoever works on one reads it there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import case_comments, cases, contacts, messages
from rules.decision import derived_id

AUTHOR: Final = "Customer, by SMS"
"""Of such a comment."""


def write(
    connection: Connection, customer_id: str, answered: Collection[str], *, cause: str, body: str, at: datetime
) -> list[str]:
    """Write the reply on the open cases it may be about; returns their ids. The same ``cause`` again changes nothing.

    Args:
        connection: of the transaction that writes the reply on the timeline.
        customer_id: who has replied.
        answered: the contacts that the reply answers. Where it comes after all of them have ended, the one by which
            the customer heard last by SMS stands for them.
        cause: makes the comments' ids.
        body: what was written.
        at: when it came.
    """
    about = contacts.c.id.in_(answered) if answered else contacts.c.id == _heard_last(connection, customer_id)
    device = select(contacts.c.request["device_id"].astext).where(contacts.c.customer_id == customer_id, about)
    query = select(cases.c.id).where(
        cases.c.customer_id == customer_id, cases.c.state == "open", cases.c.device_id.in_(device)
    )
    found = list(connection.execute(query.order_by(cases.c.opened_at, cases.c.id)).scalars())
    for case_id in found:
        comment = {"id": derived_id("comment", case_id, cause), "case_id": case_id, "author": AUTHOR, "body": body}
        connection.execute(insert(case_comments).values(**comment, at=at).on_conflict_do_nothing())
    return found


def _heard_last(connection: Connection, customer_id: str) -> str | None:
    query = (
        select(messages.c.contact_id)
        .where(messages.c.customer_id == customer_id, messages.c.channel == "sms", messages.c.provider_id.is_not(None))
        .order_by(messages.c.first_sent_at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()
