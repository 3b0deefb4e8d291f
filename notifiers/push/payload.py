"""The push message itself: a pure function from ``Outgoing`` to the SDK's message.

Limits and headers: FCM HTTP v1 reference (payload 4,096 bytes, ttl up to 2,419,200 s, collapse keys), APNs
(``apns-collapse-id`` up to 64 bytes, ``apns-expiration`` in epoch seconds), RFC 8030 (``TTL`` for web push).
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from firebase_admin import messaging

from notifiers.outcome import Outgoing
from notifiers.push.fitting import fit

MAX_TTL_S = 2_419_200
MAX_COLLAPSE_BYTES = 64
_RESERVED_KEYS = frozenset({"from", "message_type"})
_RESERVED_PREFIXES = ("google.", "gcm.")
_OURS = ("message_id", "ack_url")


def build(message: Outgoing, default_ttl_s: int, now_s: int) -> messaging.Message:
    """Build the SDK's message. ``now_s``: epoch seconds, from which APNs' absolute expiry is counted."""
    title, text, data = fit(_clean(message.title), _clean(message.text), data_of(message), _OURS)
    ttl_s = min(max(default_ttl_s if message.ttl_s is None else message.ttl_s, 0), MAX_TTL_S)
    key = collapse_key(message)
    built = messaging.Message(
        data=data,
        notification=messaging.Notification(title=title or None, body=text),
        android=messaging.AndroidConfig(
            collapse_key=key,
            priority="high",
            ttl=timedelta(seconds=ttl_s),
            notification=messaging.AndroidNotification(tag=key),
        ),
        apns=messaging.APNSConfig(
            headers={"apns-collapse-id": key, "apns-expiration": str(now_s + ttl_s), "apns-priority": "10"}
        ),
        webpush=messaging.WebpushConfig(headers={"TTL": str(ttl_s)}),
    )
    # What phones register is still the token; the constructor's argument of that name warns at every message.
    built.token = message.to
    return built


def collapse_key(message: Outgoing) -> str:
    """One key for Android, its tag and APNs: a repeat replaces what the phone shows instead of showing it twice."""
    key = _clean(message.collapse_key or message.message_id)
    if len(key.encode()) <= MAX_COLLAPSE_BYTES:
        return key
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def data_of(message: Outgoing) -> dict[str, str]:
    """The app's data: the message's own, without the names that FCM reserves, and how to acknowledge it."""
    data = {
        _clean(key): _clean(str(value))
        for key, value in message.data.items()
        if key and key not in _RESERVED_KEYS and not key.startswith(_RESERVED_PREFIXES)
    }
    data["message_id"] = message.message_id
    if message.status_callback:
        data["ack_url"] = message.status_callback
    return data


def _clean(text: str) -> str:
    """Replace what UTF-8 cannot carry (lone surrogates)."""
    return text.encode(errors="replace").decode()
