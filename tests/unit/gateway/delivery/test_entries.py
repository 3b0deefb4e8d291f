"""How channels are called on the timeline."""

from __future__ import annotations

import pytest

from gateway.delivery.entries import named, within


@pytest.mark.parametrize(
    ("channel", "first", "inside"),
    [
        ("sms", "SMS", "SMS"),
        ("email", "Email", "email"),
        ("webpush", "Web push", "web push"),
        ("inbox", "Inbox message", "inbox message"),
        ("pigeon", "pigeon", "pigeon"),
    ],
)
def test_a_channel_is_written_small_inside_a_sentence_but_for_what_is_spelt_in_capitals(
    channel: str, first: str, inside: str
) -> None:
    assert (named(channel), within(channel)) == (first, inside)
