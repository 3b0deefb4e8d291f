"""What a frequency cap refused is put aside for the customer's digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from gateway.storage import digest_items, timeline
from gateway.storage.digest_items import Item
from notifiers.policy import ContactRequest, Customer, PolicySettings, Suppression
from notifiers.policy.gathering import due_ms, is_gathered
from notifiers.policy.stages.expiry import expires_at_ms

PROMOTIONS = "offers"


def put_aside(
    connection: Connection,
    request: ContactRequest,
    customer: Customer,
    alert_id: str,
    said: Mapping[str, Any],
    refused: Sequence[Suppression],
    policy: PolicySettings,
    now: datetime,
) -> None:
    """Keep a refused contact for the next digest, if it is to be told there.

    Args:
        connection: in the customer's turn, which is taken before a cap is counted; the caller commits.
        request: what was refused.
        customer: who would have been told.
        alert_id: the alert that asked.
        said: the template context that it would have had.
        refused: why.
        policy: the operator's choices.
        now: the present, UTC.
    """
    if not is_gathered(request, customer, refused, policy):
        return
    expires = expires_at_ms(request, policy)
    item = Item(
        customer_id=customer.id,
        decision_id=request.decision_id,
        alert_id=alert_id,
        purpose=request.purpose,
        summary=sentence_of(request.purpose, said),
        request=msgspec.to_builtins(request),
        expires_at=None if expires is None else timeline.moment(expires),
        at=now,
        due_at=timeline.moment(due_ms(request, customer, policy, int(now.timestamp() * 1000))),
    )
    digest_items.add(connection, item)


def sentence_of(purpose: str, said: Mapping[str, Any]) -> str:
    """One line of a digest: a promotion's own sentence, else what happened, and on which device."""
    if purpose == PROMOTIONS and said["rule"]["summary"]:
        return str(said["rule"]["summary"])
    name, summary = said["device"]["name"], said["summary"]
    return summary if name in summary else f"{name}: {summary}"
