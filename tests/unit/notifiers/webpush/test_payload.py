from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.outcome import Outgoing
from notifiers.webpush.encryption import MAX_PLAINTEXT_BYTES
from notifiers.webpush.payload import MAX_TTL_S, build, headers, topic

ACK = "https://notify.example.com/hooks/push/m1?token=" + "x" * 22
LINK = "https://notify.example.com/c/" + "y" * 22


def message(**changes: Any) -> Outgoing:
    made = Outgoing("m1", "", "Chiller too warm", "9.1 °C", data={"purpose": "maintenance"}, status_callback=ACK)
    return msgspec.structs.replace(made, **changes)


def test_the_service_worker_is_told_what_to_show_and_where_to_acknowledge() -> None:
    assert msgspec.json.decode(build(message(data={"purpose": "maintenance", "link": LINK}))) == {
        "title": "Chiller too warm",
        "body": "9.1 °C",
        "tag": "m1",
        "data": {"purpose": "maintenance", "link": LINK, "message_id": "m1", "ack_url": ACK},
    }


def test_what_a_message_replaces_has_its_tag() -> None:
    assert msgspec.json.decode(build(message(collapse_key="chiller-1")))["tag"] == "chiller-1"
    assert msgspec.json.decode(build(message(collapse_key="長" * 40)))["tag"] == topic(message(collapse_key="長" * 40))


@given(title=st.text(max_size=300), text=st.text(max_size=6_000), extra=st.text(max_size=5_000))
def test_it_always_fits_and_always_says_how_to_acknowledge(title: str, text: str, extra: str) -> None:
    found = build(message(title=title, text=text, data={"link": LINK, "extra": extra}))
    assert len(found) <= MAX_PLAINTEXT_BYTES
    said = msgspec.json.decode(found)["data"]
    assert (said["ack_url"], said["message_id"], said["link"]) == (ACK, "m1", LINK)


def test_the_text_is_cut_before_anything_else_and_between_two_characters() -> None:
    family = "👨‍👩‍👧"
    said = msgspec.json.decode(build(message(text=family * 1_000)))
    assert said["title"] == "Chiller too warm"
    assert said["data"]["purpose"] == "maintenance"
    assert said["body"].rstrip("…").replace(family, "") == ""


def test_half_a_character_is_replaced() -> None:
    said = msgspec.json.decode(build(message(title="\ud800", text="\udfff", data={"\ud800": "\ud800"})))
    assert (said["title"], said["body"]) == ("?", "?")


@pytest.mark.parametrize(
    ("ttl_s", "header"), [(None, "86400"), (600, "600"), (0, "0"), (-5, "0"), (10**9, str(MAX_TTL_S))]
)
def test_a_push_service_is_always_told_how_long_to_keep_it(ttl_s: int | None, header: str) -> None:
    assert headers(message(ttl_s=ttl_s), 86_400)["TTL"] == header


@pytest.mark.parametrize(("purpose", "urgency"), [("maintenance", "high"), ("safety", "high"), ("offers", "normal")])
def test_an_offer_wakes_no_battery(purpose: str, urgency: str) -> None:
    assert headers(message(data={"purpose": purpose}), 60)["Urgency"] == urgency


@given(st.text(), st.text())
def test_a_topic_is_one_that_rfc_8030_allows_and_tells_messages_apart(one: str, other: str) -> None:
    topics = [topic(message(message_id=f"m-{each}")) for each in (one, other)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}", each) for each in topics)
    same = one.encode(errors="replace") == other.encode(errors="replace")
    assert (topics[0] == topics[1]) is same
