from __future__ import annotations

from typing import Any

import pytest

from notifiers.policy import Begun, Cap, History, Plan, PolicySettings
from tests.unit.notifiers.policy.asking import CHANNELS, NOON, channels_of, planned, reasons_of

HOUR = 3_600_000
DAY = 24 * HOUR
TWO_A_DAY = Cap(2, DAY, "offers")
TWICE = (NOON - HOUR, NOON - 2 * HOUR)


def with_begun(cap: Cap, *at_ms: int, **changes: Any) -> Plan:
    changes.setdefault("purpose", "offers")
    return planned(history=History(begun=(Begun(cap, at_ms),), was_told=True), **changes)


def test_a_full_cap_refuses_the_contact_with_what_it_looked_at() -> None:
    made = with_begun(TWO_A_DAY, *TWICE)
    assert reasons_of(made) == {None: "frequency_cap"}
    assert made.suppressions[0].detail == (
        "The customer was contacted as often as is allowed: 2 contacts of purpose offers in 1 day."
    )
    assert made.suppressions[0].inputs == {
        "purpose": "offers", "channel": None, "at_most": 2, "per_ms": DAY, "begun": 2,
        "free_at_ms": NOON - 2 * HOUR + DAY, "now_ms": NOON,
    }  # fmt: skip


def test_one_less_passes() -> None:
    assert channels_of(with_begun(TWO_A_DAY, NOON - HOUR)) == list(CHANNELS)


def test_it_is_free_again_on_the_millisecond() -> None:
    oldest = NOON - DAY
    assert with_begun(TWO_A_DAY, NOON - HOUR, oldest).steps
    assert reasons_of(with_begun(TWO_A_DAY, NOON - HOUR, oldest + 1)) == {None: "frequency_cap"}


def test_what_another_machine_dates_ahead_counts() -> None:
    assert reasons_of(with_begun(TWO_A_DAY, NOON + 50, NOON + 20)) == {None: "frequency_cap"}


def test_a_cap_of_one_channel_leaves_the_others() -> None:
    made = with_begun(Cap(2, DAY, "offers", "push"), *TWICE)
    assert channels_of(made) == ["sms", "email"]
    assert reasons_of(made) == {"push": "frequency_cap"}


def test_a_cap_of_another_purpose_does_not_concern_it() -> None:
    assert with_begun(TWO_A_DAY, *TWICE, purpose="service").steps


def test_a_cap_without_a_purpose_concerns_all() -> None:
    assert reasons_of(with_begun(Cap(2, DAY), *TWICE, purpose="service")) == {None: "frequency_cap"}


@pytest.mark.parametrize("asked", [{"purpose": "safety", "severity": "info"}, {"severity": "critical"}])
def test_vital_messages_pass_and_say_so(asked: dict[str, str]) -> None:
    made = with_begun(Cap(1, DAY), *TWICE, **{"purpose": "maintenance", **asked})
    assert channels_of(made) == list(CHANNELS)
    assert len(made.notes) == 1
    assert made.notes[0].startswith("The frequency cap of 1 contact in 1 day is reached; ")


def test_they_say_so_for_a_cap_of_a_channel_too() -> None:
    made = with_begun(Cap(1, DAY, channel="sms"), *TWICE, purpose="safety")
    assert made.notes == (
        "The frequency cap of 1 contact by SMS in 1 day is reached; safety of severity major passes it.",
    )


def test_a_critical_promotion_is_still_a_promotion() -> None:
    assert reasons_of(with_begun(TWO_A_DAY, *TWICE, severity="critical")) == {None: "frequency_cap"}


def test_the_operator_says_what_is_vital() -> None:
    vital = PolicySettings(vital={"maintenance": frozenset({"major"})})
    assert with_begun(Cap(1, DAY), *TWICE, purpose="maintenance", settings=vital).steps
    assert not with_begun(Cap(1, DAY), *TWICE, purpose="safety", settings=vital).steps


def test_an_all_clear_passes_without_a_word() -> None:
    made = with_begun(Cap(1, DAY), *TWICE, purpose="maintenance", transition="resolved")
    assert made.steps
    assert made.notes == ()


@pytest.mark.parametrize(("at_most", "per_ms"), [(0, DAY), (1, 0), (-1, DAY)])
def test_a_cap_that_says_nothing_is_refused(at_most: int, per_ms: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        Cap(at_most, per_ms)


@pytest.mark.parametrize(
    ("cap", "words"),
    [
        (Cap(2, DAY, "offers", "push"), "2 contacts of purpose offers by push in 1 day"),
        (Cap(5, 7 * DAY), "5 contacts in 7 days"),
        (Cap(5, 90 * 60_000), "5 contacts in 90 minutes"),
        (Cap(5, 1500), "5 contacts in 1.5 seconds"),
    ],
)
def test_a_cap_says_itself_in_words(cap: Cap, words: str) -> None:
    assert str(cap) == words
