from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.attempt import Answer
from notifiers.outcome import Accepted, Outcome, Refused, Retry
from notifiers.webhook.outcomes import outcome_of


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_the_receivers_own_word_that_it_has_the_message(status: int) -> None:
    assert outcome_of(Answer(status, {}, b"whatever"), "m1") == Accepted("m1", delivered=True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (410, Refused("webhook HTTP 410: the endpoint wants no more", drop_address=True)),
        (302, Refused("webhook HTTP 302: redirects are not followed; put the final URL")),
        (307, Refused("webhook HTTP 307: redirects are not followed; put the final URL")),
        (400, Refused("webhook HTTP 400")),
        (401, Refused("webhook HTTP 401")),
        (404, Refused("webhook HTTP 404")),
        (408, Retry("webhook HTTP 408", after_s=9)),
        (425, Retry("webhook HTTP 425", after_s=9)),
        (429, Retry("webhook HTTP 429", after_s=9)),
        (500, Retry("webhook HTTP 500", after_s=9)),
        (503, Retry("webhook HTTP 503", after_s=9)),
    ],
)
def test_each_status_has_its_meaning(status: int, expected: Outcome) -> None:
    assert outcome_of(Answer(status, {"Retry-After": "9"}, b""), "m1") == expected


@given(st.integers(100, 999), st.binary(max_size=200))
def test_an_address_is_dropped_for_410_alone_and_no_answer_is_quoted(status: int, body: bytes) -> None:
    outcome = outcome_of(Answer(status, {}, b"canary" + body), "m1")
    assert isinstance(outcome, Refused) or status != 410
    assert not isinstance(outcome, Refused) or outcome.drop_address == (status == 410)
    assert "canary" not in repr(outcome)
