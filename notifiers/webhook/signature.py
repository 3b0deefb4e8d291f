"""Signatures after Standard Webhooks, made and checked.

The scheme (Standard Webhooks specification, "Signature scheme", symmetric): base64 of HMAC-SHA256 over
``{webhook-id}.{webhook-timestamp}.{body}``, written ``v1,…``; several, separated by spaces, while a secret is being
replaced. The secret is written ``whsec_`` and base64 of 24 to 64 bytes. Four lines of the standard library, so no
package is needed for it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
TOLERANCE_S = 300
"""How old (or how far ahead) a request may be: what a receiver should hold to."""

_SCHEME = "v1,"


def key_of(secret: str) -> bytes:
    """The bytes of a secret ``whsec_…``.

    Raises:
        ValueError: it is none; the text says how one is made, and never shows it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(
            f"must be {PREFIX} and base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes; "
            f'make one with: echo "{PREFIX}$(openssl rand -base64 32)"'
        )
    return key


def signed(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature for each of ``keys``, the newest first."""
    return " ".join(sign(key, message_id, timestamp, body) for key in keys)


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature. ``timestamp``: Unix seconds, as in ``webhook-timestamp``."""
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return _SCHEME + base64.b64encode(digest).decode()


def is_valid(key: bytes, message_id: str, timestamp: str, body: bytes, signatures: str, now_s: float) -> bool:
    """Whether one of ``signatures`` is right and the request is not older than ``TOLERANCE_S``; in constant time."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > len("9999999999"):
        return False
    right = sign(key, message_id, int(timestamp), body).encode()
    matches = [hmac.compare_digest(right, each.encode(errors="replace")) for each in signatures.split(" ")]
    return any(matches) and abs(now_s - int(timestamp)) <= TOLERANCE_S
