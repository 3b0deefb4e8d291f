"""When a step is over and what comes after it."""

from __future__ import annotations

import pytest

from gateway.delivery.entries import in_words
from gateway.delivery.reach import without
from gateway.delivery.verdict import judge, tried
from gateway.storage.messages import RANK, Standing


def standing(state: str, *, ended: bool = False) -> Standing:
    return Standing(0, "push", state, ended or state in ("failed", "expired", "withdrawn"))


@pytest.mark.parametrize("escalates", [True, False])
@pytest.mark.parametrize("time_is_up", [True, False])
def test_when_all_of_a_step_has_failed_the_next_one_follows_at_once(escalates: bool, time_is_up: bool) -> None:
    step = [standing("failed"), standing("expired"), standing("unknown", ended=True)]
    assert judge(step, escalates=escalates, time_is_up=time_is_up) == "next"


def test_one_phone_of_two_is_enough_to_wait_for() -> None:
    assert judge([standing("failed"), standing("accepted")], escalates=True, time_is_up=False) == "wait"


def test_without_an_answer_in_time_the_next_step_follows_only_where_the_rule_escalates() -> None:
    assert judge([standing("accepted")], escalates=True, time_is_up=True) == "next"
    assert judge([standing("accepted")], escalates=False, time_is_up=True) == "close"


@pytest.mark.parametrize("state", ["queued", "sending", "unknown"])
def test_what_is_under_way_is_not_closed(state: str) -> None:
    assert judge([standing(state)], escalates=False, time_is_up=True) == "wait"


def test_a_channel_whose_messages_the_night_took_back_was_not_tried() -> None:
    night = Standing(1, "sms", "withdrawn", True, rested=True)
    assert tried([Standing(0, "push", "failed", True), night]) == {"push"}


@pytest.mark.parametrize("state", ["sending", "unknown", "accepted", "delivered"])
def test_unless_another_of_them_went_out(state: str) -> None:
    night = Standing(0, "push", "withdrawn", True, rested=True)
    assert tried([night, standing(state, ended=state == "unknown")]) == {"push"}


def test_a_channel_that_failed_by_day_was_tried_whatever_the_night_before_took_back() -> None:
    nights = [Standing(step, "push", "withdrawn", True, rested=True) for step in range(2)]
    assert tried([*nights, Standing(2, "push", "failed", True)]) == {"push"}
    assert tried([Standing(0, "push", "failed", True), *nights[1:]]) == set()


def test_what_was_withdrawn_for_another_reason_was_tried() -> None:
    assert tried([standing("withdrawn")]) == {"push"}


def test_evidence_of_delivery_outranks_a_failure_and_a_failure_outranks_acceptance() -> None:
    assert RANK["accepted"] < RANK["failed"] < RANK["delivered"] < RANK["read"] < RANK["clicked"]


def test_a_number_is_found_however_it_is_written() -> None:
    assert without("+81 90-1234-5678", "sms", "+819012345678") is None
    assert without(["+81 90-1234-5678", "+441632960011"], "sms", "+819012345678") == ["+441632960011"]
    assert without(["one", "two"], "push", "two") == ["one"]


def test_the_plan_reads_as_a_sentence() -> None:
    said = in_words(["push", "sms", "email"], 900_000)
    assert said == "To be told by push, then SMS, then email; next after 15 min without an answer"
    assert in_words(["email"], None) == "To be told by email"
