"""What a rule's offers bring, measured against the holdout group."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from gateway.api.context import Here
from gateway.api.shapes.offer_code import GroupAnswer, LiftAnswer
from gateway.api.shapes.plain import Id
from gateway.storage import lift
from gateway.storage.lift import Group

router = APIRouter(prefix="/v1/rules", tags=["rules"])

LOOK_BACK = timedelta(days=30)


@router.get("/{rule_id}/lift")
def get_lift(
    api: Here,
    rule_id: Id,
    since: Annotated[AwareDatetime | None, Query(description="30 days ago, if left out.")] = None,
    days: Annotated[int, Query(ge=1, le=90, description="Orders count within so many days.")] = 7,
) -> LiftAnswer:
    """Orders of the customers told by the rule, and of those held out of it, since some time."""
    begin = since or datetime.fromtimestamp(api.now_ms() / 1000, UTC) - LOOK_BACK
    with api.engine.connect() as connection:
        found = lift.of_rule(connection, rule_id, since=begin, days=days)
    told, held_out = found.told.share, found.held_out.share
    return LiftAnswer(
        rule_id=rule_id,
        since=begin,
        days=days,
        told=_answer(found.told),
        held_out=_answer(found.held_out),
        lift=None if told is None or held_out is None else told - held_out,
        codes=found.codes,
        redeemed=found.redeemed,
    )


def _answer(group: Group) -> GroupAnswer:
    return GroupAnswer(customers=group.customers, ordered=group.ordered, orders=group.orders, share=group.share)
