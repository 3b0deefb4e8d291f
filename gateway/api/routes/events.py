"""Events from systems that speak HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from gateway.api.context import Here
from gateway.api.problems import Problem
from gateway.api.shapes.events import EventsAnswer
from gateway.ingress.http import AcceptResult, accept_events

router = APIRouter(prefix="/v1/events", tags=["events"])

STORE_SECONDS = 15.0

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "description": "One event or a list: device id, kind, and what the device would have sent by MQTT.",
                    "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
                },
                "examples": {
                    "telemetry": {
                        "value": [{"device_id": "chiller-17", "ts": 1767225600000, "values": {"temperature": 9.5}}]
                    },
                    "other kinds": {
                        "value": [
                            {"device_id": "chiller-17", "kind": "event", "type": "door-opened"},
                            {"device_id": "chiller-17", "kind": "status", "status": "online"},
                            {"device_id": "phone-3", "kind": "location", "lat": 35.67, "lon": 139.76, "accuracy": 12},
                        ]
                    },
                },
            }
        },
    }
}


@router.post("", status_code=202, openapi_extra=_BODY)
async def post_events(api: Here, request: Request) -> EventsAnswer:
    """Store events. Answers once the log has them; items that no event can be made of are named and set aside."""
    body = await request.body()
    try:
        async with asyncio.timeout(STORE_SECONDS):
            result = await accept_events(api.core, body, api.now_ms())
    except TimeoutError as error:
        detail = "The log can't be reached, so nothing is promised; send it again (a repeat changes nothing)."
        raise Problem(503, detail, headers={"Retry-After": "5"}) from error
    if result.rejected and not result.accepted:
        raise Problem(422, _first(result), errors=[_place(item.index, item) for item in result.rejected])
    return EventsAnswer.model_validate(result, from_attributes=True)


def _first(result: AcceptResult) -> str:
    item = result.rejected[0]
    return f"No event was accepted. {'' if item.index is None else f'Item {item.index}: '}{item.detail}"


def _place(index: int | None, item: Any) -> dict[str, Any]:
    place = "body" if index is None else f"body.{index}"
    return {"place": place, "message": item.detail, "kind": item.reason}
