"""What a frequency cap refused is told once, in the evening."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from gateway.delivery import steps
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.settings import Settings
from gateway.storage import erasures
from notifiers.policy import Cap, Digest, Money, policy_settings
from notifiers.templates import Rendered, Templates
from rules.decision import Decision, NotifyAction, derived_id
from tests.integration.delivery_fixture import (
    AT_ALL_HOURS,
    a_customer,
    a_decision,
    decide,
    execute,
    heed,
    means_of,
    resolved,
    rows,
)

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
    waits = "SELECT summary, count(*) FROM timeline WHERE summary LIKE 'To be told in the digest%' GROUP BY 1"
    assert rows(engine, waits) == [(f"To be told in the digest of {EVENING:%Y-%m-%d %H:%M} (UTC)", 10)]
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
        begin.wait(60)
        return pacer(engine, means).tell_once()

    with ThreadPoolExecutor(3) as pool:
        found = [each.result(60) for each in [pool.submit(tell) for _ in range(3)]]
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


SERVICE = Digest(frozenset({"service"}))
ONE_A_WEEK = (Cap(1, 7 * 86_400_000, "service"),)
NEXT = EVENING + timedelta(days=1)


def serviced(engine: Engine, **policy: Any) -> Means:
    found = told_by(engine, SERVICE)
    return found._replace(policy=policy_settings(HOURS, digest=SERVICE, caps=ONE_A_WEEK, **policy))


def due(name: str, **values: Any) -> Decision:
    given = {"purpose": "service", "rule_id": name, "severity": "minor", "notify": NotifyAction("alert", ("push",))}
    return a_decision(name, at=int(AFTERNOON.timestamp() * 1000), **{**given, **values})


def agreeing(engine: Engine) -> None:
    a_customer(engine, granted={"service": {"push": True, "sms": True, "email": True}})


def two_due(engine: Engine, means: Means) -> Decision:
    """The first is told at once, the second one waits for the digest."""
    agreeing(engine)
    second = due("filter")
    decide_each(engine, means, [due("other"), second])
    assert rows(engine, "SELECT decision_id FROM digest_items") == [(second.id,)]
    return second


def heard_by_digest(engine: Engine, means: Means) -> Decision:
    second = two_due(engine, means)
    assert pacer(engine, means).tell_once()
    execute(engine, "UPDATE messages SET state = 'accepted' WHERE state = 'queued'")
    return second


def over(first: Decision, **values: Any) -> Decision:
    notify = NotifyAction("alert", ("push",))
    return resolved(first, **{"purpose": "service", "notify": notify, "summary": "all is well", **values})


def told_last(engine: Engine) -> str:
    return str(told(engine)[-1][2])


def left_out(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT reason FROM timeline WHERE summary LIKE 'Left out%' ORDER BY ordinal")


def test_who_heard_of_it_by_digest_alone_hears_of_its_end_by_the_next_one(engine: Engine) -> None:
    means = serviced(engine)
    second = heard_by_digest(engine, means)
    decide(engine, means, over(second), at=EVENING + timedelta(hours=1))
    assert rows(engine, "SELECT summary, due_at, expires_at FROM digest_items") == [
        ("Over: chiller-filter: all is well", NEXT, None)
    ]
    assert rows(engine, "SELECT count(*) FROM messages WHERE template = 'resolved'") == [(0,)]
    assert pacer(engine, means, NEXT).tell_once()
    assert len(told(engine)) == 2
    assert "Over: chiller-filter: all is well" in told_last(engine)
    decide(engine, means, over(second), at=NEXT)
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]


def test_what_is_over_comes_after_the_news(engine: Engine) -> None:
    means = serviced(engine)
    second = heard_by_digest(engine, means)
    decide(engine, means, due("hose"), at=EVENING + timedelta(minutes=30))
    decide(engine, means, over(second), at=EVENING + timedelta(hours=1))
    assert pacer(engine, means, NEXT).tell_once()
    body = told_last(engine)
    assert 0 <= body.index("chiller-hose") < body.index("Over: chiller-filter")


def test_who_heard_the_alarm_at_once_hears_its_end_at_once_and_not_again(engine: Engine) -> None:
    means = serviced(engine)
    agreeing(engine)
    first = due("other")
    again = due("again", id=derived_id("d", "repeat"), alert_id=first.id, transition="repeat", rule_id="other")
    decide_each(engine, means, [first])
    execute(engine, "UPDATE messages SET state = 'accepted'")
    decide_each(engine, means, [again])
    assert pacer(engine, means).tell_once()
    execute(engine, "UPDATE messages SET state = 'accepted' WHERE state = 'queued'")
    decide(engine, means, over(first), at=EVENING + timedelta(hours=1))
    assert rows(engine, "SELECT count(*) FROM messages WHERE template = 'resolved'") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]


@pytest.mark.parametrize("ended_by", ["time", "mika", "withdrawn"])
def test_only_a_recovery_is_told(engine: Engine, ended_by: str) -> None:
    means = serviced(engine)
    second = heard_by_digest(engine, means)
    decide(engine, means, over(second, ended_by=ended_by), at=EVENING + timedelta(hours=1))
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]


def test_nobody_hears_by_digest_that_an_offer_is_over(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, made := offers(3))
    assert pacer(engine, means).tell_once()
    execute(engine, "UPDATE messages SET state = 'accepted' WHERE state = 'queued'")
    decide(engine, means, resolved(made[2], purpose="offers"), at=EVENING)
    assert rows(engine, "SELECT count(*) FROM digest_items") == [(0,)]


def test_an_end_of_what_no_digest_told_is_not_told_either(engine: Engine) -> None:
    means = serviced(engine)
    second = two_due(engine, means)
    decide(engine, means, over(second), at=EVENING - timedelta(hours=1))
    assert rows(engine, "SELECT decision_id FROM digest_items") == [(second.id,)]
    assert pacer(engine, means).tell_once()
    assert told(engine) == []


def test_an_end_is_left_out_where_the_digest_never_left(engine: Engine) -> None:
    means = serviced(engine)
    second = two_due(engine, means)
    assert pacer(engine, means).tell_once()
    decide(engine, means, over(second), at=EVENING + timedelta(hours=1))
    execute(engine, "UPDATE messages SET state = 'failed'")
    assert pacer(engine, means, NEXT).tell_once()
    assert left_out(engine) == [("not_told",)]
    assert len(told(engine)) == 1


def test_an_end_is_left_out_where_the_same_alarm_is_on_again(engine: Engine) -> None:
    means = serviced(engine)
    second = heard_by_digest(engine, means)
    decide(engine, means, over(second), at=EVENING + timedelta(hours=1))
    again = due("filter", id=derived_id("d", "again"), summary="full once more")
    decide(engine, means, again, at=EVENING + timedelta(hours=2))
    assert pacer(engine, means, NEXT).tell_once()
    assert left_out(engine) == [("fires_again",)]
    assert "full once more" in told_last(engine)
    assert "Over" not in told_last(engine)


def kept(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "SELECT decision_id, due_at FROM digest_items")


def said(engine: Engine) -> list[tuple[Any, ...]]:
    query = "SELECT summary, reason FROM timeline WHERE summary LIKE 'What the digest%' ORDER BY ordinal"
    return rows(engine, query)


def test_what_no_money_is_left_for_waits_for_the_next_digest_and_the_timeline_says_so_once(engine: Engine) -> None:
    poor, rich = serviced(engine, money=Money({"push": 0})), serviced(engine)
    second = two_due(engine, rich)
    assert pacer(engine, poor).tell_once()
    assert kept(engine) == [(second.id, NEXT)]
    assert pacer(engine, poor, NEXT).tell_once()
    assert kept(engine) == [(second.id, NEXT + timedelta(days=1))]
    waits = "What the digest would have told waits for the next one: budget used up"
    assert said(engine) == [(waits, "budget_used_up")]
    refused = "SELECT count(*) FROM timeline WHERE kind = 'suppression' AND reason = 'budget_used_up'"
    assert rows(engine, refused) == [(1,)]
    assert pacer(engine, rich, NEXT + timedelta(days=1)).tell_once()
    assert "chiller-filter" in told_last(engine)
    assert kept(engine) == []


def test_so_does_what_turns_out_to_cost_more_than_is_left(engine: Engine) -> None:
    """The plan finds room for the shortest text; the words take two segments."""
    means = serviced(engine, money=Money({"sms": 1}))
    agreeing(engine)
    sms = NotifyAction("alert", ("sms",))
    second = due("filter", notify=sms)
    decide_each(engine, serviced(engine), [due("other"), second])
    renamed = means._replace(templates=Wordy(means.templates))  # type: ignore[arg-type]
    assert pacer(engine, renamed).tell_once()
    assert told(engine) == []
    assert kept(engine) == [(second.id, NEXT)]
    [(state,)] = rows(engine, "SELECT state FROM contacts WHERE request->>'digest' = 'true'")
    assert state == "withdrawn"
    ended = "SELECT summary, reason FROM timeline WHERE summary LIKE 'Nothing was sent%'"
    assert rows(engine, ended) == [
        (
            "Nothing was sent. SMS was not used: Today's budget for SMS leaves no room: 0 of 1 segments are used.",
            "budget_used_up",
        )
    ]


class Wordy:
    """Templates that say everything at length."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def __getattr__(self, name: str) -> Any:
        return getattr(self._templates, name)

    def render(self, *asked: Any) -> Rendered:
        rendered = self._templates.render(*asked)
        return msgspec.structs.replace(rendered, text="word " * 40)


def test_a_full_cap_of_the_only_channel_waits_too(engine: Engine) -> None:
    seldom = serviced(engine)
    caps = (*ONE_A_WEEK, Cap(1, 7 * 86_400_000, "service", "push"))
    second = two_due(engine, seldom)
    full = seldom._replace(policy=policy_settings(HOURS, digest=SERVICE, caps=caps))
    assert pacer(engine, full).tell_once()
    assert kept(engine) == [(second.id, NEXT)]


def test_a_held_digest_that_finds_the_money_gone_in_the_morning_waits_for_the_next_one(engine: Engine) -> None:
    means = serviced(engine)
    second = two_due(engine, means)
    hours = {"service": "17:00-19:00"}
    asleep = means._replace(policy=policy_settings(hours, digest=SERVICE, caps=ONE_A_WEEK))
    poor = policy_settings(hours, digest=SERVICE, caps=ONE_A_WEEK, money=Money({"push": 0}))
    assert pacer(engine, asleep).tell_once()
    execute(engine, "UPDATE contacts SET due_at = CASE state WHEN 'held' THEN now() END")
    assert pacer(engine, means._replace(policy=poor), EVENING + timedelta(hours=1)).look_once()
    assert kept(engine) == [(second.id, NEXT)]
    assert rows(engine, "SELECT state FROM contacts WHERE request->>'digest' = 'true'") == [("withdrawn",)]


def test_what_another_alert_speaks_for_waits_for_the_next_digest(engine: Engine) -> None:
    means = serviced(engine)
    second = two_due(engine, means)
    assert heed(engine, second, "inhibit", by="offline", at=EVENING)
    assert pacer(engine, means).tell_once()
    assert (kept(engine), told(engine)) == ([(second.id, NEXT)], [])
    assert pacer(engine, means, NEXT).tell_once()
    assert kept(engine) == [(second.id, NEXT + timedelta(days=1))]
    waits = "SELECT reason, summary FROM timeline WHERE summary LIKE 'Waits%'"
    assert rows(engine, waits) == [
        ("inhibited", "Waits for the next digest: the alert of another rule speaks for this one")
    ]
    assert heed(engine, second, "release", by="offline", at=EVENING)
    assert pacer(engine, means, NEXT + timedelta(days=1)).tell_once()
    assert "chiller-filter" in told_last(engine)
    assert kept(engine) == []


def test_so_does_what_is_spoken_for_in_the_morning_of_a_held_digest(engine: Engine) -> None:
    means = serviced(engine)
    asleep = means._replace(policy=policy_settings({"service": "17:00-19:00"}, digest=SERVICE, caps=ONE_A_WEEK))
    second = two_due(engine, means)
    assert pacer(engine, asleep).tell_once()
    digest = "SELECT state FROM contacts WHERE request->>'digest' = 'true'"
    assert rows(engine, digest) == [("held",)]
    assert heed(engine, second, "inhibit", by="offline", at=EVENING)
    execute(engine, "UPDATE contacts SET due_at = CASE state WHEN 'held' THEN now() END")
    assert pacer(engine, asleep, EVENING + timedelta(hours=1)).look_once()
    assert (rows(engine, digest), told(engine), left_out(engine)) == ([("withdrawn",)], [], [])
    assert kept(engine) == [(second.id, NEXT)]


def test_a_digest_that_has_left_has_told_what_is_spoken_for_since(engine: Engine) -> None:
    means = serviced(engine)
    second = heard_by_digest(engine, means)
    assert heed(engine, second, "inhibit", by="offline", at=EVENING)
    execute(engine, "UPDATE contacts SET due_at = CASE request->>'digest' WHEN 'true' THEN now() END")
    assert pacer(engine, means, NEXT).look_once()
    assert (kept(engine), left_out(engine)) == ([], [])
    decide(engine, means, over(second), at=NEXT)
    assert pacer(engine, means, NEXT + timedelta(days=1)).tell_once()
    assert "all is well" in told_last(engine)


def test_what_has_expired_while_it_waited_is_left_out(engine: Engine) -> None:
    poor, rich = serviced(engine, money=Money({"push": 0})), serviced(engine)
    agreeing(engine)
    notify = NotifyAction("alert", ("push",), expires_after_ms=10 * 3_600_000)
    decide_each(engine, rich, [due("other"), due("filter", notify=notify)])
    assert pacer(engine, poor).tell_once()
    assert pacer(engine, rich, NEXT).tell_once()
    assert left_out(engine) == [("expired",)]
    assert told(engine) == []


def test_what_is_refused_for_good_is_dropped_and_says_so(engine: Engine) -> None:
    means = serviced(engine)
    two_due(engine, means)
    execute(engine, "UPDATE consents SET granted = false")
    assert pacer(engine, means).tell_once()
    assert kept(engine) == []
    assert said(engine) == [("What the digest would have told is not told any more: no consent", "no_consent")]


def test_an_open_fault_drops_the_offers_of_a_digest(engine: Engine, means: Means) -> None:
    a_customer(engine)
    decide_each(engine, means, offers(3))
    decide(engine, means, a_decision("broken", notify=None), at=EVENING)
    assert pacer(engine, means).tell_once()
    assert kept(engine) == []
    assert said(engine) == [("What the digest would have told is not told any more: open fault", "open_fault")]
