"""paho's client, made to read and acknowledge many messages at a time, driven by an event loop instead of a thread.

Why not as it comes: paho reads a packet with three calls of ``recv`` (one byte, one byte, the rest), builds a message
object under four locks, and wakes its thread through a socket pair for each acknowledgement; a thread of its own would
contend for the interpreter with the decoding besides. Reading 64 KB at a time and taking PUBLISH packets apart here
leaves a small part of that cost. Everything else stays paho's: connecting, subscriptions, keep-alive, closing.
``tests/unit/gateway/ingress/test_mqtt_client.py`` fails when a release of paho moves an internal that is used here.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

READ_BYTES = 64 << 10
READS_AT_ONCE = 4
"""Then other tasks get their turn."""
PUBLISH, PUBACK = 0x30, 0x40
MAX_LENGTH_BYTES = 4
CONTINUES = 0x80
_puback = struct.Struct("!BBH")


class Inbound(NamedTuple):
    """A PUBLISH packet from the broker. ``mid`` is 0 for QoS 0."""

    mid: int
    retained: bool
    topic: str
    payload: bytes


class ProtocolError(Exception):
    """The broker sent what MQTT 3.1.1 does not allow."""


def dial(host: str, port: int, tls: ssl.SSLContext | None, seconds: float) -> socket.socket:
    """Connect to a broker; blocks, so for a thread.

    Not paho's own way, which leaves the socket open when the broker's certificate is refused.

    Raises:
        OSError: nobody there, or (``ssl.SSLError``) nobody to trust.
    """
    sock = socket.create_connection((host, port), timeout=seconds)
    if tls is None:
        return sock
    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        wrapped = tls.wrap_socket(sock, server_hostname=host)
        stack.pop_all()
    return wrapped


class BulkClient(paho.Client):
    """An MQTT 3.1.1 client with a persistent session, for ``add_reader`` and friends; never starts a thread."""

    def __init__(self, client_id: str, receive: Callable[[Inbound], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        self._receive = receive
        self._dialled: socket.socket | None = None
        self._unread = b""
        self._chunks: list[bytes] = []
        self._missing = 0

    def begin(self, sock: socket.socket) -> None:
        """Start the protocol anew on a socket from ``dial``; a packet cut off by the old connection is dropped."""
        self._dialled = sock
        self._unread, self._chunks, self._missing = b"", [], 0
        self.reconnect()

    @property
    def holds_more(self) -> bool:
        """Whether TLS holds decrypted bytes, which the socket does not announce."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def loop_read(self, max_packets: int = READS_AT_ONCE) -> MQTTErrorCode:
        """Read what the socket has, in up to ``max_packets`` large reads."""
        for _ in range(max_packets):
            if self._sock is None:
                break
            try:
                data = self._sock_recv(READ_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
            self._last_bytes_received = time.monotonic()
            try:
                self._take(data)
            except (ProtocolError, MalformedPacket) as error:
                self._easy_log(LogLevel.MQTT_LOG_ERR, "connection given up: %s", error)
                return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)
            if len(data) < READ_BYTES and not self.holds_more:
                break
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def close(self) -> None:
        """Say good-bye if there is anybody to say it to; the session stays with the broker."""
        if self._sock is not None:
            self.disconnect()
            self.loop_write()
            self._sock_close()

    def ack_many(self, mids: Sequence[int]) -> None:
        """Acknowledge QoS 1 messages, in this order, in one write."""
        packets = b"".join([_puback.pack(PUBACK, 2, mid) for mid in mids])
        self._packet_queue(PUBACK, packets, mids[-1], 1)

    def _create_socket(self) -> socket.socket:
        dialled, self._dialled = self._dialled, None
        if dialled is None:
            raise ConnectionError("dial first")
        return dialled

    def _take(self, data: bytes) -> None:
        """Take the complete packets out of what was read, keep the rest."""
        if self._missing > len(data):  # a packet of megabytes is joined once, not at each read
            self._chunks.append(data)
            self._missing -= len(data)
            return
        buffer = b"".join([self._unread, *self._chunks, data])
        self._chunks.clear()
        position = 0
        while (span := packet_span(buffer, position)) is not None:
            start, stop = span
            if stop > len(buffer):
                self._missing = stop - len(buffer)
                break
            command = buffer[position]
            if command & 0xF0 == PUBLISH:
                self._receive(parse_publish(command, buffer, start, stop))
            else:
                self._handle(command, buffer[start:stop])
            position = stop
        else:
            self._missing = 0
        self._unread = buffer[position:]

    def _handle(self, command: int, body: bytes) -> None:
        self._in_packet = {
            "command": command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        if (code := self._packet_handle()) != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ProtocolError(paho.error_string(code))


def packet_span(buffer: bytes, position: int) -> tuple[int, int] | None:
    """Find where the body of the packet at ``position`` starts and ends; None while its header is incomplete.

    Source: MQTT 3.1.1, section 2.2.3 (remaining length: 7 bits a byte, least significant first, at most 4 bytes).

    Raises:
        ProtocolError: the length has more than 4 bytes.
    """
    length = 0
    for index, byte in enumerate(buffer[position + 1 : position + 1 + MAX_LENGTH_BYTES]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < CONTINUES:
            start = position + 2 + index
            return start, start + length
    if len(buffer) > position + MAX_LENGTH_BYTES:
        raise ProtocolError("a packet's length has more than four bytes")
    return None


def parse_publish(command: int, buffer: bytes, start: int, stop: int) -> Inbound:
    """Read the PUBLISH packet whose body is ``buffer[start:stop]``.

    A topic that is not UTF-8 comes with its bad bytes escaped, which no decoder accepts.
    Source: MQTT 3.1.1, section 3.3.

    Raises:
        ProtocolError: QoS 2 (never asked for), or lengths that don't fit.
    """
    qos = (command >> 1) & 3
    topic_end = start + 2 + ((buffer[start] << 8) | buffer[start + 1]) if stop - start > 1 else stop + 1
    payload_start = topic_end + 2 if qos else topic_end
    if qos > 1 or payload_start > stop:
        raise ProtocolError(f"a PUBLISH packet that can't be: QoS {qos}, {stop - start} bytes")
    topic = str(buffer[start + 2 : topic_end], "utf-8", "backslashreplace")
    mid = (buffer[topic_end] << 8) | buffer[topic_end + 1] if qos else 0
    return Inbound(mid, bool(command & 1), topic, buffer[payload_start:stop])
