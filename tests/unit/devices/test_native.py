from typing import Any

import pytest

from devices.decoders.native import decode
from devices.event import DeviceEvent, Location, Status, Telemetry
from devices.rejected import Reason, Rejected

NOW = 1_750_000_000_000
THEN = NOW - 60_000


def refused(topic: str, payload: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(topic, payload, NOW)
    return caught.value


@pytest.mark.parametrize(
    ("payload", "at", "values"),
    [
        (b'{"t":9.4}', NOW, {"t": 9.4}),
        (b'{"t":9,"door":true,"mode":"cool","ts":1749999940000}', THEN, {"t": 9, "door": True, "mode": "cool"}),
        (b'{"t":9,"ts":"2025-06-15T15:05:40Z"}', THEN, {"t": 9}),
        (b'{"t":9,"ts":"2025-06-16T00:05:40+09:00"}', THEN, {"t": 9}),
        (b'{"t":9,"ts":1749999940000.0}', THEN, {"t": 9}),
        (b'{"ts":1749999940000,"values":{"t":9}}', THEN, {"t": 9}),
        (b'{"values":{"t":9,"ts":5}}', NOW, {"t": 9, "ts": 5}),
        (b'{"t":9,"u":null}', NOW, {"t": 9}),
        (b'{"t":9,"device_id":"chiller-7"}', NOW, {"t": 9}),
        (b'{"values":5}', NOW, {"values": 5}),
        ('{"温度":"高い"}'.encode(), NOW, {"温度": "高い"}),
    ],
)
def test_reads_the_forms_of_telemetry(payload: bytes, at: int, values: dict[str, Any]) -> None:
    assert decode("devices/chiller-7/telemetry", payload, NOW) == [Telemetry("chiller-7", at, NOW, values)]


def test_reads_a_list_of_either_form_in_order() -> None:
    events = decode("devices/d/telemetry", b'[{"t":1,"ts":1749999940000},{"values":{"t":2}}]', NOW)
    assert events == [Telemetry("d", THEN, NOW, {"t": 1}), Telemetry("d", NOW, NOW, {"t": 2})]


def test_a_clock_too_far_ahead_or_of_1970_is_not_believed() -> None:
    for ts in ("1750000300001", '"2038-01-19T03:14:08Z"', '"1970-01-01T00:00:09Z"', '"0001-01-01T00:00:00+23:59"'):
        (event,) = decode("devices/d/telemetry", b'{"t":1,"ts":%s}' % ts.encode(), NOW)
        assert event == Telemetry("d", NOW, NOW, {"t": 1}, clock_off=True)
    (event,) = decode("devices/d/telemetry", b'{"t":1,"ts":1750000300000}', NOW)
    assert event == Telemetry("d", NOW + 300_000, NOW, {"t": 1})


@pytest.mark.parametrize(
    ("payload", "reason", "mend"),
    [
        (b'{"t":1,"ts":"2025-06-15T15:05:40"}', Reason.BAD_TIME, "end it with Z"),
        (b'{"t":1,"ts":"yesterday"}', Reason.BAD_TIME, "ISO 8601"),
        (b'{"t":1,"ts":1750000000}', Reason.BAD_TIME, "multiply seconds by 1000"),
        (b'{"t":1,"ts":true}', Reason.BAD_TIME, "send ms"),
        (b'{"t":1,"ts":{}}', Reason.BAD_TIME, "send ms"),
        (b'{"t":{"x":1}}', Reason.BAD_VALUE, "one metric for each part"),
        (b'{"t":[1]}', Reason.BAD_VALUE, "is a list"),
        (b'{"t":"%s"}' % (b"x" * 1025), Reason.TOO_LONG, "at most 1024"),
        (b'{"":1}', Reason.BAD_VALUE, "printable"),
        (b'{"%s":1}' % (b"x" * 129), Reason.BAD_VALUE, "1 to 128"),
        (b'{"a\\nb":1}', Reason.BAD_VALUE, "printable"),
        (b"{}", Reason.EMPTY, "no values"),
        (b'{"t":null,"ts":1749999940000}', Reason.EMPTY, "null"),
        (b"[]", Reason.EMPTY, "no readings"),
        (b"5", Reason.BAD_SHAPE, "JSON object"),
        (b"[1]", Reason.BAD_SHAPE, "item 1"),
        (b'[{"t":1},{"t":[]}]', Reason.BAD_VALUE, "item 2"),
        (b'{"values":{"t":1},"u":2}', Reason.UNKNOWN_FIELD, "move it into 'values'"),
        (b'{"t":1,"device_id":"other"}', Reason.OTHER_DEVICE, "names 'other'"),
        (b'[{"t":1,"device_id":"other"}]', Reason.OTHER_DEVICE, "item 1"),
        (b"[" + b",".join([b'{"t":1}'] * 1001) + b"]", Reason.TOO_MANY, "at most 1000"),
        (b"{" + b",".join(b'"m%d":1' % i for i in range(513)) + b"}", Reason.TOO_MANY, "at most 512"),
    ],
)
def test_refuses_other_telemetry_and_says_what_to_send(payload: bytes, reason: Reason, mend: str) -> None:
    error = refused("devices/chiller-7/telemetry", payload)
    assert (error.reason, mend in error.detail) == (reason, True), error


@pytest.mark.parametrize(
    ("payload", "online", "detail"),
    [
        (b"online", True, {}),
        (b"offline", False, {}),
        (b'"offline"', False, {}),
        (b'{"status":"online","version":"1.2"}', True, {"version": "1.2"}),
        (b'{"online":false}', False, {}),
    ],
)
def test_reads_the_forms_of_a_status(payload: bytes, online: bool, detail: dict[str, Any]) -> None:
    assert decode("devices/d/status", payload, NOW) == [Status("d", NOW, NOW, online, detail)]


@pytest.mark.parametrize("payload", [b"ONLINE", b"1", b'{"status":1}', b'{"online":"yes"}', b"{}", b'"away"'])
def test_refuses_another_status(payload: bytes) -> None:
    assert refused("devices/d/status", payload).reason is Reason.BAD_STATUS


def test_refuses_an_empty_and_a_huge_status() -> None:
    assert refused("devices/d/status", b"").reason is Reason.EMPTY
    assert refused("devices/d/status", b"x" * 200_000).reason is Reason.TOO_LARGE


def test_reads_a_location() -> None:
    found = decode("devices/p/location", b'{"lat":35,"lon":139.5,"accuracy":12,"ts":1749999940000,"battery":5}', NOW)
    assert found == [Location("p", THEN, NOW, 35.0, 139.5, 12.0)]
    assert decode("devices/p/location", b'{"lat":-90,"lon":180}', NOW) == [Location("p", NOW, NOW, -90.0, 180.0, 0.0)]


@pytest.mark.parametrize(
    "payload",
    [b'{"lat":91,"lon":0}', b'{"lat":0}', b'{"lat":"35","lon":139}', b'{"lat":0,"lon":0,"accuracy":-1}',
     b'{"lat":true,"lon":0}', b'{"lat":0,"lon":181}', b'{"lat":0,"lon":0,"accuracy":"5"}'],
)  # fmt: skip
def test_refuses_a_position_that_is_none(payload: bytes) -> None:
    assert refused("devices/p/location", payload).reason is Reason.BAD_POSITION


def test_reads_an_event_with_what_belongs_to_it() -> None:
    assert decode("devices/d/event", b'{"type":"fault","code":7}', NOW) == [
        DeviceEvent("d", NOW, NOW, "fault", {"code": 7})
    ]
    assert decode("devices/d/event", b'{"type":"fault","data":{"code":7}}', NOW) == [
        DeviceEvent("d", NOW, NOW, "fault", {"code": 7})
    ]


@pytest.mark.parametrize("payload", [b"{}", b'{"type":5}', b'{"type":""}', b'{"type":"a\\u0007"}'])
def test_refuses_an_event_without_a_type(payload: bytes) -> None:
    assert refused("devices/d/event", payload).reason is Reason.BAD_EVENT


def test_reads_the_answer_to_a_command() -> None:
    assert decode("devices/d/commands/c-1/result", b'{"ok":true}', NOW) == [
        DeviceEvent("d", NOW, NOW, "command_result", {"command_id": "c-1", "result": {"ok": True}})
    ]


@pytest.mark.parametrize(
    "topic",
    ["devices/d", "devices/d/other", "devices/d/telemetry/x", "x/d/telemetry", "devices/d/commands", "", "devices//",
     "devices/d/commands//result", "devices/d/commands/c/other"],
)  # fmt: skip
def test_refuses_other_topics(topic: str) -> None:
    assert refused(topic, b"{}").reason is Reason.BAD_TOPIC


@pytest.mark.parametrize("device_id", ["", "-d", "a.b", "a b", "a+", "#", "ä", "x" * 129, "$SYS"])
def test_refuses_what_cannot_name_a_device(device_id: str) -> None:
    assert refused(f"devices/{device_id}/telemetry", b'{"t":1}').reason is Reason.BAD_DEVICE_ID
