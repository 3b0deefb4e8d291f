"""What one device has to see of the log."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.concerning import concerning, concerns
from devices.event import (
    AlertChanged,
    AlertCommand,
    DeviceChanged,
    DeviceEvent,
    DeviceFacts,
    Event,
    Location,
    MemberChanged,
    RulesChanged,
    Status,
    StoreChanged,
    StoreFacts,
    Telemetry,
    Tick,
    encode_batch,
)

IDS = st.sampled_from(["a", "ab", "abc", "store/ginza"])


def one(kind: int, device: str) -> Event:
    """An event of each kind, of ``device`` where it is anybody's."""
    events: list[Any] = [
        Telemetry(device, 1, 2, {"t": 1.5, "abc": "ab"}),
        Status(device, 1, 2, online=True),
        Location(device, 1, 2, 35.0, 139.0),
        DeviceEvent(device, 1, 2, "a", {"a": [1, {"b": None}]}),
        DeviceChanged(1, DeviceFacts(device, tags=("abc",))),
        AlertCommand(1, device, "r", "d_1", "acknowledge"),
        MemberChanged(device, 1, 2, "r", "v", "abc", holds=True),
        Tick(1),
        StoreChanged(1, StoreFacts("ab")),
        RulesChanged(1, "v", {"a.yaml": "rules: []"}),
        AlertChanged(1, "r", "abc", "ginza", firing=True),
    ]
    found: Event = events[kind]
    return found


@given(batch=st.lists(st.builds(one, st.integers(0, 10), IDS), max_size=20), device=IDS)
def test_it_finds_what_decoding_everything_would_find(batch: list[Event], device: str) -> None:
    wanted = [(index, event) for index, event in enumerate(batch) if concerns(event, device)]
    assert concerning(encode_batch(batch), device) == wanted


def test_every_kind_of_event_is_known() -> None:
    kinds = [one(kind, "a") for kind in range(11)]
    assert {type(event) for event in kinds} == set(Event.__args__), "a new kind of event: add it here and there"
    assert len(concerning(encode_batch(kinds), "somebody-else")) == 4


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        concerning(b"\xc1 nonsense", "a")
