"""``POST /v1/events`` without a web server."""

from __future__ import annotations

from devices.event import Status, Telemetry
from gateway.ingress.core import Core
from gateway.ingress.http import AcceptResult, accept_events
from tests.unit.gateway.ingress.recording_log import RecordingLog

NOW = 1_700_000_000_000


async def test_one_event_is_stored() -> None:
    log = RecordingLog()
    result = await accept_events(Core(log, 1), b'{"device_id": "d1", "values": {"temperature": 8}}', NOW)
    assert result == AcceptResult(1, [])
    assert log.partitions == {0: [Telemetry("d1", NOW, NOW, {"temperature": 8})]}


async def test_bad_items_of_a_list_are_named_by_index_and_the_good_ones_are_stored() -> None:
    log = RecordingLog()
    body = b'[{"device_id":"d1","kind":"status","status":"online"}, {"device_id":"no/slash"}, 7]'
    result = await accept_events(Core(log, 1), body, NOW)
    assert (result.accepted, result.unreadable) == (1, False)
    assert [item.index for item in result.rejected] == [1, 2]
    assert [record.topic for record in log.rejected] == ["item 1", "item 2"]
    (event,) = log.partitions[0]
    assert isinstance(event, Status)
    assert event.online


async def test_a_body_that_is_no_json_is_refused_as_a_whole() -> None:
    log = RecordingLog()
    result = await accept_events(Core(log, 1), b"{not json", NOW)
    assert (result.accepted, result.unreadable, result.rejected[0].reason) == (0, True, "not_json")
    assert (log.partitions, len(log.rejected)) == ({}, 1)
