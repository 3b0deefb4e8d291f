"""Taking packets apart in bulk: the same packets as one by one, whatever the cuts between reads."""

from __future__ import annotations

import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import client as paho

from gateway.ingress.mqtt_client import BulkClient, Inbound, ProtocolError, packet_span, parse_publish


def length_bytes(length: int) -> bytes:
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (128 if length else 0))
        if not length:
            return bytes(encoded)


def publish(mid: int, topic: str, payload: bytes, *, retained: bool = False) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2) + name + (mid.to_bytes(2) if mid else b"") + payload
    return bytes([0x30 | (2 if mid else 0) | retained]) + length_bytes(len(body)) + body


inbound = st.builds(Inbound, st.integers(0, 65535), st.booleans(), st.text(max_size=20), st.binary(max_size=300))


def read(chunks: list[bytes]) -> tuple[list[Inbound], int]:
    """What a client makes of ``chunks``, each of which arrives as one read; and the last result code."""
    got: list[Inbound] = []
    client = BulkClient("test", got.append)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        client._sock = ours
        code = 0
        for chunk in chunks:
            theirs.sendall(chunk)
            code = client.loop_read()
        client._sock = None
    return got, code


@given(st.lists(inbound, max_size=8), st.data())
def test_any_cut_into_reads_gives_the_same_messages(messages: list[Inbound], data: st.DataObject) -> None:
    wire = b"".join(publish(m.mid, m.topic, m.payload, retained=m.retained) for m in messages)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=6)) | {0, len(wire)})
    got, _ = read([wire[a:b] for a, b in pairwise(cuts) if a < b])
    assert got == messages


def test_a_packet_larger_than_many_reads_arrives_whole() -> None:
    message = Inbound(1, False, "devices/a/telemetry", bytes(range(256)) * 4000)
    wire = publish(message.mid, message.topic, message.payload) + publish(2, "t", b"next")
    got, _ = read([wire[n : n + 30_000] for n in range(0, len(wire), 30_000)])
    assert got == [message, Inbound(2, False, "t", b"next")]


@given(st.integers(0, 268_435_455))
def test_every_length_of_mqtt_is_read(length: int) -> None:
    header = b"\x32" + length_bytes(length)
    assert packet_span(header, 0) == (len(header), len(header) + length)
    assert packet_span(header[:-1], 0) is None


@pytest.mark.parametrize(
    "wire",
    [
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x32\x01\x00",  # no room for the topic's length
        b"\x32\x04\x00\x09ab",  # a topic longer than the packet
        b"\x32\x04\x00\x02ab",  # QoS 1 without an id
        b"\x34\x06\x00\x02ab\x00\x01",  # QoS 2
        b"\xf0\x00",  # no packet of MQTT 3.1.1
    ],
)
def test_what_mqtt_does_not_allow_ends_the_connection(wire: bytes) -> None:
    got, code = read([wire])
    assert (got, code) == ([], paho.MQTT_ERR_PROTOCOL)


@given(st.binary(max_size=40), st.integers(0x30, 0x3F))
def test_no_publish_packet_does_more_than_be_refused(body: bytes, command: int) -> None:
    try:
        parsed = parse_publish(command, body, 0, len(body))
    except ProtocolError:
        return
    assert len(parsed.payload) <= len(body)


def test_a_topic_that_is_not_utf8_is_escaped() -> None:
    assert parse_publish(0x30, b"\x00\x02\xff/x", 0, 5).topic == "\\xff/"


def test_acknowledgements_go_out_in_one_write_and_in_order() -> None:
    client = BulkClient("test", lambda _: None)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client._sock = ours
        client.ack_many([3, 500, 4])
        assert theirs.recv(100) == b"\x40\x02\x00\x03\x40\x02\x01\xf4\x40\x02\x00\x04"
        client._sock = None
