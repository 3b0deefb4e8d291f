"""Who we are, to a push service: Voluntary Application Server Identification (RFC 8292)."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from notifiers.subscription import base64url, from_base64url

VALID_S = 12 * 3600
"""A token's life, seconds; at most 24 hours (RFC 8292 section 2)."""
RENEWED_S = 3600
"""Within such a span an origin is shown the same token: signing anew for each message gains nothing, and Apple wants
it no more often than hourly."""

_SCALAR_BYTES = 32
_DEFAULT_PORTS = {"https": 443, "http": 80}
_CONTACT = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://[^\s/]+(/\S*)?")


def key_of(text: str) -> ec.EllipticCurvePrivateKey:
    """The private key in ``text``: PEM, or base64url of its 32 bytes.

    Raises:
        ValueError: it is none; the text says how one is made, and never shows it.
    """
    try:
        key = _from_pem(text) if "-----BEGIN" in text else _from_scalar(text)
    except (ValueError, TypeError):  # TypeError: the PEM is encrypted
        key = None
    if key is None:
        raise ValueError(
            "must be a private key on the curve P-256, in PEM without a password or base64url of its 32 bytes; "
            "make one with: kizashi keys vapid"
        )
    return key


def new_key() -> str:
    """A new private key, base64url."""
    scalar = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return base64url(scalar.to_bytes(_SCALAR_BYTES, "big"))


def public_of(key: ec.EllipticCurvePrivateKey) -> str:
    """What a page hands to ``pushManager.subscribe`` as ``applicationServerKey``, base64url."""
    return base64url(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def fault_of_subject(subject: str) -> str | None:
    """What keeps ``subject`` from being how a push service's operator reaches us; ``None``: nothing."""
    if _CONTACT.fullmatch(subject):
        return None
    return "must be how the push services reach you: mailto:someone@your.domain or an https:// address"


def origin_of(url: str) -> str:
    """The origin of ``url`` as browsers write it (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def authorization(key: ec.EllipticCurvePrivateKey, origin: str, subject: str, now_s: int) -> str:
    """The header ``Authorization`` for an origin; the same claims all through one span of ``RENEWED_S``.

    Args:
        key: ours.
        origin: the push service's.
        subject: how its operator reaches us.
        now_s: epoch seconds.
    """
    since = now_s - now_s % RENEWED_S
    token = jwt.encode({"aud": origin, "exp": since + VALID_S, "sub": subject}, key, algorithm="ES256")
    return f"vapid t={token}, k={public_of(key)}"


def _from_pem(text: str) -> ec.EllipticCurvePrivateKey | None:
    key = load_pem_private_key(text.encode(), None)
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1) else None


def _from_scalar(text: str) -> ec.EllipticCurvePrivateKey:
    scalar = from_base64url(text.strip())
    if len(scalar) != _SCALAR_BYTES:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
