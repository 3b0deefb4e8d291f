from __future__ import annotations

from typing import Any

import msgspec
import pytest
from firebase_admin import messaging
from hypothesis import given
from hypothesis import strategies as st

from notifiers.outcome import Outgoing
from notifiers.push.fitting import MAX_PAYLOAD_BYTES, fit, size
from notifiers.push.payload import build, collapse_key

NOW_S = 1_800_000_000


def encoded(message: Outgoing) -> dict[str, Any]:
    """What the SDK puts on the wire."""
    found: dict[str, Any] = messaging._MessagingService.encode_message(build(message, 3600, NOW_S))
    return found


def message(**changes: Any) -> Outgoing:
    return msgspec.structs.replace(Outgoing("msg_1", "token", "Title", "Text"), **changes)


@pytest.mark.parametrize(("ttl_s", "expected"), [(None, 3600), (0, 0), (90, 90), (-5, 0), (99_999_999, 2_419_200)])
def test_the_time_to_live_is_always_set_for_every_kind_of_phone(ttl_s: int | None, expected: int) -> None:
    wire = encoded(message(ttl_s=ttl_s))
    assert wire["android"]["ttl"] == f"{expected}s"
    assert wire["apns"]["headers"]["apns-expiration"] == str(NOW_S + expected)
    assert wire["webpush"]["headers"]["TTL"] == str(expected)


@pytest.mark.parametrize(("key", "expected"), [(None, "msg_1"), ("alert-7", "alert-7")])
def test_a_repeat_replaces_what_the_phone_shows(key: str | None, expected: str) -> None:
    wire = encoded(message(collapse_key=key))
    assert wire["android"]["collapse_key"] == expected
    assert wire["android"]["notification"]["tag"] == expected
    assert wire["apns"]["headers"]["apns-collapse-id"] == expected


def test_a_long_collapse_key_is_shortened_to_apns_limit_and_stays_itself() -> None:
    long = "気" * 40
    assert len(collapse_key(message(collapse_key=long)).encode()) <= 64
    assert collapse_key(message(collapse_key=long)) == collapse_key(message(collapse_key=long))
    assert collapse_key(message(collapse_key=long)) != collapse_key(message(collapse_key=long + "x"))


def test_the_data_says_which_message_it_is_and_how_to_acknowledge_it() -> None:
    wire = encoded(message(data={"device": "chiller-1"}, status_callback="https://example.com/hooks/push/msg_1"))
    assert wire["data"] == {
        "device": "chiller-1",
        "message_id": "msg_1",
        "ack_url": "https://example.com/hooks/push/msg_1",
    }
    assert wire["token"] == "token"


def test_names_that_fcm_reserves_are_left_out() -> None:
    wire = encoded(message(data={"from": "x", "message_type": "x", "google.a": "x", "gcm.b": "x", "": "x", "ok": "x"}))
    assert wire["data"] == {"ok": "x", "message_id": "msg_1"}


@given(
    st.text(max_size=3000),
    st.text(max_size=6000),
    st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=3000), max_size=4),
)
def test_whatever_the_size_the_payload_fits_and_our_own_data_stays(title: str, text: str, data: dict[str, str]) -> None:
    ours = {"message_id": "msg_" + "0" * 32, "ack_url": "https://example.com/hooks/push/1"}
    fitted = fit(title, text, {**data, **ours}, ours)
    assert size(*fitted) <= MAX_PAYLOAD_BYTES
    assert ours.items() <= fitted[2].items()


def test_a_message_that_fits_is_not_touched() -> None:
    assert fit("Title", "Text", {"a": "b"}) == ("Title", "Text", {"a": "b"})


def test_a_long_text_is_cut_at_a_characters_end_and_says_so() -> None:
    title, text, data = fit("Title", "長" * 4000, {"message_id": "1"})
    assert text.endswith("…")
    assert set(text[:-1]) == {"長"}
    assert size(title, text, data) > MAX_PAYLOAD_BYTES - 4
    assert title == "Title"


def test_a_long_text_is_never_cut_within_what_a_reader_sees_as_one_character() -> None:
    family = "👩‍👩‍👧‍👦"
    for lead in range(30):
        _, text, _ = fit("Title", "x" * lead + family * 400, {"message_id": "1"})
        assert text.endswith(family + "…")
