"""What a browser's push subscription looks like: the address of web push. Pure.

It is kept as ``PushSubscription.toJSON()`` gives it (W3C Push API, ``PushSubscriptionJSON``): ``{"endpoint", "keys":
{"p256dh", "auth"}}``, both keys in base64url. Where an address has to be one line of text, it is that JSON, compact.
"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from notifiers import endpoint

AUTH_BYTES = 16
"""RFC 8291 section 3.2."""
POINT_BYTES = 65
"""An uncompressed point on P-256 (RFC 8291 section 3.1)."""

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_SHAPE = (
    'is not a push subscription; take what PushSubscription.toJSON() gives: {"endpoint", "keys": {"p256dh", "auth"}}'
)


class SubscriptionError(ValueError):
    """It is no subscription; the text says why, ready to follow a subject, and never shows it."""


class Subscription(msgspec.Struct, frozen=True):
    """Where a browser is reached, and the keys with which only it can read what it is sent."""

    endpoint: str
    p256dh: bytes
    """Its public key: an uncompressed point on P-256."""
    auth: bytes
    """The secret that it shares with whoever may write to it."""

    @property
    def key(self) -> ec.EllipticCurvePublicKey:
        """Its public key, as the cryptography wants it."""
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.p256dh)


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Given(msgspec.Struct):
    endpoint: str
    keys: _Keys


def read(text: str) -> Subscription:
    """The subscription in ``text``, JSON.

    Raises:
        SubscriptionError: it is none.
    """
    try:
        given = msgspec.json.decode(text, type=_Given)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise SubscriptionError(_SHAPE) from None
    fault = endpoint.fault_of(given.endpoint)
    if fault is not None:
        raise SubscriptionError(f"has an endpoint that {fault}")
    found = Subscription(given.endpoint, _bytes("p256dh", given.keys.p256dh), _bytes("auth", given.keys.auth))
    if len(found.auth) != AUTH_BYTES:
        raise SubscriptionError(f"has keys.auth of {len(found.auth)} bytes, which must be {AUTH_BYTES}")
    if len(found.p256dh) != POINT_BYTES or not _is_on_curve(found):
        raise SubscriptionError("has keys.p256dh that is no uncompressed point on the curve P-256")
    return found


def written(found: Subscription) -> str:
    """The one line of text by which ``found`` is known, however its keys were written."""
    keys = {"auth": base64url(found.auth), "p256dh": base64url(found.p256dh)}
    return msgspec.json.encode({"endpoint": found.endpoint, "keys": keys}).decode()


def endpoint_in(text: str) -> str:
    """The endpoint that ``text`` names; empty where it names none."""
    try:
        return msgspec.json.decode(text, type=_Named).endpoint
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""


def base64url(content: bytes) -> str:
    """Without padding, as browsers write it (RFC 7515 appendix C)."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """The bytes of ``text``, padded or not.

    Raises:
        ValueError: it is no base64url.
    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    plain = text.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not base64url") from None


class _Named(msgspec.Struct):
    endpoint: str = ""


def _bytes(name: str, text: str) -> bytes:
    try:
        return from_base64url(text)
    except ValueError:
        raise SubscriptionError(f"has keys.{name} that is not base64url") from None


def _is_on_curve(found: Subscription) -> bool:
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), found.p256dh)
    except ValueError:
        return False
    return True
