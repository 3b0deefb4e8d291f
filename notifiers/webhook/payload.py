"""The JSON that an endpoint is sent."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from notifiers.outcome import Outgoing


def build(message: Outgoing) -> bytes:
    """``{"type", "timestamp", "data"}`` (Standard Webhooks, "Payload structure"); the same bytes at each try.

    ``timestamp`` is when the message was first sent; what UTF-8 cannot carry (lone surrogates) is replaced.
    """
    at_ms = message.first_sent_at_ms if message.first_sent_at_ms is not None else time.time_ns() // 1_000_000
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told: dict[str, Any] = {
        "message_id": message.message_id,
        "customer_id": message.customer_id,
        "title": message.title,
        "text": message.text,
        "unsubscribe_url": message.unsubscribe_url,
    }
    data = message.data | {name: value for name, value in told.items() if value is not None}
    purpose = message.data.get("purpose", "message")
    return msgspec.json.encode(_sayable({"type": f"notification.{purpose}", "timestamp": moment, "data": data}))


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_sayable(name): _sayable(item) for name, item in value.items()}
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
