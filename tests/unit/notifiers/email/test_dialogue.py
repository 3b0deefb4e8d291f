"""What a mail server may do at each step of the dialogue, on a new connection and on one that was kept."""

from __future__ import annotations

import pytest

from notifiers.outcome import Accepted, Outcome, Refused, Retry, Unknown
from tests.unit.notifiers.email.test_notifier import ENVELOPE, GREET, TAKEN, message, notifying, scripted

CLOSING = b"421 4.3.2 closing\r\n"
LATER = b"451 4.3.0 later\r\n"
NEVER = b"550 5.1.1 no such mailbox\r\n"
STEPS: dict[str, list[bytes]] = {
    "greeting": [],
    "MAIL": GREET,
    "RCPT": [*GREET, *ENVELOPE[:1]],
    "DATA": [*GREET, *ENVELOPE[:2]],
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("said", [CLOSING, LATER, b"4xx\r\n", b"\r\n", b"99999 what\r\n"])
def test_what_is_said_for_now_before_the_content_is_a_reason_to_repeat(step: str, said: bytes) -> None:
    with scripted([*STEPS[step], said]) as port, notifying(port, host="127.0.0.1") as notifier:
        outcome = notifier.send(message("one"))
    assert isinstance(outcome, Retry)
    assert not outcome.alarm


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("greeting", Retry("smtp 550 5.1.1 to session", alarm=True)),
        ("MAIL", Retry("smtp 550 5.1.1 to sender", alarm=True)),
        ("RCPT", Refused("smtp 550 5.1.1 to recipient", drop_address=True)),
        ("DATA", Refused("smtp 550 5.1.1 to data")),
    ],
)
def test_a_no_for_good_concerns_the_mailbox_only_where_the_mailbox_was_named(step: str, expected: Outcome) -> None:
    with scripted([*STEPS[step], NEVER]) as port, notifying(port, host="127.0.0.1") as notifier:
        assert notifier.send(message("one")) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"421 4.3.2 closing\r\n", Retry),
        (b"452 4.3.1 full\r\n", Retry),
        (b"552 5.3.4 too big\r\n", Refused),
        (b"what?\r\n", Unknown),
        (b"354 go on\r\n", Unknown),
        (b"", Unknown),
    ],
)
def test_after_the_content_the_servers_word_counts_and_silence_is_unknown(said: bytes, expected: type[Outcome]) -> None:
    with scripted([*GREET, *ENVELOPE, said]) as port, notifying(port, host="127.0.0.1") as notifier:
        assert isinstance(notifier.send(message("one")), expected)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_kept_connection_that_is_closed_with_421_is_replaced_once_and_the_mail_goes_out(step: str) -> None:
    first = [*GREET, *ENVELOPE, *TAKEN]
    again = [*STEPS[step][len(GREET) :], CLOSING]
    with (
        scripted([*first, *again], [*GREET, *ENVELOPE, *TAKEN]) as port,
        notifying(port, host="127.0.0.1") as notifier,
    ):
        assert isinstance(notifier.send(message("one")), Accepted)
        assert isinstance(notifier.send(message("two")), Accepted)
