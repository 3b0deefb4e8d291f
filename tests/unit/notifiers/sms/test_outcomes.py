from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.attempt import Answer
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown
from notifiers.sms.outcomes import BY_CODE, outcome_of


def answer(status: int, code: int | None = None, headers: dict[str, str] | None = None) -> Answer:
    body = {"code": code, "message": "The number +15551234567 is bad", "status": status}
    return Answer(status, headers or {}, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("given_answer", "kind", "flags"),
    [
        (answer(400, 21610), Refused, {"opted_out"}),
        (answer(400, 21211), Refused, {"drop_address"}),
        (answer(400, 21614), Refused, {"drop_address"}),
        (answer(400, 21408), Refused, {"alarm"}),
        (answer(400, 21606), Retry, {"alarm"}),
        (answer(401, 20003), Retry, {"alarm"}),
        (answer(404, 20404), Retry, {"alarm"}),
        (answer(401), Retry, {"alarm"}),
        (answer(307), Retry, {"alarm"}),
        (answer(429, 20429), Retry, set()),
        (answer(429), Retry, set()),
        (answer(400, 12345), Refused, set()),
        (answer(500, 20500), Unknown, set()),
        (answer(503), Unknown, set()),
        (answer(202), Unknown, set()),
    ],
)
def test_each_code_of_twilio_has_its_meaning(given_answer: Answer, kind: type[Outcome], flags: set[str]) -> None:
    outcome = outcome_of(given_answer)
    assert isinstance(outcome, kind)
    raised = {name for name in ("opted_out", "drop_address", "alarm") if getattr(outcome, name, False)}
    assert raised == flags


def test_throttling_carries_the_providers_wish() -> None:
    outcome = outcome_of(answer(429, 20429, {"Retry-After": "12"}))
    assert outcome == Retry("twilio 20429: too many requests", after_s=12.0)


def test_acceptance_carries_the_sid() -> None:
    assert outcome_of(Answer(201, {}, b'{"sid":"SM1","status":"queued"}')) == Accepted("SM1")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sid":null}', b"<html>", b'{"sid":"SM'])
def test_acceptance_that_cannot_be_read_is_unknown(body: bytes) -> None:
    assert isinstance(outcome_of(Answer(201, {}, body)), Unknown)


def test_each_reason_names_its_code() -> None:
    assert all(meant.reason.startswith(f"twilio {code}: ") for code, meant in BY_CODE.items())


@given(st.integers(100, 599), st.none() | st.integers() | st.text() | st.lists(st.integers()))
def test_no_answer_raises_and_no_text_of_the_provider_gets_into_a_reason(status: int, code: Any) -> None:
    outcome = outcome_of(Answer(status, {}, msgspec.json.encode({"code": code, "message": "+15551234567"})))
    assert not isinstance(outcome, Accepted)
    assert "+1555" not in outcome.reason
