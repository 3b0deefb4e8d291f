from devices.decoders.http import decode_http
from devices.event import DeviceEvent, Location, Status, Telemetry
from devices.rejected import Reason, Rejected

NOW = 1_750_000_000_000


def test_reads_one_object_of_telemetry() -> None:
    assert decode_http(b'{"device_id":"d","t":9}', NOW) == [Telemetry("d", NOW, NOW, {"t": 9})]


def test_reads_every_kind_in_order() -> None:
    body = b"""[{"device_id":"d","values":{"t":9},"ts":1749999940000},
        {"device_id":"d","kind":"status","status":"offline"},
        {"device_id":"p","kind":"location","lat":1,"lon":2},
        {"device_id":"d","kind":"event","type":"fault","code":7}]"""
    assert decode_http(body, NOW) == [
        Telemetry("d", NOW - 60_000, NOW, {"t": 9}),
        Status("d", NOW, NOW, online=False),
        Location("p", NOW, NOW, 1.0, 2.0),
        DeviceEvent("d", NOW, NOW, "fault", {"code": 7}),
    ]


def test_a_bad_item_spoils_none_of_the_others() -> None:
    body = b"""[{"device_id":"d","t":1}, {"device_id":"a.b","t":1}, {"t":1}, 5, {"device_id":"d","kind":"tele","t":1},
        {"device_id":"d","kind":[],"t":1}, {"device_id":"d","t":{}}, {"device_id":"d","t":2}]"""
    outcomes = decode_http(body, NOW)
    assert [o.reason if isinstance(o, Rejected) else "fine" for o in outcomes] == [
        "fine",
        Reason.BAD_DEVICE_ID,
        Reason.BAD_DEVICE_ID,
        Reason.BAD_SHAPE,
        Reason.UNKNOWN_FIELD,
        Reason.UNKNOWN_FIELD,
        Reason.BAD_VALUE,
        "fine",
    ]


def test_a_body_larger_than_an_mqtt_payload_is_read() -> None:
    body = b"[" + b",".join([b'{"device_id":"d","mode":"%s"}' % (b"x" * 1000)] * 900) + b"]"
    assert len(decode_http(body, NOW)) == 900
