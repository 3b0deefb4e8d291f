"""Decode, sort by partition, store, set aside."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from devices.event import Telemetry
from devices.partition import partition_of
from gateway.ingress import core as core_module
from gateway.ingress.core import Core, Message
from tests.unit.gateway.ingress.recording_log import RecordingLog

NOW = 1_700_000_000_000


def reading(device: str, value: int) -> Message:
    return Message(f"devices/{device}/telemetry", b'{"n": %d}' % value, NOW)


async def test_events_of_a_device_stand_in_its_partition_in_their_order() -> None:
    log = RecordingLog()
    await Core(log, 4).accept("mqtt", [reading(f"d{n % 7}", n) for n in range(70)])
    for partition, events in log.partitions.items():
        for device in {event.device_id for event in events if isinstance(event, Telemetry)}:
            values = [
                event.values["n"] for event in events if isinstance(event, Telemetry) and event.device_id == device
            ]
            assert partition == partition_of(device, 4)
            assert values == list(range(int(device[1:]), 70, 7))


async def test_a_message_that_cant_be_read_is_set_aside_and_spoils_no_other() -> None:
    log = RecordingLog()
    bad = Message("devices/d1/telemetry", b'{"n": \x00', NOW)
    await Core(log, 1).accept("mqtt", [reading("d1", 1), bad, reading("d1", 2)])
    assert len(log.partitions[0]) == 2
    (record,) = log.rejected
    assert (record.source, record.topic, record.at) == ("mqtt", "devices/d1/telemetry", NOW)
    assert record.payload_preview == '{"n": \\x00'
    assert record.reason
    assert record.detail


async def test_a_decoder_that_fails_sets_its_message_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(topic: str, payload: bytes, received_at: int) -> list[Telemetry]:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(core_module, "decode", broken)
    log = RecordingLog()
    await Core(log, 1).accept("mqtt", [reading("d1", 1)])
    assert [(r.reason, r.detail) for r in log.rejected] == [("decoder_failed", "ZeroDivisionError: oh")]


async def test_retained_messages_are_passed_over() -> None:
    log = RecordingLog()
    await Core(log, 1).accept("mqtt", [reading("d1", 1)._replace(retained=True)])
    assert (log.partitions, log.rejected) == ({}, [])


async def test_stored_and_refused_are_counted_by_kind_and_reason() -> None:
    def count(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"kizashi_ingress_{name}_total", {"source": "t", **labels}) or 0.0

    await Core(RecordingLog(), 1).accept("t", [reading("d1", 1), reading("d1", 2), Message("x/y", b"{}", NOW)])
    assert count("events", kind="telemetry") == 2
    assert count("rejected", reason="bad_topic") == 1
