from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.attempt import Answer
from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown
from notifiers.webpush.outcomes import ACCEPTED, BY_STATUS, outcome_of


def told(status: int, *, body: bytes = b"", **headers: str) -> Outcome:
    return outcome_of(Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body), "m1")


@pytest.mark.parametrize("status", [200, 201, 202])
def test_the_push_service_has_it_and_nobody_has_read_it_yet(status: int) -> None:
    assert told(status, body=b"anything") == Accepted("m1", delivered=False)


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_dropped(status: int) -> None:
    assert told(status) == Refused(f"webpush HTTP {status}: the subscription is gone", drop_address=True)


def test_a_token_that_is_not_believed_waits_for_the_operator() -> None:
    outcome = told(401)
    assert isinstance(outcome, Retry)
    assert outcome.alarm
    assert "webpush.private_key" in outcome.reason


def test_a_subscription_for_another_key_is_kept_and_the_operator_told() -> None:
    outcome = told(403)
    assert isinstance(outcome, Refused)
    assert (outcome.alarm, outcome.drop_address) == (True, False)


def test_too_large_is_no_fault_of_the_address() -> None:
    assert told(413) == Refused("webpush HTTP 413: larger than this push service takes")


@pytest.mark.parametrize(("headers", "wait"), [({}, 60.0), ({"Retry-After": "7"}, 7.0)])
def test_a_throttled_message_waits_as_it_was_asked_to(headers: dict[str, str], wait: float) -> None:
    assert outcome_of(Answer(429, headers, b""), "m1") == Retry("webpush HTTP 429", after_s=wait)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503])
def test_a_server_in_trouble_has_not_processed_it(status: int) -> None:
    assert told(status) == Retry(f"webpush HTTP {status}", after_s=None)
    assert told(status, Retry_After="12") == Retry(f"webpush HTTP {status}", after_s=12.0)


@pytest.mark.parametrize("status", [203, 204, 504, 520])
def test_what_may_have_been_processed_is_unknown(status: int) -> None:
    assert told(status) == Unknown(f"webpush HTTP {status}")


def test_a_redirect_is_not_followed() -> None:
    assert told(307, Location="http://169.254.169.254/") == Refused("webpush HTTP 307: redirects are not followed")


@given(st.integers(200, 599), st.binary(max_size=50))
def test_every_status_means_something_and_repeats_nothing_that_was_said(status: int, body: bytes) -> None:
    outcome = told(status, body=body, Location="https://canary.example.com")
    assert "canary" not in repr(outcome)
    refused_for_good = isinstance(outcome, Refused)
    assert refused_for_good == (300 <= status < 500 and status not in {401, 408, 425, 429})


def test_the_table_names_no_status_twice() -> None:
    assert not ACCEPTED & BY_STATUS.keys()
    assert all(HTTPStatus(status) for status in BY_STATUS)
