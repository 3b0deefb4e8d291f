from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.email.outcomes import Step, outcome_of
from notifiers.outcome import Outcome, Refused, Retry, Unknown

RCPT, DATA, FROM, SESSION = Step.RECIPIENT, Step.CONTENT, Step.SENDER, Step.SESSION


@pytest.mark.parametrize(
    ("step", "code", "text", "expected"),
    [
        (RCPT, 450, b"4.2.1 busy", Retry("smtp 450 4.2.1 to recipient")),
        (RCPT, 451, b"try later", Retry("smtp 451 to recipient")),
        (RCPT, 452, b"4.2.2 full", Retry("smtp 452 4.2.2 to recipient")),
        (RCPT, 550, b"5.1.1 no such user", Refused("smtp 550 5.1.1 to recipient", drop_address=True)),
        (RCPT, 550, b"no such user", Refused("smtp 550 to recipient", drop_address=True)),
        (RCPT, 553, b"5.1.3 bad syntax", Refused("smtp 553 5.1.3 to recipient", drop_address=True)),
        (RCPT, 550, b"5.2.1 disabled", Refused("smtp 550 5.2.1 to recipient", drop_address=True)),
        (RCPT, 552, b"5.2.2 full", Refused("smtp 552 5.2.2 to recipient")),
        (RCPT, 550, b"5.7.1 we do not like you", Refused("smtp 550 5.7.1 to recipient", alarm=True)),
        (DATA, 554, b"5.7.1 spam", Refused("smtp 554 5.7.1 to content", alarm=True)),
        (DATA, 550, b"5.1.1 too late for that", Refused("smtp 550 5.1.1 to content")),
        (DATA, 451, b"4.3.0 local error", Retry("smtp 451 4.3.0 to content")),
        (DATA, 299, b"eh", Unknown("smtp 299 to content")),
        (DATA, -1, b"", Unknown("smtp -1 to content")),
        (FROM, 530, b"5.7.0 log in first", Retry("smtp 530 5.7.0 to sender", alarm=True)),
        (FROM, 550, b"5.1.8 bad sender", Retry("smtp 550 5.1.8 to sender", alarm=True)),
        (SESSION, 535, b"5.7.8 bad password", Retry("smtp 535 5.7.8 to session", alarm=True)),
        (SESSION, 421, b"4.3.2 closing", Retry("smtp 421 4.3.2 to session")),
        (SESSION, -1, b"", Retry("smtp -1 to session")),
    ],
)
def test_each_reply_has_its_meaning_at_its_step(step: Step, code: int, text: bytes, expected: Outcome) -> None:
    assert outcome_of(step, code, text) == expected


@given(st.sampled_from(Step), st.integers(-1, 999), st.binary(max_size=40))
def test_no_text_of_the_server_gets_into_a_reason(step: Step, code: int, text: bytes) -> None:
    outcome = outcome_of(step, code, b"yuki@example.com " + text)
    assert isinstance(outcome, Retry | Refused | Unknown)
    assert outcome.reason == f"smtp {code} to {step.value}"
