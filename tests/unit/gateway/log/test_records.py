"""Previews of payloads, and how batches become records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.event import Event, Telemetry, decode_batch
from gateway.log.event_log import MAX_RECORD_BYTES, _records
from gateway.log.records import PREVIEW_BYTES, preview


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"temperature": 8}', '{"temperature": 8}'),
        ("庫内 8℃".encode(), "庫内 8℃"),
        (b"a\x00b\r\n\x1b[31m", "a\\x00b\\r\\n\\x1b[31m"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnirts".encode(), "\\u202egnirts"),
    ],
)
def test_a_preview_shows_text_and_escapes_the_rest(payload: bytes, shown: str) -> None:
    assert preview(payload) == shown


@given(st.binary(max_size=2000))
def test_a_preview_is_always_printable_and_bounded(payload: bytes) -> None:
    shown = preview(payload)
    assert shown.isprintable()
    assert len(shown) <= 10 * PREVIEW_BYTES


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=40))
def test_split_records_hold_the_same_events_in_the_same_order(sizes: list[int]) -> None:
    events: list[Event] = [Telemetry(f"d{n}", n, n, {"text": "x" * size}) for n, size in enumerate(sizes)]
    records = list(_records(events))
    assert [event for record in records for event in decode_batch(record)] == events
    assert all(len(record) <= MAX_RECORD_BYTES for record in records)
