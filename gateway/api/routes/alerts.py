"""Alerts, and a person's word on them.

A word goes into the log, like everything that the rules know: what it changes is decided there, in its place among the
device's events, and a replay decides the same. The row shows it once it is folded, a moment later.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool

from devices.event import AlertCommand, Millis
from devices.partition import partition_of
from gateway.api.access import Caller
from gateway.api.context import Api, Cursor, Here, Limit, Who
from gateway.api.problems import Problem, not_found
from gateway.api.shapes.alert import AlertAnswer, AlertPage, AlertWithHistory, HappeningAnswer, SnoozeBody
from gateway.api.shapes.plain import Id, Line
from gateway.log import LogError
from gateway.storage import alerts_read
from gateway.storage.alerts_read import Alert, State
from rules.decision import Severity

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

STORE_SECONDS = 15.0


@router.get("")
def list_alerts(
    api: Here,
    cursor: Cursor = None,
    limit: Limit = 50,
    state: State | None = None,
    severity: Severity | None = None,
    device_id: Annotated[Line | None, Query(description="A device, or a group such as `store/ginza`.")] = None,
    rule_id: Annotated[Line | None, Query()] = None,
    customer_id: Id | None = None,
) -> AlertPage:
    """Alerts, newest first, narrowed by what is given."""
    with api.engine.connect() as connection:
        found = alerts_read.page(
            connection,
            state=state,
            severity=severity,
            device_id=device_id,
            rule_id=rule_id,
            customer_id=customer_id,
            cursor=cursor,
            limit=limit,
        )
    return AlertPage(items=[AlertAnswer.of(alert) for alert in found.items], next=found.next)


@router.get("/{alert_id}")
def get_alert(api: Here, alert_id: Id) -> AlertWithHistory:
    """One alert, with all that was decided and said about it."""
    with api.engine.connect() as connection:
        found = alerts_read.get(connection, alert_id)
        history = alerts_read.history(connection, alert_id)
    if found is None:
        raise not_found("alert", alert_id)
    told = dict(AlertAnswer.of(found))
    return AlertWithHistory(**told, history=[HappeningAnswer.of(happening) for happening in history])


@router.post("/{alert_id}/acknowledge", status_code=202)
async def acknowledge_alert(api: Here, who: Who, alert_id: Id) -> AlertAnswer:
    """Somebody takes care: no repeats, no further channels. A rise in severity is told all the same."""
    return await say(api, who, alert_id, "acknowledge")


@router.post("/{alert_id}/snooze", status_code=202)
async def snooze_alert(api: Here, who: Who, alert_id: Id, body: SnoozeBody) -> AlertAnswer:
    """Nobody hears of it until then; if it still fires, it is said again at that time."""
    try:
        until = body.until_ms(api.now_ms())
    except ValueError as error:
        raise Problem(422, f"body.{error}.") from error
    return await say(api, who, alert_id, "snooze", until)


@router.post("/{alert_id}/resolve", status_code=202)
async def resolve_alert(api: Here, who: Who, alert_id: Id) -> AlertAnswer:
    """End it. It fires again only after its condition was false once."""
    return await say(api, who, alert_id, "resolve")


async def say(
    api: Api,
    who: Caller,
    alert_id: str,
    action: Literal["acknowledge", "snooze", "resolve"],
    until: Millis | None = None,
) -> AlertAnswer:
    """Append the word to the log of the alert's subject; answers once it is stored.

    Raises:
        Problem: 404, 409 for an alert that is over, 503 while the log is away.
    """
    alert = await run_in_threadpool(_alert, api, alert_id)
    if alert is None:
        raise not_found("alert", alert_id)
    if alert.state != "firing":
        raise Problem(409, "The alert is over already, so there is nothing left to say of it.")
    command = AlertCommand(api.now_ms(), alert.subject, alert.rule_id, alert.id, action, who.name, until)
    try:
        async with asyncio.timeout(STORE_SECONDS):
            await api.log.append(partition_of(alert.subject, api.partitions), [command])
    except (LogError, TimeoutError) as error:
        detail = "The log can't be reached, so nothing is promised; send it again (a repeat changes nothing)."
        raise Problem(503, detail, headers={"Retry-After": "5"}) from error
    return AlertAnswer.of(alert)


def _alert(api: Api, alert_id: str) -> Alert | None:
    with api.engine.connect() as connection:
        return alerts_read.get(connection, alert_id)
