from __future__ import annotations

import msgspec
import pytest

from notifiers.policy import History, PolicySettings, Reason, plan
from tests.unit.notifiers.policy.asking import (
    CHANNELS,
    NOON,
    channels_of,
    customer,
    millis,
    planned,
    reasons_of,
    request,
)

HOUR = 3_600_000
NIGHT = millis("2026-06-03 23:30")


def test_a_consenting_customer_is_told_on_each_channel_in_the_rules_order() -> None:
    made = planned(channels=("email", "push"))
    assert channels_of(made) == ["email", "push"]
    assert made.steps[1].addresses == ("token-a", "token-b")
    assert (made.suppressions, made.hold_until_ms, made.held, made.notes) == ((), None, None, ())


def test_without_a_rules_order_the_customers_preference_counts() -> None:
    assert channels_of(planned(to=customer(preferred_channels=("sms", "push")), channels=())) == ["sms", "push"]


def test_without_any_preference_the_gateways_order_counts() -> None:
    assert channels_of(planned(channels=())) == list(CHANNELS)


def test_a_channel_named_twice_is_tried_once() -> None:
    assert channels_of(planned(channels=("sms", "sms"))) == ["sms"]


def test_a_device_without_an_owner_has_nobody_to_tell() -> None:
    made = plan(request(), None, History(), PolicySettings(), NOON)
    assert reasons_of(made) == {None: "no_customer"}
    assert made.suppressions[0].inputs == {"device_id": "chiller-7"}
    assert made.steps == ()


def test_a_gateway_without_channels_says_so() -> None:
    assert reasons_of(planned(channels=(), settings=PolicySettings(channels=()))) == {None: "no_channel"}


def test_a_channel_that_is_not_set_up_is_refused_and_the_others_go_on() -> None:
    made = planned(channels=("fax", "push"))
    assert reasons_of(made) == {"fax": "unknown_channel"}
    assert channels_of(made) == ["push"]


class TestConsent:
    def test_silence_is_no_consent(self) -> None:
        made = planned(to=customer(consents={}))
        assert reasons_of(made) == dict.fromkeys(CHANNELS, "no_consent")
        assert made.suppressions[0].inputs == {"purpose": "maintenance", "channel": "push", "consent": None}

    def test_it_is_asked_per_purpose_and_channel(self) -> None:
        made = planned(to=customer(consents={"maintenance": {"push": False, "sms": True}, "offers": {"email": True}}))
        assert channels_of(made) == ["sms"]
        assert reasons_of(made) == {"push": "no_consent", "email": "no_consent"}
        assert "refused" in made.suppressions[0].detail

    @pytest.mark.parametrize("word", ["true", 1, {"yes": True}, None])
    def test_only_a_plain_yes_counts(self, word: object) -> None:
        made = planned(to=customer(consents={"maintenance": {"push": word}}), channels=("push",))
        assert reasons_of(made) == {"push": "no_consent"}

    def test_a_purpose_whose_record_is_no_object_is_no_consent(self) -> None:
        made = planned(to=customer(consents={"maintenance": "sign-up form"}), channels=("push",))
        assert reasons_of(made) == {"push": "no_consent"}

    def test_safety_needs_no_prior_consent(self) -> None:
        assert channels_of(planned(purpose="safety", to=customer(consents={}))) == list(CHANNELS)

    def test_but_a_refusal_counts_for_safety_too(self) -> None:
        made = planned(purpose="safety", to=customer(consents={"safety": {"sms": False}}))
        assert channels_of(made) == ["push", "email"]
        assert reasons_of(made) == {"sms": "no_consent"}


class TestTheMomentOfTruth:
    def test_a_message_at_its_expiry_is_too_late(self) -> None:
        late = planned(expires_after_ms=HOUR, now_ms=NOON + HOUR)
        assert reasons_of(late) == {None: "expired"}
        assert late.expires_at_ms == NOON + HOUR
        assert channels_of(planned(expires_after_ms=HOUR, now_ms=NOON + HOUR - 1)) == list(CHANNELS)

    def test_an_offer_expires_after_a_day_where_its_rule_is_silent(self) -> None:
        assert planned(purpose="offers").expires_at_ms == NOON + 24 * HOUR
        assert planned().expires_at_ms is None

    @pytest.mark.parametrize("transition", ["firing", "repeat"])
    def test_what_recovered_meanwhile_is_withdrawn(self, transition: str) -> None:
        made = planned(transition=transition, history=History(alert_active=False))
        assert reasons_of(made) == {None: "recovered"}

    def test_an_all_clear_goes_to_those_who_were_told(self) -> None:
        told = planned(transition="resolved", history=History(alert_active=False, was_told=True))
        assert channels_of(told) == list(CHANNELS)

    def test_and_to_nobody_else(self) -> None:
        untold = planned(transition="resolved", history=History(alert_active=False, was_told=False))
        assert reasons_of(untold) == {None: "not_told"}


class TestOpenFault:
    def test_it_silences_offers(self) -> None:
        assert reasons_of(planned(purpose="offers", history=History(open_fault=True))) == {None: "open_fault"}

    def test_it_does_not_silence_maintenance(self) -> None:
        assert channels_of(planned(history=History(open_fault=True))) == list(CHANNELS)


class TestCooldown:
    history = History(last_contact_at_ms=NOON - HOUR)

    def test_within_it_the_rule_stays_silent(self) -> None:
        made = planned(cooldown_ms=HOUR + 1, history=self.history)
        assert reasons_of(made) == {None: "cooldown"}
        assert made.suppressions[0].inputs["free_at_ms"] == NOON + 1

    def test_it_ends_on_the_millisecond(self) -> None:
        assert channels_of(planned(cooldown_ms=HOUR, history=self.history)) == list(CHANNELS)

    def test_a_rule_without_one_is_not_limited(self) -> None:
        assert channels_of(planned(history=History(last_contact_at_ms=NOON))) == list(CHANNELS)

    def test_the_all_clear_is_exempt(self) -> None:
        history = History(last_contact_at_ms=NOON, was_told=True, alert_active=False)
        assert planned(cooldown_ms=HOUR, transition="resolved", history=history).steps


class TestHoldout:
    def test_everybody_is_held_out_at_100_percent(self) -> None:
        made = planned(holdout_percent=100)
        assert reasons_of(made) == {None: "holdout"}
        assert made.suppressions[0].inputs["holdout_percent"] == 100

    def test_whoever_could_not_be_contacted_anyway_is_not_in_the_control_group(self) -> None:
        made = planned(holdout_percent=100, to=customer(consents={}))
        assert set(reasons_of(made).values()) == {"no_consent"}

    def test_the_refused_channels_stay_on_record_beside_it(self) -> None:
        made = planned(holdout_percent=100, channels=("fax", "push"))
        assert reasons_of(made) == {"fax": "unknown_channel", None: "holdout"}

    def test_nobody_experiments_with_safety(self) -> None:
        assert planned(purpose="safety", holdout_percent=100).steps


class TestNight:
    def test_an_offer_waits_until_eight(self) -> None:
        made = planned(purpose="offers", now_ms=NIGHT, decided_at_ms=NIGHT)
        assert made.hold_until_ms == millis("2026-06-04 08:00")
        assert channels_of(made) == list(CHANNELS)
        assert made.held is not None
        assert made.held.reason is Reason.QUIET_HOURS
        assert "2026-06-04 08:00 (Asia/Tokyo)" in made.held.detail
        assert made.suppressions == ()

    def test_a_minor_fault_waits_until_seven(self) -> None:
        assert planned(severity="minor", now_ms=NIGHT).hold_until_ms == millis("2026-06-04 07:00")

    @pytest.mark.parametrize("severity", ["major", "critical"])
    def test_a_grave_fault_does_not_wait(self, severity: str) -> None:
        assert planned(severity=severity, now_ms=NIGHT).hold_until_ms is None

    def test_its_all_clear_does(self) -> None:
        history = History(was_told=True, alert_active=False)
        made = planned(transition="resolved", severity="critical", now_ms=NIGHT, history=history)
        assert made.hold_until_ms == millis("2026-06-04 07:00")

    def test_an_urgent_promotion_is_still_a_promotion(self) -> None:
        made = planned(purpose="offers", severity="critical", now_ms=NIGHT, decided_at_ms=NIGHT)
        assert made.hold_until_ms is not None

    def test_safety_never_waits(self) -> None:
        assert planned(purpose="safety", severity="info", now_ms=NIGHT).hold_until_ms is None

    def test_a_purpose_nobody_named_is_treated_as_a_promotion(self) -> None:
        agreed = customer(consents={"newsletter": {"email": True}})
        made = planned(purpose="newsletter", to=agreed, channels=("email",), now_ms=NIGHT)
        assert made.hold_until_ms == millis("2026-06-04 08:00")

    def test_an_offer_that_expires_before_morning_is_refused_now(self) -> None:
        made = planned(purpose="offers", now_ms=NIGHT, decided_at_ms=NIGHT, expires_after_ms=30 * 60_000)
        assert reasons_of(made) == {None: "quiet_hours"}
        assert made.suppressions[0].inputs["expires_at_ms"] == NIGHT + 30 * 60_000
        assert (made.steps, made.hold_until_ms, made.held) == ((), None, None)

    def test_planning_again_at_release_sends(self) -> None:
        held = planned(purpose="offers", now_ms=NIGHT, decided_at_ms=NIGHT)
        assert held.hold_until_ms is not None
        released = planned(purpose="offers", now_ms=held.hold_until_ms, decided_at_ms=NIGHT)
        assert (released.hold_until_ms, channels_of(released)) == (None, list(CHANNELS))

    def test_planning_again_at_release_withdraws_what_recovered(self) -> None:
        morning = millis("2026-06-04 07:00")
        assert reasons_of(planned(severity="minor", now_ms=morning, history=History(alert_active=False))) == {
            None: "recovered"
        }

    def test_an_unknown_time_zone_falls_back_to_the_stores_and_says_so(self) -> None:
        made = planned(
            purpose="offers", now_ms=NIGHT, decided_at_ms=NIGHT,
            to=customer(time_zone="Mars/Base"), store_time_zone="Europe/London",
        )  # fmt: skip
        assert made.hold_until_ms is None
        assert made.notes == ("The customer's time zone 'Mars/Base' is not known; Europe/London was used.",)

    @pytest.mark.parametrize("name", ["", "Europe", "../etc/passwd", "x" * 5000, "\0"])
    def test_without_any_known_zone_it_is_utc(self, name: str) -> None:
        made = planned(purpose="offers", to=customer(time_zone=name), store_time_zone=name)
        assert len(made.notes) == 1
        assert made.notes[0].endswith("UTC was used.")

    def test_the_operator_may_name_another_last_resort(self) -> None:
        made = planned(
            purpose="offers", now_ms=NIGHT, decided_at_ms=NIGHT,
            to=customer(time_zone=""), settings=PolicySettings(time_zone="Asia/Tokyo"),
        )  # fmt: skip
        assert made.hold_until_ms == millis("2026-06-04 08:00")


def test_a_plan_can_be_written_as_json() -> None:
    made = planned(purpose="offers", channels=("fax", "push"), now_ms=NIGHT, decided_at_ms=NIGHT)
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made
