"""What the browser's service worker is given, and the headers that the push service reads. Pure.

The JSON is ours and the service worker's own affair (examples/web-push): ``title`` and the rest are the arguments of
``ServiceWorkerRegistration.showNotification`` under their own names.
"""

from __future__ import annotations

import hashlib

import msgspec

from notifiers import shortening
from notifiers.outcome import Outgoing
from notifiers.subscription import base64url
from notifiers.webpush.encryption import MAX_PLAINTEXT_BYTES

MAX_TTL_S = 2_419_200
"""Four weeks: the longest that the large push services keep a message."""
MAX_TAG_BYTES = 64
_TOPIC_BYTES = 16
_OURS = ("message_id", "ack_url", "link")
_UNHURRIED = frozenset({"offers"})
"""Purposes for which nobody's battery need suffer."""


def build(message: Outgoing) -> bytes:
    """``{"title", "body", "tag", "data"}``, at most what one record holds; the text is cut first."""
    tag = _tag(message)

    def size(title: str, text: str, data: dict[str, str]) -> int:
        return len(_encoded(title, text, tag, data))

    title, text, data = shortening.fit(
        _clean(message.title),
        _clean(message.text),
        _data(message),
        limit=MAX_PLAINTEXT_BYTES,
        size=size,
        keep=_OURS,
    )
    return _encoded(title, text, tag, data)


def headers(message: Outgoing, default_ttl_s: int) -> dict[str, str]:
    """How long the push service keeps it (RFC 8030 section 5.2), what it replaces (5.4), and how it hurries (5.3)."""
    ttl_s = default_ttl_s if message.ttl_s is None else message.ttl_s
    return {
        "TTL": str(min(max(ttl_s, 0), MAX_TTL_S)),
        "Topic": topic(message),
        "Urgency": "normal" if message.data.get("purpose") in _UNHURRIED else "high",
    }


def topic(message: Outgoing) -> str:
    """At most 32 letters of base64url: a repeat takes the place of the first where that still waits for the browser."""
    named = _clean(message.collapse_key or message.message_id).encode()
    return base64url(hashlib.blake2b(named, digest_size=_TOPIC_BYTES).digest())


def _encoded(title: str, text: str, tag: str, data: dict[str, str]) -> bytes:
    return msgspec.json.encode({"title": title, "body": text, "tag": tag, "data": data})


def _tag(message: Outgoing) -> str:
    """A repeat takes the place of what the browser shows already, in place of standing below it."""
    named = _clean(message.collapse_key or message.message_id)
    return named if len(named.encode()) <= MAX_TAG_BYTES else topic(message)


def _data(message: Outgoing) -> dict[str, str]:
    data = {_clean(name): _clean(value) for name, value in message.data.items()}
    data["message_id"] = message.message_id
    if message.status_callback:
        data["ack_url"] = message.status_callback
    return data


def _clean(text: str) -> str:
    """Replace what UTF-8 cannot carry (lone surrogates)."""
    return text.encode(errors="replace").decode()
