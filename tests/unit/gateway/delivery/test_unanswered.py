"""What is said of an escalation that reached nobody, and which refusals mean that nobody can be told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.delivery.unanswered import NotUsed, account, can_be_told, in_words, not_used_in_words
from gateway.storage.messages_read import STATES, Message
from notifiers.policy import Reason, Suppression

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
PASSES = {
    *("expired", "recovered", "ended", "acknowledged", "snoozed", "inhibited", "late", "raised", "not_told"),
    *("open_fault", "cooldown", "frequency_cap", "holdout", "quiet_hours", "fires_again"),
}
"""Reasons for which nobody should be told, or not now: no matter for a case."""


def message(channel: str, state: str, **more: Any) -> Message:
    none = dict.fromkeys(Message.__struct_fields__)
    return Message(**{**none, "channel": channel, "state": state, "created_at": AT, **more})


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_says_whether_somebody_can_be_told(reason: Reason) -> None:
    assert can_be_told([Suppression(None, reason, "", {})]) == (reason.value in PASSES)


def test_who_can_be_told_on_one_channel_at_another_time_can_be_told() -> None:
    never, later = Suppression("sms", Reason.NO_CONSENT, "", {}), Suppression("push", Reason.COOLDOWN, "", {})
    assert can_be_told([never, later])
    assert not can_be_told([never, never])
    assert can_be_told([])


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_message_has_words(state: str) -> None:
    [tried] = account([message("sms", state, reason="no_route")], [])
    assert (tried.channel, tried.at, tried.state) == ("sms", AT, state)
    assert tried.said == {"failed": "failed: no route", "withdrawn": "taken back before it was sent: no route"}.get(
        state, tried.said
    )
    assert " " in tried.said


def test_the_account_names_each_message_then_each_channel_that_was_not_used() -> None:
    sent = [message("push", "accepted", first_sent_at=AT.replace(hour=10)), message("sms", "failed", reason="30006")]
    unused = [NotUsed("sms", "no_address", "They have none."), NotUsed("email", "no_consent", "They said no.")]
    assert in_words(account(sent, unused)) == (
        "Push on 2026-03-01 at 10:30 UTC: accepted by the provider, no answer. "
        "SMS on 2026-03-01 at 09:30 UTC: failed: 30006. "
        "Email was not used: They said no."
    )
    assert not_used_in_words([NotUsed(None, "no_customer", "Nobody owns it.")]) == "Nobody owns it."
