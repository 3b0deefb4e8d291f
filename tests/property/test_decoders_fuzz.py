"""Whatever arrives, a decoder gives events that the log can carry, or a refusal. Nothing else."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devices.decoders.catalog import decode
from devices.decoders.http import decode_http
from devices.event import DeviceSaid, Telemetry, decode_batch, encode_batch
from devices.json_text import parse_json
from devices.rejected import Rejected

NOW = 1_750_000_000_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
keys = st.sampled_from(["ts", "values", "device_id", "lat", "lon", "accuracy", "type", "status", "online", "kind", "t"])
objects = st.dictionaries(keys, json_values, max_size=6)
payloads = (objects | st.lists(objects, max_size=3) | json_values).map(lambda value: json.dumps(value).encode())
kinds = st.sampled_from(["telemetry", "status", "location", "event", "commands/c/result"])


def carried(events: list[DeviceSaid]) -> bool:
    return decode_batch(encode_batch([*events])) == events


@given(kinds, st.binary(max_size=200) | payloads)
@example("telemetry", b'{"t":1,"t":2}')
def test_a_message_becomes_events_or_a_refusal(kind: str, payload: bytes) -> None:
    try:
        events = decode(f"devices/d/{kind}", payload, NOW)
    except Rejected:
        return
    assert events
    assert carried(events)
    for event in events:
        assert event.device_id == "d"
        if isinstance(event, Telemetry):
            assert event.values
            assert all(not isinstance(value, float) or math.isfinite(value) for value in event.values.values())


@given(st.text(max_size=60), st.binary(max_size=20))
def test_a_topic_is_read_or_refused(topic: str, payload: bytes) -> None:
    with contextlib.suppress(Rejected):
        assert decode(topic, payload, NOW)


@given(st.binary(max_size=200) | payloads)
def test_a_body_becomes_outcomes_or_a_refusal(body: bytes) -> None:
    try:
        outcomes = decode_http(body, NOW)
    except Rejected:
        return
    assert carried([outcome for outcome in outcomes if not isinstance(outcome, Rejected)])


names_written = st.sampled_from(["a", "b", ":", "c:d", "\\u0061"])
values_written = st.sampled_from(["1", '":"', r'"\u003a"', '{"x":":"}'])
pairs = st.lists(st.tuples(names_written, values_written), max_size=5)


@given(pairs)
def test_a_key_that_stands_twice_is_always_found(written: list[tuple[str, str]]) -> None:
    text = "{" + ",".join(f'"{key}":{value}' for key, value in written) + "}"
    names = [json.loads(f'"{key}"') for key, _ in written]
    if len(set(names)) < len(names):
        with pytest.raises(Rejected, match="duplicate_key"):
            parse_json(text.encode())
    else:
        assert parse_json(text.encode()) == json.loads(text)
