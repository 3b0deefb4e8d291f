"""A message that only the browser can read: Message Encryption for Web Push (RFC 8291), in one record of RFC 8188.

The primitives are ``cryptography``'s; what stands here is the order in which the two RFCs put them together. Why no
library does it: docs/decisions/0012-web-push-encryption.md.
"""

from __future__ import annotations

import os
import struct

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifiers.subscription import POINT_BYTES, Subscription

RECORD_BYTES = 4096
"""The record size, and the longest body that every push service takes (RFC 8030 section 7.2)."""
SALT_BYTES = 16
_HEADER_BYTES = SALT_BYTES + 4 + 1
_TAG_BYTES = 16
_LAST_RECORD = b"\x02"
MAX_PLAINTEXT_BYTES = RECORD_BYTES - _HEADER_BYTES - POINT_BYTES - len(_LAST_RECORD) - _TAG_BYTES
"""3,993 (RFC 8291 section 4)."""


def encrypt(
    plaintext: bytes,
    to: Subscription,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of the request to the push service (RFC 8291 section 3.4).

    Args:
        plaintext: at most ``MAX_PLAINTEXT_BYTES``.
        to: the browser.
        sender: a key of this message alone; ``None``: a new one.
        salt: 16 bytes of this message alone; ``None``: new ones.
    """
    ours = sender or ec.generate_private_key(ec.SECP256R1())
    point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = ours.exchange(ec.ECDH(), to.key)
    material = _derived(shared, to.auth, b"WebPush: info\x00" + to.p256dh + point, 32)
    return encode(plaintext, material, key_id=point, salt=salt or os.urandom(SALT_BYTES))


def encode(plaintext: bytes, material: bytes, *, key_id: bytes, salt: bytes) -> bytes:
    """The content coding ``aes128gcm`` in a single record (RFC 8188 section 2), under the input keying ``material``."""
    key = _derived(material, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(material, salt, b"Content-Encoding: nonce\x00", 12)
    header = salt + struct.pack("!LB", RECORD_BYTES, len(key_id)) + key_id
    return header + AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)


def _derived(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)
