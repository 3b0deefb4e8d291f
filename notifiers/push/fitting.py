"""A push message within FCM's limit (HTTP v1 reference: a payload of 4,096 bytes), counted as JSON."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from notifiers import shortening

MAX_PAYLOAD_BYTES = 4096


def fit(title: str, text: str, data: dict[str, str], keep: Collection[str] = ()) -> tuple[str, str, dict[str, str]]:
    """Trim to the payload limit: the text first, then data (largest first, without ``keep``), then the title."""
    return shortening.fit(title, text, data, limit=MAX_PAYLOAD_BYTES, size=size, keep=keep)


def size(title: str, text: str, data: dict[str, str]) -> int:
    """Bytes of notification and data as compact JSON: never less than what FCM counts."""
    return len(msgspec.json.encode({"notification": {"title": title, "body": text}, "data": data}))
