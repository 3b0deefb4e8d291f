"""What a frequency cap refused is told once, in the evening."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from gateway.delivery import steps
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import erasures
from notifiers.policy import Digest, policy_settings
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    engine,
    execute,
    means_of,
    resolved,
    rows,
)

__all__ = ["engine"]

pytestmark = pytest.mark.stack

EVENING = datetime.now(UTC).replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=1)
AFTERNOON = EVENING - timedelta(hours=2)
HOURS = dict.fromkeys(AT_ALL_HOURS, "never")
OFFERS = Digest(frozenset({"offers"}))


@pytest.fixture
def means(engine: Engine) -> Means:
    return told_by(engine, OFFERS)


def told_by(engine: Engine, digest: Digest) -> Means:
    found = means_of(engine, Settings(public_url="https://kizashi.example"))
    return found._replace(policy=policy_settings(HOURS, digest=digest))


def offers(count: int, **values: Any) -> list[Decision]:
    at = int(AFTERNOON.timestamp() * 1000)
    notify = NotifyAction("offer", ("push", "email"), expires_after_ms=values.pop("expires_after_ms", None))
    return [
        a_decision(
            f"o{n:02d}", purpose="offers", at=at + n * 300_000, notify=notify, summary=f"offer {n:02d}", **values
        )
        for n in range(count)
    ]


def decide_each(engine: Engine, means: Means, made: list[Decision]) -> None:
    for decision in made:
        decide(engine, means, decision, at=datetime.fromtimestamp(decision.at / 1000, UTC))
        # The caps count the rows' own times.
        execute(engine, "UPDATE messages SET created_at = :at", at=AFTERNOON)


def pacer(engine: Engine, means: Means, at: datetime = EVENING) -> Pacer:
    return Pacer(engine, means, lambda: at, lambda: None)


def told(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT channel, state, body FROM messages WHERE template = 'digest' ORDER BY created_at")


def test_twelve_offers_in_an_hour_are_two_messages_and_one_digest(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, made := offers(12))
    assert rows(engine, "SELECT count(*) FROM messages") == [(2,)]
    assert rows(engine, "SELECT count(*) FROM timeline WHERE reason = 'frequency_cap'") == [(10,)]
    assert not pacer(engine, means, EVENING - timedelta(seconds=1)).tell_once()

    assert pacer(engine, means).tell_once()
    [(channel, state, body)] = told(engine)
    assert (channel, state) == ("push", "queued")
    assert [f"offer {n:02d}" in body for n in range(12)] == [False] * 9 + [True] * 3, "a push has room for three"
    assert "And 7 more." in body
    [(detail,)] = rows(engine, "SELECT detail FROM timeline WHERE summary LIKE 'A digest of 10 %'")
    assert set(detail["decisions"]) == {decision.id for decision in made[2:]}

    assert not pacer(engine, means).tell_once(), "a second pacer finds nothing"
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]
    assert len(told(engine)) == 1


def test_what_is_over_or_has_expired_is_left_out_and_says_so(engine: Engine, means: Means) -> None:
    a_customer(engine)
    made = [*offers(5), *offers(6, expires_after_ms=60_000)[5:]]
    decide_each(engine, means, made)
    decide(engine, means, resolved(made[3], purpose="offers"), at=EVENING - timedelta(minutes=1))
    assert pacer(engine, means).tell_once()
    [(_, _, body)] = told(engine)
    assert [f"offer {n:02d}" in body for n in range(6)] == [False, False, True, False, True, False]
    left_out = "SELECT decision_id, reason FROM timeline WHERE summary LIKE 'Left out%' ORDER BY reason"
    assert rows(engine, left_out) == [(made[5].id, "expired"), (made[3].id, "recovered")]


def test_there_is_one_digest_a_day(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, offers(3))
    assert pacer(engine, means).tell_once()
    late = a_decision("late", purpose="offers", at=int(EVENING.timestamp() * 1000), notify=NotifyAction("offer"))
    decide(engine, means, late, at=EVENING)
    execute(engine, "UPDATE digest_items SET due_at = :at", at=EVENING)
    assert pacer(engine, means).tell_once()
    assert len(told(engine)) == 1
    assert rows(engine, "SELECT due_at FROM digest_items") == [(EVENING + timedelta(days=1),)]


def test_quiet_hours_hold_it_and_what_is_over_by_then_is_left_out(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, made := offers(4))
    asleep = means._replace(policy=policy_settings({"offers": "17:00-19:00"}, digest=OFFERS))
    assert pacer(engine, asleep).tell_once()
    assert rows(engine, "SELECT state FROM contacts WHERE request->>'digest' = 'true'") == [("held",)]
    decide(engine, means, resolved(made[2], purpose="offers"), at=EVENING)
    execute(engine, "UPDATE contacts SET due_at = CASE state WHEN 'held' THEN now() END")
    assert pacer(engine, asleep, EVENING + timedelta(hours=1)).look_once()
    [(_, _, body)] = told(engine)
    assert ("offer 02" in body, "offer 03" in body) == (False, True)


def test_a_digest_of_which_nothing_is_left_in_the_morning_is_withdrawn(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, made := offers(3))
    asleep = means._replace(policy=policy_settings({"offers": "17:00-19:00"}, digest=OFFERS))
    assert pacer(engine, asleep).tell_once()
    decide(engine, means, resolved(made[2], purpose="offers"), at=EVENING)
    execute(engine, "UPDATE contacts SET due_at = CASE state WHEN 'held' THEN now() END")
    assert pacer(engine, asleep, EVENING + timedelta(hours=1)).look_once()
    assert rows(engine, "SELECT state FROM contacts WHERE request->>'digest' = 'true'") == [("withdrawn",)]
    assert told(engine) == []


def test_by_default_there_is_none(engine: Engine) -> None:
    off = told_by(engine, Digest())
    a_customer(engine)
    decide_each(engine, off, offers(3))
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]
    assert not pacer(engine, off).tell_once()


def test_who_is_erased_takes_what_was_put_aside_along(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, offers(3))
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(1,)]
    with engine.begin() as connection:
        erasures.erase(connection, "hanako")
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]
    assert not pacer(engine, means).tell_once()


def test_a_held_offer_that_finds_the_cap_full_in_the_morning_is_told_by_digest(engine: Engine, means: Means) -> None:
    a_customer(engine)
    asleep = means._replace(policy=policy_settings({"offers": "15:00-17:00"}, digest=OFFERS))
    [held, *others] = offers(3)
    decide_each(engine, asleep, [held])
    decide_each(engine, means, others)
    execute(engine, "UPDATE contacts SET due_at = CASE state WHEN 'held' THEN now() END")
    assert pacer(engine, means, EVENING - timedelta(hours=1)).look_once()
    assert rows(engine, "SELECT decision_id, due_at FROM digest_items") == [(held.id, EVENING)]


def test_pacers_at_the_same_moment_make_one_digest(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, offers(6))
    begin = threading.Barrier(3)

    def tell() -> bool:
        begin.wait(10)
        return pacer(engine, means).tell_once()

    with ThreadPoolExecutor(3) as pool:
        found = [each.result(30) for each in [pool.submit(tell) for _ in range(3)]]
    assert any(found)
    assert len(told(engine)) == 1
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]


def test_what_our_own_code_fails_on_is_set_aside_and_lost_to_nobody(
    engine: Engine, means: Means, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_customer(engine)
    decide_each(engine, means, offers(3))
    with monkeypatch.context() as broken:
        broken.setattr(steps, "begin", lambda *_: 1 // 0)
        assert pacer(engine, means).tell_once()
        assert not pacer(engine, means).tell_once()
    assert told(engine) == []
    assert pacer(engine, means, EVENING + timedelta(minutes=5)).tell_once()
    assert len(told(engine)) == 1
