"""What is gathered for a digest, when it is told, and which caps it passes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from notifiers.policy import Begun, Cap, Digest, History, PolicySettings, Reason, Suppression, plan, policy_settings
from notifiers.policy.digest import minute_of
from notifiers.policy.gathering import due_ms, is_gathered, is_kept
from notifiers.policy.night import next_at_ms
from tests.unit.notifiers.policy.asking import NOON, customer, millis, request

EVENING = policy_settings(digest=Digest(frozenset({"service"})))
FULL = Suppression(None, Reason.FREQUENCY_CAP, "", {})


def gathered(*refused: Suppression, settings: PolicySettings = EVENING, **changes: object) -> bool:
    return is_gathered(request(**{"purpose": "service", **changes}), customer(), refused, settings)


def test_what_a_cap_refuses_as_a_whole_is_gathered() -> None:
    assert gathered(FULL)


@pytest.mark.parametrize("transition", ["lowered", "resolved"])
def test_what_was_not_to_be_said_anew_is_not(transition: str) -> None:
    assert not gathered(FULL, transition=transition)


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.FREQUENCY_CAP])
def test_no_other_refusal_is_gathered(reason: Reason) -> None:
    assert not gathered(Suppression(None, reason, "", {}))


def test_a_cap_of_one_channel_gathers_nothing() -> None:
    assert not gathered(Suppression("push", Reason.FREQUENCY_CAP, "", {}))


def test_by_default_nothing_is_gathered() -> None:
    assert not gathered(FULL, settings=PolicySettings())
    assert not gathered(FULL, purpose="offers")


def test_a_control_group_is_not_told_by_digest_and_a_digest_is_not_gathered_again() -> None:
    assert not gathered(FULL, holdout_percent=100.0)
    assert not gathered(FULL, digest=True)


@pytest.mark.parametrize("reason", list(Reason))
def test_what_may_be_gone_by_tomorrow_keeps_a_digest_and_nothing_else_does(reason: Reason) -> None:
    passes = {"frequency_cap", "budget_used_up", "number_cap", "prefix_cap", "quiet_hours"}
    assert is_kept([("push", reason)]) == is_kept([(None, reason)]) == (reason.value in passes)


def test_one_channel_that_may_be_free_tomorrow_is_enough_unless_the_whole_is_refused() -> None:
    assert is_kept([("push", "no_consent"), ("sms", "budget_used_up")])
    assert not is_kept([("sms", "budget_used_up"), (None, "open_fault")])
    assert not is_kept([])


def test_a_digest_passes_the_caps_of_whole_contacts_and_no_others() -> None:
    whole, push = Cap(1, 1000, "service"), Cap(1, 1000, "service", "push")
    settings = policy_settings(caps=(whole, push))
    past = History(begun=(Begun(whole, (NOON,)), Begun(push, (NOON,))))
    someone = customer()
    asked = request(purpose="service", severity="info")
    assert plan(asked, someone, past, settings, NOON).steps == ()
    found = plan(request(purpose="service", severity="info", digest=True), someone, past, settings, NOON)
    assert [step.channel for step in found.steps] == ["sms", "email"]
    assert [(no.channel, no.reason) for no in found.suppressions] == [("push", Reason.FREQUENCY_CAP)]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ("2026-06-03 12:00", "2026-06-03 18:00"),
        ("2026-06-03 17:59", "2026-06-03 18:00"),
        ("2026-06-03 18:00", "2026-06-04 18:00"),
        ("2026-06-03 23:59", "2026-06-04 18:00"),
        ("2026-06-03 05:30", "2026-06-03 18:00"),
    ],
)
def test_it_is_told_at_the_next_such_time_of_the_customers_clock(now: str, told: str) -> None:
    assert due_ms(request(), customer(time_zone="Asia/Tokyo"), EVENING, millis(now)) == millis(told)


@pytest.mark.parametrize(
    ("now", "at", "told"),
    [
        # Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
        ("2026-03-28T20:00+01:00", "18:00", "2026-03-29T18:00+02:00"),
        ("2026-03-28T20:00+01:00", "02:30", "2026-03-29T03:00+02:00"),
        ("2026-03-29T12:00+02:00", "02:30", "2026-03-30T02:30+02:00"),
        ("2026-10-24T20:00+02:00", "18:00", "2026-10-25T18:00+01:00"),
        ("2026-10-24T20:00+02:00", "02:30", "2026-10-25T02:30+02:00"),
        ("2026-10-25T12:00+01:00", "02:30", "2026-10-26T02:30+01:00"),
    ],
)
def test_a_change_of_clocks_moves_it_with_the_clock(now: str, at: str, told: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = next_at_ms(int(datetime.fromisoformat(now).timestamp() * 1000), minute_of(at), berlin)
    assert datetime.fromtimestamp(found / 1000, UTC) == datetime.fromisoformat(told)
