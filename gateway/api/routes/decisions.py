"""Decisions, with the reasons for them and what followed."""

from __future__ import annotations

from fastapi import APIRouter

from gateway.api.context import Here
from gateway.api.problems import not_found
from gateway.api.shapes.decision import DecisionAnswer
from gateway.api.shapes.plain import Id
from gateway.rule_text import text_of
from gateway.storage import consequences, decisions_read

router = APIRouter(prefix="/v1/decisions", tags=["decisions"])


@router.get("/{decision_id}")
def get_decision(api: Here, decision_id: Id) -> DecisionAnswer:
    """One decision: what each condition saw and concluded, the rule's text as it was, and what followed from it."""
    with api.engine.connect() as connection:
        found = decisions_read.get(connection, decision_id)
        if found is None:
            raise not_found("decision", decision_id)
        text = text_of(connection, found.rule_id, found.rule_version, found.made_at)
        return DecisionAnswer.of(found, text, consequences.of(connection, found))
