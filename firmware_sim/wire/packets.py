"""The few MQTT 3.1.1 packets that a load generator needs, as bytes (OASIS standard, sections 2.2, 3.1 to 3.4)."""

from __future__ import annotations

from firmware_sim.wire.broker import Login

PUBLISH_QOS_0, PUBLISH_QOS_1 = 0x30, 0x32
PUBACK = 0x40
CONNACK = 0x20
PUBACK_BYTES = 4
CONNACK_BYTES = 4
DISCONNECT = b"\xe0\x00"
_CLEAN, _HAS_PASSWORD, _HAS_USERNAME = 0x02, 0x40, 0x80


class ProtocolError(Exception):
    """The broker sent something that has no place here."""


def length(number: int) -> bytes:
    """The "remaining length": seven bits a byte, lowest first."""
    encoded = bytearray()
    while True:
        number, low = divmod(number, 128)
        encoded.append(low | (0x80 if number else 0))
        if not number:
            return bytes(encoded)


def text(value: str) -> bytes:
    """UTF-8 behind its length in two bytes."""
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def connect(client_id: str, login: Login) -> bytes:
    """CONNECT with a clean session and no keep-alive."""
    flags, payload = _CLEAN, text(client_id)
    if login.username is not None:
        flags |= _HAS_USERNAME
        payload += text(login.username)
        if login.password is not None:
            flags |= _HAS_PASSWORD
            payload += text(login.password)
    body = text("MQTT") + bytes([4, flags, 0, 0]) + payload
    return b"\x10" + length(len(body)) + body


def publish_head(topic: str, payload_bytes: int, qos: int) -> bytes:
    """PUBLISH up to the packet identifier (QoS 1) or the payload (QoS 0), for payloads of one length."""
    name = text(topic)
    kind, identifier = (PUBLISH_QOS_1, 2) if qos else (PUBLISH_QOS_0, 0)
    return bytes([kind]) + length(len(name) + identifier + payload_bytes) + name


def count_pubacks(received: bytes) -> int:
    """How many PUBACKs ``received`` holds, which must be whole ones.

    Raises:
        ProtocolError: something else is among them.
    """
    count, rest = divmod(len(received), PUBACK_BYTES)
    if rest or received[::PUBACK_BYTES].count(PUBACK) != count:
        raise ProtocolError(f"expected PUBACKs, got {received[:16].hex()}")
    return count
