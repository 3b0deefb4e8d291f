"""Two workers that decide on the same customers at the same moment never go over a frequency cap."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from gateway.delivery import pacer as module
from gateway.delivery.links import Links
from gateway.delivery.means import follow
from gateway.delivery.pacer import Pacer
from gateway.delivery.rendering import Means
from gateway.storage import turns
from gateway.worker.partition import Folded
from gateway.worker.writer import Writer
from notifiers.policy import Cap, Money, policy_settings
from notifiers.templates import Templates
from rules.decision import Decision, NotifyAction
from tests.integration.delivery_fixture import a_customer, a_decision, decide, execute, resolved, rows

AT_MOST = 3
EACH = 5
"""Offers of each worker to each customer: two workers want more than three times what is allowed."""
CUSTOMERS = 20
ROUNDS = 12
PUSH = NotifyAction("offer", ("push",))
CAP = Cap(AT_MOST, 86_400_000, "offers")
PER_CUSTOMER = "SELECT customer_id, count(*) FROM messages GROUP BY 1"


def means_with(quiet_hours: str) -> Means:
    policy = policy_settings({"offers": quiet_hours, "maintenance": "never"}, caps=(CAP,))
    return Means(Templates.load(None), policy, Links("http://127.0.0.1:9", "secret"))


def offer(name: str, customer_id: str) -> Decision:
    return a_decision(name, customer_id=customer_id, purpose="offers", severity="info", notify=PUSH)


def offers(worker: str, customers: Sequence[str]) -> list[Folded]:
    """Records of several offers each, over the customers in this worker's own order."""
    names = [(f"{worker}-{number}-{each}", each) for number in range(EACH) for each in customers]
    return [
        Folded(0, start + 1, tuple(offer(*name) for name in names[start : start + 4]))
        for start in range(0, len(names), 4)
    ]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def work(engine: Engine, means: Means, records: list[Folded], begin: threading.Barrier) -> None:
    with engine.connect() as connection:
        writer = Writer(connection, follow(means), lambda: datetime.now(UTC))
        begin.wait(60)
        writer.commit(records)
        writer.close()


def test_two_workers_racing_on_each_customers_cap_never_go_over_it(engine: Engine, pool: ThreadPoolExecutor) -> None:
    means = means_with("never")
    for turn in range(ROUNDS):
        customers = [f"c{turn}-{number}" for number in range(CUSTOMERS)]
        for each in customers:
            a_customer(engine, each)
        begin = threading.Barrier(2)
        both = [
            pool.submit(work, engine, means, offers(f"a{turn}", customers), begin),
            pool.submit(work, engine, means, offers(f"b{turn}", customers[::-1]), begin),
        ]
        for each_worker in both:
            each_worker.result(60)
    sent = dict(rows(engine, PER_CUSTOMER))
    assert len(sent) == ROUNDS * CUSTOMERS
    assert set(sent.values()) == {AT_MOST}
    refused = rows(engine, "SELECT count(*) FROM timeline WHERE reason = 'frequency_cap'")
    assert refused == [(ROUNDS * CUSTOMERS * (2 * EACH - AT_MOST),)]
    assert rows(engine, "SELECT count(*) FROM faults") == [(0,)]


def test_what_was_held_overnight_is_released_within_the_cap(engine: Engine, pool: ThreadPoolExecutor) -> None:
    """Each was held while the cap was free. By morning two pacers and a worker deal with them at once."""
    customers = [f"c{number}" for number in range(8)]
    for each in customers:
        a_customer(engine, each)
    now = datetime.now(UTC)
    around_now = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    work(engine, means_with(around_now), offers("night", customers), threading.Barrier(1))
    assert rows(engine, "SELECT state, count(*) FROM contacts GROUP BY 1") == [("held", len(customers) * EACH)]
    execute(engine, "UPDATE contacts SET due_at = now()")

    by_day = means_with("never")
    begin = threading.Barrier(3)

    def release() -> None:
        pacer = Pacer(engine, by_day, lambda: datetime.now(UTC), lambda: None)
        begin.wait(60)
        while rows(engine, "SELECT 1 FROM contacts WHERE state = 'held' LIMIT 1"):
            pacer.look_once()

    morning = pool.submit(work, engine, by_day, offers("day", customers), begin)
    for each_thread in (pool.submit(release), pool.submit(release), morning):
        each_thread.result(60)
    assert set(dict(rows(engine, PER_CUSTOMER)).values()) == {AT_MOST}


def alarms(worker: str, customers: Sequence[str]) -> list[Folded]:
    """Alarms that go to the next channel at once, and then their ends: they lock contacts, and take turns and money."""
    notify = NotifyAction("alert", ("push", "sms"), escalate_after_ms=1)
    made = [a_decision(f"{worker}-{each}", customer_id=each, notify=notify) for each in customers]
    ended = [resolved(each) for each in made]
    pairs = list(zip(made, ended[::-1], strict=True))
    return [Folded(0, 1, tuple(made[:5]))] + [Folded(0, seq, pair) for seq, pair in enumerate(pairs, start=2)]


def test_a_pacer_whose_clock_is_behind_leaves_whom_somebody_deals_with_alone_for_a_while(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NOT_ITS_TURN", timedelta(minutes=1))  # longer than this test may stand still
    means = means_with("never")
    a_customer(engine)
    decide(engine, means, offer("1", "hanako"))
    execute(engine, "UPDATE contacts SET due_at = now()")
    pacer = Pacer(engine, means, lambda: datetime.now(UTC) - timedelta(minutes=5), lambda: None)
    with engine.begin() as somebody:
        turns.take(somebody, ["hanako"])
        assert pacer.look_once()
        assert not pacer.look_once()


def test_workers_and_pacers_never_wait_for_each_other_in_a_circle(engine: Engine, pool: ThreadPoolExecutor) -> None:
    policy = policy_settings(
        {"maintenance": "never"}, caps=(Cap(10_000, 86_400_000),), money=Money(daily_budget={"sms": 10_000})
    )
    means = means_with("never")._replace(policy=policy)
    customers = [f"c{number}" for number in range(12)]
    for each in customers:
        a_customer(engine, each)
    begin, done = threading.Barrier(4), threading.Event()

    def pace() -> int:
        pacer, looks = Pacer(engine, means, lambda: datetime.now(UTC), lambda: None), 0
        begin.wait(60)
        while not done.is_set():
            looks += pacer.look_once()
        return looks

    def decide_all(worker: str, order: Sequence[str]) -> None:
        records = [record for turn in range(6) for record in alarms(f"{worker}{turn}", order)]
        work(engine, means, records, begin)

    pacers = [pool.submit(pace), pool.submit(pace)]
    workers = [pool.submit(decide_all, "a", customers), pool.submit(decide_all, "b", customers[::-1])]
    for each_worker in workers:
        each_worker.result(60)
    done.set()
    assert all(each_pacer.result(60) > 0 for each_pacer in pacers)
    assert rows(engine, "SELECT count(*) FROM faults") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM decisions") == [(2 * 6 * 2 * len(customers),)]
