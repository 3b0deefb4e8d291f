import msgspec
import pytest

from devices.event import (
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    RulesChanged,
    Status,
    StoreChanged,
    StoreFacts,
    Telemetry,
    Tick,
    decode_batch,
    encode_batch,
)


def test_a_batch_of_every_kind_comes_back_as_it_went() -> None:
    batch: list[Event] = [
        Telemetry("d", 1, 2, {"t": 9.5, "n": 3, "on": True, "mode": "cool"}, clock_off=True),
        Status("d", 1, 2, online=False, detail={"why": "last will"}),
        Location("d", 1, 2, 35.0, 139.0, 12.0),
        DeviceEvent("d", 1, 2, "fault", {"code": [1, {"a": None}]}),
        Tick(5),
        DeviceChanged(5, DeviceFacts("d", "m", "p", "c", "s", ("a",), {"tier": "gold"})),
        StoreChanged(
            5, StoreFacts("s", "S", {"lat": 1.0}, ("x",), {"mon": ["09:00-20:00"]}, "Asia/Tokyo"), removed=True
        ),
        RulesChanged(5, "v", {"a.yaml": "rules: []"}),
    ]
    assert decode_batch(encode_batch(batch)) == batch


def test_bytes_that_are_no_batch_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_batch(b"\x91\x92\xa1zz")
