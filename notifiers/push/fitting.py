"""A push message within FCM's limit (HTTP v1 reference: a payload of 4,096 bytes), counted as JSON."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from notifiers.shortening import shortened

MAX_PAYLOAD_BYTES = 4096


def fit(title: str, text: str, data: dict[str, str], keep: Collection[str] = ()) -> tuple[str, str, dict[str, str]]:
    """Trim to the payload limit: the text first, then data (largest first, without ``keep``), then the title."""
    data = dict(data)
    text = shortened(text, MAX_PAYLOAD_BYTES - size(title, "", data))
    for key in sorted((k for k in data if k not in keep), key=lambda k: len(data[k]), reverse=True):
        if size(title, text, data) <= MAX_PAYLOAD_BYTES:
            break
        del data[key]
    return shortened(title, MAX_PAYLOAD_BYTES - size("", text, data)), text, data


def size(title: str, text: str, data: dict[str, str]) -> int:
    """Bytes of notification and data as compact JSON: never less than what FCM counts."""
    return len(msgspec.json.encode({"notification": {"title": title, "body": text}, "data": data}))
