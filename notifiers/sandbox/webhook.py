"""A stand-in for a customer's own webhook endpoint: it checks the signature as a careful receiver does.

The path's ending decides: ``-gone`` 410, ``-refuses`` 400, ``-redirects`` 302 to a cloud's metadata service; any other
takes the message. A repeat (the same ``webhook-id``) is answered like the first and shown once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from notifiers.sandbox.answering import Connections, answer
from notifiers.sandbox.faults import TAKES_IT, Faults, Mode
from notifiers.sandbox.record import Received, Record

TOLERANCE_S = 300
METADATA_URL = "http://169.254.169.254/latest/meta-data/"

_ENDINGS = {"-gone": 410, "-refuses": 400, "-redirects": 302}


class Receiver:
    """The customer's program, with the secret it was given."""

    def __init__(self, secret: str | None) -> None:
        """``secret``: ``whsec_…``; without one every signature will do."""
        self._key = base64.b64decode(secret.partition("_")[2]) if secret else None
        self.known: set[str] = set()

    def trusts(self, request: Request, body: bytes) -> bool:
        """Check signature and age; apart from ``notifiers.webhook.signature``, so that each checks the other."""
        if self._key is None:
            return True
        sent_at = request.headers.get("webhook-timestamp", "")
        if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE_S:
            return False
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        mac.update(request.headers.get("webhook-id", "").encode() + b"." + sent_at.encode() + b"." + body)
        wanted = "v1," + base64.b64encode(mac.digest()).decode()
        return any(hmac.compare_digest(wanted, one) for one in request.headers.get("webhook-signature", "").split(" "))


def router(receiver: Receiver, record: Record, faults: Faults, connections: Connections) -> APIRouter:
    """``POST /webhook/…``, any path."""
    routes = APIRouter()

    @routes.post("/webhook/{path:path}")
    async def take(request: Request) -> Response:
        body = await request.body()
        fault = faults.take("webhook")
        if fault.mode not in TAKES_IT:
            _log(record, request, "fault", fault.mode)
        process = partial(_process, receiver, request, body, fault.mode, record)
        return await answer(request, fault, connections, process, lambda status: Response(status_code=status))

    return routes


def _process(receiver: Receiver, request: Request, body: bytes, mode: Mode, record: Record) -> Response:
    status = next((status for ending, status in _ENDINGS.items() if request.url.path.endswith(ending)), 200)
    if mode == "refuse":
        status = _ENDINGS["-gone"]
    if not receiver.trusts(request, body):
        status = 401
    if status != 200:  # noqa: PLR2004
        _log(record, request, f"refused {status}", mode)
        return Response(status_code=status, headers={"Location": METADATA_URL} if status == 302 else None)  # noqa: PLR2004
    number = _log(record, request, "accepted", mode)
    message_id = request.headers.get("webhook-id", "")
    if message_id not in receiver.known:
        receiver.known.add(message_id)
        record.message(_received(number, request, body))
    return Response(b'{"status":"ok"}', media_type="application/json")


def _received(number: int, request: Request, body: bytes) -> Received:
    found: dict[str, Any] = msgspec.json.decode(body)
    data = found["data"]
    message_id = request.headers.get("webhook-id", "")
    title, text = data.get("title", ""), data.get("text", "")
    return Received(
        number,
        time.time_ns() // 1_000_000,
        "webhook",
        str(request.url),
        message_id,
        message_id,
        title,
        text,
        detail={"body": found},
    )


def _log(record: Record, request: Request, outcome: str, mode: Mode) -> int:
    message_id = request.headers.get("webhook-id", "")
    return record.request("webhook", message_id, str(request.url), outcome, fault=mode, provider_id=message_id)
