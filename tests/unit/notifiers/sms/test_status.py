from __future__ import annotations

from itertools import permutations

import pytest

from notifiers.sms.status import MEANINGS, STATES, StatusUpdate, read_status


def callback(status: str, code: str = "") -> StatusUpdate | None:
    return read_status({"MessageSid": "SM1", "MessageStatus": status, **({"ErrorCode": code} if code else {})})


@pytest.mark.parametrize(
    ("status", "state"),
    [("queued", "accepted"), ("sent", "accepted"), ("delivered", "delivered"), ("read", "read"), ("failed", "failed")],
)
def test_a_status_becomes_our_state(status: str, state: str) -> None:
    update = callback(status)
    assert update is not None
    assert (update.state, update.provider_id, update.provider_status) == (state, "SM1", status)


@pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered", "read"])))
def test_whatever_the_order_of_arrival_the_last_word_is_the_same(order: tuple[str, ...]) -> None:
    state, rank = "", 0
    for status in (*order, *order):
        update = callback(status)
        assert update is not None
        if update.rank > rank:
            state, rank = update.state, update.rank
    assert state == "read"


def test_delivery_outranks_a_failure_and_a_failure_outranks_being_under_way() -> None:
    ranks = {status: rank for status, (_, rank) in STATES.items()}
    assert ranks["sent"] < ranks["undelivered"] < ranks["delivered"] < ranks["read"]


@pytest.mark.parametrize(
    ("code", "flag"),
    [
        ("30001", "may_repeat"),
        ("30003", "may_repeat"),
        ("30008", "may_repeat"),
        ("30004", "opted_out"),
        ("21610", "opted_out"),
        ("30005", "drop_address"),
        ("30006", "drop_address"),
        ("30007", "alarm"),
    ],
)
def test_each_code_asks_for_one_thing(code: str, flag: str) -> None:
    update = callback("undelivered", code)
    assert update is not None
    flags = {name: getattr(update, name) for name in ("may_repeat", "opted_out", "drop_address", "alarm")}
    assert flags == {**dict.fromkeys(flags, False), flag: True}
    assert update.reason == f"twilio {code}: {MEANINGS[int(code)].reason}"


@pytest.mark.parametrize("code", ["", "99999", "abc", "-1", "９９", "9" * 5000])
def test_a_code_that_is_not_known_asks_for_nothing(code: str) -> None:
    update = callback("failed", code)
    assert update is not None
    assert not any((update.may_repeat, update.opted_out, update.drop_address, update.alarm))
    assert len(update.reason) < 20


@pytest.mark.parametrize("fields", [{}, {"MessageStatus": "dreaming"}, {"SmsStatus": "received"}])
def test_what_is_no_status_of_ours_changes_nothing(fields: dict[str, str]) -> None:
    assert read_status(fields) is None
