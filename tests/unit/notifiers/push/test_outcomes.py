from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.attempt import Answer
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown
from notifiers.push.outcomes import outcome_of

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def answer(status: int, code: str = "", field: str = "", headers: dict[str, str] | None = None) -> Answer:
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    if field:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "bad"}]})
    error = {"code": status, "message": "quotes the token abc", "status": "SOME_STATUS", "details": details}
    return Answer(status, headers or {}, msgspec.json.encode({"error": error}))


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        (answer(400, "INVALID_ARGUMENT"), Refused("fcm INVALID_ARGUMENT")),
        (
            answer(400, "INVALID_ARGUMENT", "message.token"),
            Refused("fcm INVALID_ARGUMENT", drop_address=True),
        ),
        (answer(400, "INVALID_ARGUMENT", "message.android.ttl"), Refused("fcm INVALID_ARGUMENT")),
        (answer(401, "THIRD_PARTY_AUTH_ERROR"), Retry("fcm THIRD_PARTY_AUTH_ERROR", alarm=True)),
        (answer(403, "SENDER_ID_MISMATCH"), Refused("fcm SENDER_ID_MISMATCH", drop_address=True)),
        (answer(404, "UNREGISTERED"), Refused("fcm UNREGISTERED", drop_address=True)),
        (answer(429, "QUOTA_EXCEEDED"), Retry("fcm QUOTA_EXCEEDED", after_s=60.0)),
        (answer(429, "QUOTA_EXCEEDED", headers={"Retry-After": "7"}), Retry("fcm QUOTA_EXCEEDED", after_s=7.0)),
        (answer(429, "QUOTA_EXCEEDED", headers={"Retry-After": "0"}), Retry("fcm QUOTA_EXCEEDED", after_s=0.0)),
        (answer(500, "INTERNAL"), Retry("fcm INTERNAL")),
        (answer(503, "UNAVAILABLE"), Retry("fcm UNAVAILABLE")),
        (answer(503, "UNAVAILABLE", headers={"Retry-After": "30"}), Retry("fcm UNAVAILABLE", after_s=30.0)),
    ],
)
def test_each_code_of_fcm_has_its_meaning(given_answer: Answer, expected: Outcome) -> None:
    assert outcome_of(given_answer) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Refused("fcm INVALID_ARGUMENT")),
        (401, Retry("fcm HTTP 401 SOME_STATUS", alarm=True)),
        (403, Retry("fcm HTTP 403 SOME_STATUS", alarm=True)),
        (404, Retry("fcm HTTP 404 SOME_STATUS", alarm=True)),
        (429, Retry("fcm QUOTA_EXCEEDED", after_s=60.0)),
        (500, Retry("fcm HTTP 500 SOME_STATUS")),
        (504, Unknown("fcm HTTP 504 SOME_STATUS")),
    ],
)
def test_an_answer_without_fcms_own_code_never_drops_a_token(status: int, expected: Outcome) -> None:
    assert outcome_of(answer(status)) == expected


def test_a_gateways_html_page_is_a_reason_to_back_off() -> None:
    page = b"<!DOCTYPE html><title>Error 502</title>"
    assert outcome_of(Answer(502, {"Content-Type": "text/html"}, page)) == Retry("fcm HTTP 502")


def test_acceptance_carries_the_message_name() -> None:
    assert outcome_of(Answer(200, {}, b'{"name":"projects/p/messages/1"}')) == Accepted("projects/p/messages/1")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"name":7}', b"<html>", b'{"name":"pro', b"\xff\xfe"])
def test_acceptance_that_cannot_be_read_is_unknown(body: bytes) -> None:
    assert isinstance(outcome_of(Answer(200, {}, body)), Unknown)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "details", "@type", "errorCode", "fieldViolations", "status", "name"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), json_values | st.just(FCM_ERROR))
def test_no_answer_raises_and_no_text_of_the_provider_gets_into_a_reason(status: int, value: Any) -> None:
    outcome = outcome_of(Answer(status, {}, msgspec.json.encode(value)))
    if not isinstance(outcome, Accepted):
        assert outcome.reason.startswith("fcm ")
        assert outcome.reason.isascii()
