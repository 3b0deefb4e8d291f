"""A test goes to one address of one's own, says that it is a test, and a few a minute are enough."""

from __future__ import annotations

import json

import pytest

from gateway.delivery.trial_sends import AddressError, TooManyTestsError, TrialSends, checked
from notifiers.outcome import Accepted, CannotTell, Outcome, Outgoing, Settlement
from notifiers.sandbox.webpush import subscription_of
from notifiers.subscription import read, written
from notifiers.templates import Preview, Templates, example, preview

TEMPLATES = Templates.load()


def shown(channel: str) -> Preview:
    return preview(TEMPLATES, "alert", channel, "en", example("example", "en"))


class Remembering:
    """A notifier that keeps what it was given."""

    provider = "none"

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.sent: list[Outgoing] = []

    def send(self, message: Outgoing) -> Outcome:
        self.sent.append(message)
        return Accepted("p1")

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        return CannotTell()


BROWSER = written(read(json.dumps(subscription_of("https://push.example.com", "one"))))


@pytest.mark.parametrize(
    ("channel", "to"),
    [("push", "token"), ("sms", "+819012345678"), ("email", "a@example.com"), ("webpush", BROWSER)],
)
def test_it_says_that_it_is_a_test_where_the_reader_sees_it_first(channel: str, to: str) -> None:
    notifier = Remembering(channel)
    TrialSends(lambda: {channel: notifier}).send(shown(channel), to)
    (message,) = notifier.sent
    assert message.to == to
    assert (message.text if channel == "sms" else message.title).startswith("[Test] ")
    assert message.unsubscribe_url is None
    assert message.status_callback is None


def test_two_tests_are_never_taken_for_one() -> None:
    notifier = Remembering("push")
    trials = TrialSends(lambda: {"push": notifier})
    for _ in range(2):
        trials.send(shown("push"), "token")
    assert len({message.message_id for message in notifier.sent}) == 2


def test_after_a_few_the_next_has_to_wait_and_nothing_is_sent_meanwhile() -> None:
    waits = [0.0, 0.0, 7.5, 0.0]
    notifier = Remembering("push")
    trials = TrialSends(lambda: {"push": notifier}, take=lambda: waits.pop(0))
    for _ in range(2):
        trials.send(shown("push"), "token")
    with pytest.raises(TooManyTestsError, match="wait 8 s") as refused:
        trials.send(shown("push"), "token")
    assert refused.value.after_s == 7.5
    assert len(notifier.sent) == 2
    trials.send(shown("push"), "token")
    assert len(notifier.sent) == 3


def test_a_wrong_address_counts_for_nothing_and_nothing_is_built_for_it() -> None:
    def build() -> dict[str, Remembering]:
        raise AssertionError("no notifier is needed")

    def take() -> float:
        raise AssertionError("nothing is counted")

    with pytest.raises(AddressError):
        TrialSends(build, take=take).send(shown("sms"), "12")


@pytest.mark.parametrize(
    ("channel", "to", "said"),
    [
        ("sms", "090", "must start with"),
        ("sms", "+449012345678", "premium"),
        ("email", "a@b\r\nBcc: c@d.example", "is not a mailbox"),
        ("push", "two words", "is not a push token"),
        ("webhook", "https://example.com", "nothing can be sent as a test by 'webhook'"),
    ],
)
def test_what_is_no_address_is_refused(channel: str, to: str, said: str) -> None:
    with pytest.raises(AddressError, match=said):
        checked(channel, to)


def test_countries_to_which_no_sms_go_get_no_test_either() -> None:
    assert checked("sms", "+81 90 1234 5678", {"JP"}) == "+819012345678"
    with pytest.raises(AddressError, match="is in GB"):
        checked("sms", "+447400123456", {"JP"})
