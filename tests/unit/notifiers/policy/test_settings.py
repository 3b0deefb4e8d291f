from __future__ import annotations

import pytest

from notifiers.policy import PolicySettings, QuietHours, parse_quiet_hours, policy_settings


def test_the_defaults_keep_promotions_out_of_the_night() -> None:
    hours = PolicySettings().quiet_hours_for("offers")
    assert str(hours) == "21:00-08:00"


def test_a_span_is_read() -> None:
    assert parse_quiet_hours(" 9:30 - 18:05 ") == QuietHours(570, 1085)


def test_never_is_no_span() -> None:
    assert parse_quiet_hours("Never") is None


@pytest.mark.parametrize("text", ["", "21-8", "21:00", "24:00-08:00", "21:60-08:00", "08:00-08:00", "from nine"])
def test_what_is_no_span_is_refused_with_its_purpose(text: str) -> None:
    with pytest.raises(ValueError, match=r"quiet_hours\.offers: "):
        policy_settings({"offers": text})


def test_changing_the_hours_keeps_the_severities_that_wake_people() -> None:
    hours = policy_settings({"maintenance": "23:00-06:00"}).quiet_hours_for("maintenance")
    assert hours == QuietHours(23 * 60, 6 * 60, frozenset({"critical", "major"}))


def test_who_is_woken_may_change_with_the_hours_or_without() -> None:
    critical = frozenset({"critical"})
    settings = policy_settings(
        {"service": "23:00-06:00"}, woken_by={"service": critical, "news": critical, "safety": critical}
    )
    assert settings.quiet_hours_for("service") == QuietHours(23 * 60, 6 * 60, critical)
    assert settings.quiet_hours_for("news") == QuietHours(21 * 60, 8 * 60, critical)
    assert settings.quiet_hours_for("safety") is None, "safety has no quiet hours, so nobody sleeps through it"


def test_caps_take_the_place_of_the_default_ones_and_vital_severities_are_laid_over_them() -> None:
    assert policy_settings(caps=()).caps == ()
    assert policy_settings().caps == PolicySettings().caps
    settings = policy_settings(vital={"maintenance": frozenset()})
    assert settings.vital == {**PolicySettings().vital, "maintenance": frozenset()}


def test_a_purpose_may_be_freed_and_the_others_stay() -> None:
    settings = policy_settings({"offers": "never"})
    assert settings.quiet_hours_for("offers") is None
    assert settings.quiet_hours_for("service") is not None


def test_minutes_outside_a_day_are_refused() -> None:
    with pytest.raises(ValueError, match="00:00 and 23:59"):
        QuietHours(1440, 60)
