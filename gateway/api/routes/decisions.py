"""Decisions, with the reasons for them."""

from __future__ import annotations

from fastapi import APIRouter

from gateway.api.context import Here
from gateway.api.problems import not_found
from gateway.api.shapes.plain import Id
from gateway.api.shapes.work import DecisionAnswer
from gateway.storage import decisions_read

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])


@router.get("/{decision_id}")
def get_decision(api: Here, decision_id: Id) -> DecisionAnswer:
    """One decision; `explanation` is the rule's condition tree with what each part saw and concluded."""
    with api.engine.connect() as connection:
        found = decisions_read.get(connection, decision_id)
    if found is None:
        raise not_found("decision", decision_id)
    return DecisionAnswer.of(found)
