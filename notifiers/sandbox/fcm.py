"""A stand-in for FCM HTTP v1, and for the phones behind it.

A token's name decides what becomes of it: ``-gone`` UNREGISTERED, ``-mismatch`` SENDER_ID_MISMATCH, ``-invalid``
INVALID_ARGUMENT on the token, ``-auth`` THIRD_PARTY_AUTH_ERROR, ``-quota`` QUOTA_EXCEEDED; ``-silent`` phones never
acknowledge, ``-opens`` phones acknowledge delivery and then that the message was opened, others delivery alone.
"""

from __future__ import annotations

import re
import secrets
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from notifiers.sandbox.answering import Connections, answer
from notifiers.sandbox.faults import TAKES_IT, Fault, Faults, Mode, now_ms
from notifiers.sandbox.outbound import Call, Outbound
from notifiers.sandbox.receipts import Due, send
from notifiers.sandbox.record import Received, Record

DELIVERED_AFTER_S = 0.3
OPENED_AFTER_S = 1.5
MAX_PAYLOAD_BYTES = 4096
MAX_TTL_S = 2_419_200
_PARTS = ("data", "notification", "android", "apns", "webpush")
_TARGETS = ("token", "fid", "topic", "condition")
_TTL = re.compile(r"(\d{1,10})(\.\d{1,9})?s")
_RESERVED = re.compile(r"from|message_type|google\..*|gcm\..*")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_RPC_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_TOKENS = {
    "-gone": (404, "UNREGISTERED"),
    "-mismatch": (403, "SENDER_ID_MISMATCH"),
    "-invalid": (400, "INVALID_ARGUMENT"),
    "-auth": (401, "THIRD_PARTY_AUTH_ERROR"),
    "-quota": (429, "QUOTA_EXCEEDED"),
}
_FAULT_CODES = {500: "INTERNAL", 503: "UNAVAILABLE", 429: "QUOTA_EXCEEDED"}


class RefusalError(Exception):
    """FCM says no."""

    def __init__(self, status: int, code: str, field: str = "") -> None:
        """``field``: the part of the request at fault."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.field = field


def router(record: Record, faults: Faults, connections: Connections, outbound: Outbound) -> APIRouter:
    """The one route that FCM has for us."""
    routes = APIRouter()

    @routes.post("/v1/projects/{project}/messages:send")
    async def create(project: str, request: Request) -> Response:
        body = _json(await request.body())
        message = body.get("message") if isinstance(body, dict) else None
        fault = faults.take("fcm")
        if fault.mode not in TAKES_IT:
            _log(record, message, "fault", fault.mode)
        authorization = request.headers.get("Authorization", "")
        process = partial(_process, project, authorization, message, fault, record=record, outbound=outbound)
        return await answer(request, fault, connections, process, lambda status: error(status, _FAULT_CODES[status]))

    return routes


def _process(
    project: str, authorization: str, message: Any, fault: Fault, *, record: Record, outbound: Outbound
) -> Response:
    try:
        validate(authorization, message)
        if fault.mode == "refuse":
            raise RefusalError(*_TOKENS["-gone"])
    except RefusalError as refusal:
        _log(record, message, f"refused {refusal.code}", fault.mode)
        return error(refusal.status, refusal.code, refusal.field)
    return _take(project, message, fault, record, outbound)


def validate(authorization: str, message: Any) -> None:
    """Check a request the way FCM does.

    Raises:
        RefusalError: it would be refused.
    """
    if not authorization.startswith("Bearer "):
        raise RefusalError(401, "")
    if not isinstance(message, dict) or not all(isinstance(message.get(part, {}), dict) for part in _PARTS):
        raise RefusalError(400, "INVALID_ARGUMENT", "message")
    if sum(bool(message.get(target)) for target in _TARGETS) != 1:
        raise RefusalError(400, "INVALID_ARGUMENT", "message")
    _check_data(message.get("data", {}))
    _check_ttl(message.get("android", {}).get("ttl"))
    if payload_size(message) > MAX_PAYLOAD_BYTES:
        raise RefusalError(400, "INVALID_ARGUMENT", "message")
    token = str(message.get("token", ""))
    for part, (status, code) in _TOKENS.items():
        if part in token:
            raise RefusalError(status, code, "message.token" if code == "INVALID_ARGUMENT" else "")


def payload_size(message: dict[str, Any]) -> int:
    """Bytes of keys and values in ``data`` and ``notification``."""
    parts = [*message.get("data", {}).items(), *message.get("notification", {}).items()]
    return sum(len(str(key).encode()) + len(str(value).encode()) for key, value in parts)


def error(status: int, code: str, field: str = "") -> Response:
    """FCM's error body."""
    details: list[dict[str, Any]] = [{"@type": _FCM_ERROR, "errorCode": code}] if code else []
    if field:
        details.append({"@type": _BAD_REQUEST, "fieldViolations": [{"field": field, "description": "not valid"}]})
    rpc = _RPC_STATUS[status]
    body = {"error": {"code": status, "message": "The request was refused.", "status": rpc, "details": details}}
    return _respond(body, status)


def _take(project: str, message: dict[str, Any], fault: Fault, record: Record, outbound: Outbound) -> Response:
    """Accept a message, show it on the phone, and let the phone acknowledge it."""
    name = f"projects/{project}/messages/0:{secrets.token_hex(8)}"
    number = _log(record, message, "accepted", fault.mode, provider_id=name)
    data, shown = message.get("data", {}), message.get("notification", {})
    received = Received(
        number,
        now_ms(),
        "push",
        _target(message),
        data.get("message_id", ""),
        name,
        shown.get("title", ""),
        shown.get("body", ""),
        detail={"data": data, "android": message.get("android", {}), "apns": message.get("apns", {})},
    )
    record.message(received)
    if "-silent" not in received.to:
        acknowledge(received, fault, outbound)
    return _respond({"name": name})


def ack(received: Received, event: str) -> Call | None:
    """The app's own acknowledgement; none where the message says no address for it."""
    url = str(received.detail["data"].get("ack_url", ""))
    body = msgspec.json.encode({"event": event})
    return Call(url, body, {"Content-Type": "application/json"}) if url else None


def acknowledge(received: Received, fault: Fault, outbound: Outbound) -> None:
    """What a phone or browser says by itself of what it has received."""
    events = {"delivered": DELIVERED_AFTER_S}
    if "-opens" in received.to:
        events["opened"] = OPENED_AFTER_S
    planned = [Due(seconds, call) for event, seconds in events.items() if (call := ack(received, event))]
    if planned:
        send(outbound, planned, fault)
        received.state = list(events)[-1]


def _log(record: Record, message: Any, outcome: str, mode: Mode, provider_id: str = "") -> int:
    known = message if isinstance(message, dict) else {}
    data = known.get("data")
    message_id = str(data.get("message_id", "")) if isinstance(data, dict) else ""
    return record.request("fcm", message_id, _target(known), outcome, fault=mode, provider_id=provider_id)


def _target(message: dict[str, Any]) -> str:
    return next((str(message[target]) for target in _TARGETS if message.get(target)), "")


def _check_data(data: dict[str, Any]) -> None:
    if not all(isinstance(value, str) for value in data.values()):
        raise RefusalError(400, "INVALID_ARGUMENT", "message.data")
    if any(_RESERVED.fullmatch(key) for key in data):
        raise RefusalError(400, "INVALID_ARGUMENT", "message.data")


def _check_ttl(ttl: Any) -> None:
    if ttl is None:
        return
    found = _TTL.fullmatch(str(ttl))
    if found is None or int(found.group(1)) > MAX_TTL_S:
        raise RefusalError(400, "INVALID_ARGUMENT", "message.android.ttl")


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None


def _respond(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
