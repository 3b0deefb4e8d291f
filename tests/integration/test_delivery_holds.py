"""Held over the night, and looked at again before anything goes out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import consents
from notifiers.policy import policy_settings
from rules.decision import NotifyAction
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    execute,
    means_of,
    resolved,
    rows,
)

pytestmark = pytest.mark.stack

NIGHT = datetime(2026, 3, 3, 23, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 4, 8, 0, 1, tzinfo=UTC)


@pytest.fixture
def means(engine: Engine) -> Means:
    """Offers rest from 21:00 to 08:00 UTC."""
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings({**dict.fromkeys(AT_ALL_HOURS, "never"), "offers": "21:00-08:00"}))


def an_offer(**values: Any) -> Any:
    notify = NotifyAction("offer", ("push", "email"), expires_after_ms=values.pop("expires_after_ms", None))
    return a_decision("offer", purpose="offers", at=int(NIGHT.timestamp() * 1000), notify=notify, **values)


def in_the_morning(engine: Engine, means: Means, at: datetime = MORNING) -> None:
    """The time of release has come, for the database's clock too."""
    execute(engine, "UPDATE contacts SET due_at = now() WHERE due_at <= :at", at=at)
    Pacer(engine, means, lambda: at, lambda: None).look_once()


def test_an_offer_at_night_is_held_and_says_until_when(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(), at=NIGHT)
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("held", MORNING - timedelta(seconds=1))]
    assert rows(engine, "SELECT count(*) FROM messages") == [(0,)]
    [(kind, reason, detail)] = rows(engine, "SELECT kind, reason, detail FROM timeline WHERE kind = 'suppression'")
    assert (kind, reason) == ("suppression", "quiet_hours")
    assert detail["inputs"]["time_zone"] == "UTC"
    assert detail["rule_version"] == "v1"


def test_in_the_morning_it_is_sent(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(), at=NIGHT)
    in_the_morning(engine, means)
    assert rows(engine, "SELECT state FROM contacts") == [("active",)]
    assert rows(engine, "SELECT channel, state FROM messages") == [("push", "queued")]


def test_what_has_recovered_over_the_night_is_withdrawn_with_its_reason(engine: Engine, means: Means) -> None:
    a_customer(engine)
    offer = an_offer()
    decide(engine, means, offer, resolved(offer), at=NIGHT)
    assert rows(engine, "SELECT state, due_at FROM contacts") == [("withdrawn", None)]
    assert rows(engine, "SELECT reason FROM timeline WHERE kind = 'decision'") == [("recovered",)]
    assert rows(engine, "SELECT count(*) FROM messages") == [(0,)]


def test_a_recovery_that_nobody_announced_is_noticed_at_release(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(), at=NIGHT)
    execute(engine, "UPDATE alerts SET state = 'resolved'")
    in_the_morning(engine, means)
    assert rows(engine, "SELECT state FROM contacts") == [("withdrawn",)]
    assert ("recovered",) in rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'")


def test_consent_withdrawn_over_the_night_counts(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(), at=NIGHT)
    with engine.begin() as connection:
        for channel in ("push", "email"):
            consents.withdraw(connection, "hanako", purpose="offers", channel=channel, source="call")
    in_the_morning(engine, means)
    assert rows(engine, "SELECT state FROM contacts") == [("withdrawn",)]
    assert rows(engine, "SELECT count(*) FROM messages") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE reason = 'no_consent' AND kind = 'suppression'") == [(2,)]


def test_an_open_fault_over_the_night_silences_the_offer(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(), at=NIGHT)
    decide(engine, means, a_decision("fault", rule_id="leak", notify=None), at=NIGHT)
    in_the_morning(engine, means)
    assert rows(engine, "SELECT state FROM contacts") == [("withdrawn",)]
    assert ("open_fault",) in rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'")


def test_what_expired_over_the_night_is_not_sent(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide(engine, means, an_offer(expires_after_ms=10 * 3_600_000), at=NIGHT)
    in_the_morning(engine, means, MORNING + timedelta(hours=3))
    assert rows(engine, "SELECT state FROM contacts") == [("expired",)]


def test_deciding_again_after_a_crash_changes_nothing(engine: Engine, means: Means) -> None:
    a_customer(engine)
    day = a_decision("again")
    decide(engine, means, day)
    before = rows(engine, "SELECT id FROM contacts UNION ALL SELECT id FROM messages UNION ALL SELECT id FROM timeline")
    execute(engine, "DELETE FROM decisions")
    decide(engine, means, day)
    after = rows(engine, "SELECT id FROM contacts UNION ALL SELECT id FROM messages UNION ALL SELECT id FROM timeline")
    assert sorted(after) == sorted(before)


def test_a_second_offer_within_the_cooldown_is_suppressed(engine: Engine, means: Means) -> None:
    a_customer(engine)
    offers = [
        a_decision(f"o{n}", purpose="offers", rule_id="welcome", cooldown_ms=604_800_000, notify=NotifyAction("offer"))
        for n in range(2)
    ]
    decide(engine, means, *offers, at=datetime.fromtimestamp(offers[0].at / 1000, UTC).replace(hour=12))
    assert rows(engine, "SELECT count(*) FROM contacts") == [(1,)]
    assert rows(engine, "SELECT reason FROM timeline WHERE kind = 'suppression'") == [("cooldown",)]


def test_a_device_without_an_owner_writes_no_timeline(engine: Engine, means: Means) -> None:
    decide(engine, means, a_decision("orphan", customer_id=None))
    assert rows(engine, "SELECT count(*) FROM timeline") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM contacts") == [(0,)]


def test_what_still_waits_for_its_provider_when_the_night_begins_does_not_leave_in_the_night(engine: Engine) -> None:
    a_customer(engine)
    evening = NIGHT.replace(hour=21, minute=50) - timedelta(days=1)
    means = means_of(engine, Settings(public_url="https://kizashi.example"))
    means = means._replace(policy=policy_settings({"maintenance": "22:00-07:00"}))
    notify = NotifyAction("alert", ("push", "sms"), escalate_after_ms=900_000)
    decide(engine, means, a_decision(severity="minor", at=int(evening.timestamp() * 1000), notify=notify), at=evening)
    execute(engine, "UPDATE contacts SET due_at = now()")
    assert Pacer(engine, means, lambda: evening + timedelta(minutes=15), lambda: None).look_once()
    assert rows(engine, "SELECT state FROM contacts") == [("held",)]
    assert rows(engine, "SELECT channel, state, reason FROM messages") == [("push", "withdrawn", "quiet_hours")]
    execute(engine, "UPDATE contacts SET due_at = now()")
    assert Pacer(engine, means, lambda: evening + timedelta(hours=10), lambda: None).look_once()
    assert rows(engine, "SELECT channel, state FROM messages ORDER BY step") == [
        ("push", "withdrawn"),
        ("push", "queued"),
    ]
