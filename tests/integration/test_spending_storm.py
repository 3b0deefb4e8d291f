"""An alert storm, and numbers made for SMS pumping: spend stays under its cap, critical messages pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from gateway.delivery import spending
from gateway.delivery.links import Links
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.worker.partition import Folded
from notifiers.policy import Cap, Digest, Money, policy_settings
from notifiers.sms.segments import segments
from notifiers.templates import Templates
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, rows
from tests.integration.worker_fixture import all_at_once

SMS = NotifyAction("alert", ("sms",))
NEVER = {"offers": "never", "maintenance": "never"}
NUMBERS = 40
NOON = datetime.now(UTC).replace(hour=12)
"""A storm that went over midnight would have two days' budgets."""


def means_with(money: Money) -> Means:
    policy = policy_settings(NEVER, caps=(), money=money)
    return Means(Templates.load(None), policy, Links("http://127.0.0.1:9", "secret"))


def customers(engine: Engine) -> list[str]:
    """Customers whose numbers follow one another, as those of pumping do."""
    names = [f"c{number:02d}" for number in range(NUMBERS)]
    for number, name in enumerate(names):
        a_customer(engine, name, addresses={"sms": f"+81901234{number:04d}"})
    return names


def storm(worker: str, names: Sequence[str], severity: str) -> list[Folded]:
    made: list[Decision] = [
        a_decision(f"{worker}-{name}", customer_id=name, severity=severity, notify=SMS) for name in names
    ]
    return [Folded(0, seq, (decision,)) for seq, decision in enumerate(made, start=1)]


def spent(engine: Engine) -> int:
    """Segments of all SMS that were queued, counted anew."""
    return sum(segments(body).parts for (body,) in rows(engine, "SELECT body FROM messages WHERE channel = 'sms'"))


def reasons(engine: Engine) -> dict[str, int]:
    return dict(rows(engine, "SELECT reason, count(*) FROM timeline WHERE kind = 'suppression' GROUP BY 1"))


def test_a_storm_stays_within_the_budget_and_critical_messages_pass(engine: Engine) -> None:
    means = means_with(Money(daily_budget={"sms": 30}, daily_reserve={"sms": 2 * NUMBERS}))
    names = customers(engine)

    all_at_once(engine, means, storm("a", names, "major"), storm("b", names[::-1], "major"), at=NOON)
    ordinary = spent(engine)
    # A message may not fit into what is left, and is then not sent.
    assert 30 - segments(rows(engine, "SELECT max(body) FROM messages")[0][0]).parts < ordinary <= 30
    assert set(reasons(engine)) == {"budget_used_up"}
    assert rows(engine, "SELECT provider FROM provider_alarms") == [("sms budget",)]

    all_at_once(engine, means, storm("c", names, "critical"), at=NOON)
    assert spent(engine) - ordinary >= NUMBERS, "nobody was left out"
    assert rows(engine, "SELECT used FROM spending WHERE kind = 'channel'") == [(spent(engine),)]


def test_even_critical_messages_end_with_the_reserve(engine: Engine) -> None:
    all_at_once(
        engine,
        means_with(Money(daily_budget={"sms": 5}, daily_reserve={"sms": 20})),
        storm("a", names := customers(engine), "critical"),
        storm("b", names[::-1], "critical"),
        at=NOON,
    )
    assert 20 < spent(engine) <= 25


def test_pumped_numbers_share_one_cap(engine: Engine) -> None:
    means = means_with(Money(sms_per_prefix=12, sms_per_number=4))
    names = customers(engine)
    all_at_once(engine, means, storm("a", names, "major"), storm("b", names[::-1], "major"), at=NOON)
    assert 0 < spent(engine) <= 12
    assert set(reasons(engine)) <= {"prefix_cap", "number_cap"}
    assert rows(engine, "SELECT count(*) FROM faults") == [(0,)]


def test_what_a_storm_over_one_customer_leaves_out_comes_in_one_digest(engine: Engine) -> None:
    a_customer(engine, "hanako")
    policy = policy_settings(
        NEVER, caps=(Cap(3, 86_400_000, "maintenance"),), digest=Digest(frozenset({"maintenance"}))
    )
    means = means_with(Money())._replace(policy=policy)
    loads = [
        [Folded(0, seq, (a_decision(f"{worker}{seq:02d}", notify=SMS),)) for seq in range(1, 11)] for worker in "ab"
    ]
    all_at_once(engine, means, *loads, at=NOON)
    assert (len(rows(engine, "SELECT 1 FROM messages")), reasons(engine)) == (3, {"frequency_cap": 17})

    tomorrow = NOON + timedelta(days=1)
    made = [Pacer(engine, means, lambda: tomorrow, lambda: None).tell_once() for _ in range(2)]
    assert made == [True, False]
    [(body,)] = rows(engine, "SELECT body FROM messages WHERE template = 'digest'")
    assert "And 16 more." in body
    assert segments(body).parts == 1


def test_the_next_day_has_a_budget_of_its_own_and_ends_the_alarm(engine: Engine) -> None:
    a_customer(engine, "hanako")
    means = means_with(Money(daily_budget={"sms": 1}, daily_reserve={"sms": 0}, sms_per_number=1))
    today = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    decide(engine, means, a_decision("1", notify=SMS, summary="short"), at=today)
    decide(engine, means, a_decision("2", notify=SMS, summary="short"), at=today)
    assert (len(rows(engine, "SELECT 1 FROM messages")), reasons(engine)) == (1, {"budget_used_up": 1})
    assert len(rows(engine, "SELECT 1 FROM provider_alarms")) == 1
    tomorrow = today + timedelta(days=3)
    decide(engine, means_with(Money(daily_budget={"sms": 5})), a_decision("3", notify=SMS, summary="x"), at=tomorrow)
    assert len(rows(engine, "SELECT 1 FROM messages")) == 2
    assert rows(engine, "SELECT 1 FROM provider_alarms") == []
    assert rows(engine, "SELECT kind, count(*) FROM spending GROUP BY 1 ORDER BY 1") == [
        ("channel", 2),
        ("number", 1),
        ("prefix", 1),
    ]


def test_a_budget_that_an_operator_raises_or_removes_ends_its_alarm(engine: Engine) -> None:
    a_customer(engine, "hanako")
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def left_by(money: Money) -> int:
        with engine.begin() as connection:
            spending.review(connection, money, now)
        return len(rows(engine, "SELECT 1 FROM provider_alarms WHERE provider = 'sms budget'"))

    used_up = Money(daily_budget={"sms": 1}, daily_reserve={"sms": 0})
    for number, (mended, after) in enumerate(
        ((used_up, 1), (Money(daily_budget={"sms": 2}), 0), (Money(daily_budget={"email": 1}), 0))
    ):
        decide(engine, means_with(used_up), a_decision(str(number), notify=SMS, summary="short"), at=now)
        execute(
            engine, "INSERT INTO provider_alarms (provider, reason) VALUES ('twilio', '20003') ON CONFLICT DO NOTHING"
        )
        assert left_by(mended) == after
    assert rows(engine, "SELECT provider FROM provider_alarms") == [("twilio",)]


def test_a_message_that_nothing_limits_is_not_counted(engine: Engine) -> None:
    a_customer(engine, "hanako")
    decide(engine, means_with(Money()), a_decision("1", notify=SMS))
    assert rows(engine, "SELECT 1 FROM spending") == []
