"""NATS keys and the tokens signed with them: Ed25519, base32 with a checksum, JSON Web Tokens of NATS's own kind.

Formats (NATS architecture and design, ADR-14 and ADR-26; checked against the bundled server by the tests):

- public key: base32(prefix byte · 32 bytes · CRC-16/XMODEM of the rest, little endian), without padding;
- seed: base32(two bytes that hold "seed" and the kind of key · 32 bytes · the same CRC);
- token: base64url(header) . base64url(claims) . base64url(signature), ``alg`` is ``ed25519-nkey``.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ACCOUNT = 0
"""Kind of key: prefix ``A``."""
SERVER = 13 << 3
"""Kind of key: prefix ``N``."""
USER = 20 << 3
"""Kind of key: prefix ``U``."""
_SEED = 18 << 3
_KEY_BYTES = 32
_CRC_BYTES = 2
_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}


class NkeyError(ValueError):
    """Text that should be a NATS key or token is not one, or its signature is wrong."""


def encode_public_key(kind: int, raw: bytes) -> str:
    """``raw``, the 32 bytes of a public key, as NATS writes it (56 characters)."""
    return _with_checksum(bytes([kind]) + raw)


def decode_public_key(text: str, kind: int) -> bytes:
    """The 32 bytes of the public key ``text``.

    Raises:
        NkeyError: not a key, not of this kind, or its checksum is wrong.
    """
    body = _checked(text)
    if len(body) != 1 + _KEY_BYTES or body[0] != kind:
        raise NkeyError(f"{text[:8]}… is not a NATS key of the expected kind")
    return body[1:]


class AccountKey:
    """The pair of keys that signs the tokens of devices."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public = encode_public_key(ACCOUNT, raw)
        """As NATS writes it, for ``issuer`` in the server's configuration."""

    @classmethod
    def generate(cls) -> AccountKey:
        """A new pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: str) -> AccountKey:
        """The pair that ``seed`` stands for.

        Raises:
            NkeyError: not the seed of an account.
        """
        body = _checked(seed)
        if len(body) != 2 + _KEY_BYTES or body[:2] != _seed_prefix(ACCOUNT):
            raise NkeyError("not the seed of a NATS account key (it begins with SA)")
        return cls(Ed25519PrivateKey.from_private_bytes(body[2:]))

    @property
    def seed(self) -> str:
        """The secret half, as NATS writes it."""
        raw = self._private.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        return _with_checksum(_seed_prefix(ACCOUNT) + raw)

    def sign_token(self, claims: dict[str, Any]) -> str:
        """``claims`` as a signed token; ``iss`` is added."""
        signed = f"{_b64(_json(_HEADER))}.{_b64(_json({**claims, 'iss': self.public}))}"
        return f"{signed}.{_b64(self._private.sign(signed.encode()))}"


def read_server_token(token: str) -> dict[str, Any]:
    """The claims of a token that a NATS server signed with the key that it names as issuer.

    Raises:
        NkeyError: not a token, the issuer is no server, or the signature is wrong.
    """
    try:
        head, body, signature = token.split(".")
        claims = json.loads(_unb64(body))
        issuer = decode_public_key(str(claims["iss"]), SERVER)
        Ed25519PublicKey.from_public_bytes(issuer).verify(_unb64(signature), f"{head}.{body}".encode())
    except InvalidSignature as error:
        raise NkeyError("the token's signature is wrong") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NkeyError(f"not a token of a NATS server: {error}") from error
    if not isinstance(claims, dict):
        raise NkeyError("not a token of a NATS server: its claims are no object")
    return claims


def _seed_prefix(kind: int) -> bytes:
    """Five bits say "seed", the next eight the kind of key, three are zero."""
    return bytes([_SEED | (kind >> 5), (kind & 31) << 3])


def _with_checksum(body: bytes) -> str:
    crc = binascii.crc_hqx(body, 0).to_bytes(_CRC_BYTES, "little")
    return base64.b32encode(body + crc).decode().rstrip("=")


def _checked(text: str) -> bytes:
    try:
        decoded = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise NkeyError("not a NATS key: not base32") from error
    body, crc = decoded[:-_CRC_BYTES], decoded[-_CRC_BYTES:]
    if binascii.crc_hqx(body, 0).to_bytes(_CRC_BYTES, "little") != crc:
        raise NkeyError("not a NATS key: its checksum is wrong")
    return body


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
