"""Once a day, by one process; a missed day is caught up on; what is under way ends when the process does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Engine, create_engine, text

from gateway.retention import chore
from gateway.retention.chore import Chore, due, perform
from gateway.settings import Retention
from gateway.storage import chores
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import NOW, count

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (None, True),
        (NOON.replace(hour=3, minute=29), True),
        (NOON.replace(hour=3, minute=30), False),
        (NOON - timedelta(days=1), True),
        (NOON - timedelta(days=40), True),
    ],
)
def test_it_is_due_once_after_the_hour(last: datetime | None, *, expected: bool) -> None:
    assert due("03:30", last, NOON) is expected


def test_before_the_hour_yesterdays_counts() -> None:
    early = NOON.replace(hour=1)
    assert not due("03:30", NOON - timedelta(days=1), early)
    assert due("03:30", NOON - timedelta(days=1, hours=9), early)


def an_old_entry(engine: Engine) -> None:
    with engine.begin() as connection:
        past.entry(connection, "old", 900)


def entries(engine: Engine) -> int:
    with engine.connect() as connection:
        return count(connection, "timeline")


def test_it_is_done_when_due_and_not_again(engine: Engine) -> None:
    an_old_entry(engine)
    before = REGISTRY.get_sample_value("kizashi_retention_removed_total", {"kind": "timeline"}) or 0
    Chore(engine, Retention(at="00:00")).look_once()
    assert entries(engine) == 0
    assert REGISTRY.get_sample_value("kizashi_retention_removed_total", {"kind": "timeline"}) == before + 1
    with engine.connect() as connection:
        done = chores.last(connection, chore.CHORE)
    assert done is not None
    assert done.report["timeline"] == 1
    assert REGISTRY.get_sample_value("kizashi_retention_done_timestamp_seconds") == pytest.approx(done.at.timestamp())
    an_old_entry(engine)
    Chore(engine, Retention(at="00:00")).look_once()
    assert entries(engine) == 1


def test_a_day_that_was_missed_is_caught_up_on(engine: Engine) -> None:
    with engine.begin() as connection:
        chores.done(connection, chore.CHORE, NOW - timedelta(days=3), {})
    an_old_entry(engine)
    Chore(engine, Retention()).look_once()
    assert entries(engine) == 0


def test_only_one_process_does_it(engine: Engine) -> None:
    an_old_entry(engine)
    with engine.connect() as other, chores.alone(other, chore.CHORE) as mine:
        assert mine
        Chore(engine, Retention()).look_once()
        assert entries(engine) == 1
    Chore(engine, Retention()).look_once()
    assert entries(engine) == 0


def test_what_was_interrupted_is_not_done(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(5):
            past.fault(connection, f"f{number}", 900)
    stop = threading.Event()
    with engine.connect() as connection:
        stop.set()
        assert not any(perform(connection, Retention(), NOW, stop=stop).values())
        assert chores.last(connection, chore.CHORE) is None
        assert count(connection, "faults") == 5


def test_a_database_that_is_away_is_waited_for() -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    Chore(nowhere, Retention()).look_once()


async def test_it_looks_at_once_and_ends_when_told(engine: Engine) -> None:
    an_old_entry(engine)
    task = asyncio.create_task(Chore(engine, Retention()).until_stopped())
    for _ in range(200):
        if await asyncio.to_thread(entries, engine) == 0:
            break
        await asyncio.sleep(0.02)
    assert await asyncio.to_thread(entries, engine) == 0
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_who_was_erased_is_forgotten_a_day_after_the_log_has(engine: Engine) -> None:
    with engine.begin() as connection:
        for days in (7.9, 8.1):
            past.put(connection, "erasures", digest=str(days).encode(), at=past.ago(days))
    Chore(engine, Retention(events="7d")).look_once()
    with engine.connect() as connection:
        left = connection.execute(text("SELECT digest FROM erasures")).scalars().all()
    assert [bytes(each) for each in left] == [b"7.9"]
