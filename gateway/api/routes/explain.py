"""Why a rule did not fire on a device."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from gateway.api.context import Api, Here
from gateway.api.problems import Problem
from gateway.api.shapes.decision import ExplainAnswer
from gateway.inquiring import Answer, ask
from gateway.log import LogError
from gateway.storage import inquiries
from rules.moment import parse_moment
from rules.problem import closest

router = APIRouter(prefix="/v1/rules", tags=["rules"])

READ_SECONDS = 30.0
"""A replay that takes longer is for the command line, which has no limit."""

Subject = Annotated[str, Query(min_length=1, max_length=200, description="The device, or a group: `store/ginza`.")]
At = Annotated[str, Query(max_length=60, description="ISO 8601 (UTC without a zone), `2h ago`, or `now`.")]


@router.get("/{rule_id}/explain")
async def explain_rule(api: Here, rule_id: str, device_id: Subject, at: At = "now") -> ExplainAnswer:
    """What the rule made of the device at that time, from the event log: what was missing, or since when it fires."""
    answer = await _ask(api, rule_id, device_id, _moment(at, api.now_ms()))
    if not answer.rule_known:
        known = sorted({*answer.inquiry.rules_known, *answer.rules_now})
        mend = closest(rule_id, known, f"rules: {', '.join(known)}" if known else "there are no rules")
        raise Problem(404, f"There is no rule with the id {rule_id!r}: {mend}")
    if not answer.device_known:
        near = await run_in_threadpool(_near, api, device_id)
        mend = closest(device_id, near, "nothing was ever heard of it, and it is not registered")
        raise Problem(404, f"There is no device with the id {device_id!r}: {mend}")
    return ExplainAnswer.of(answer)


async def _ask(api: Api, rule_id: str, device_id: str, at: int) -> Answer:
    try:
        async with asyncio.timeout(READ_SECONDS), api.replays:
            return await ask(api.engine, api.log, api.partitions, rule_id, device_id, at)
    except LogError as error:
        raise Problem(503, f"The log can't be read: {error}. Try again.") from error
    except TimeoutError as error:
        detail = f"The log could not be read within {READ_SECONDS:g} seconds; `kizashi rules explain` has no limit."
        raise Problem(503, detail) from error


def _moment(text: str, now: int) -> int:
    try:
        return parse_moment(text, now)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        place = {"place": "query.at", "message": problem, "mend": mend}
        raise Problem(422, f"query.at: {problem}; {mend}.", errors=[place]) from error


def _near(api: Api, device_id: str) -> list[str]:
    with api.engine.connect() as connection:
        return inquiries.ids_like(connection, device_id)
