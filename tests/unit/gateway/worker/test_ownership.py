"""Who owns what: fair shares, one owner at a time, and silent owners that lose their locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from gateway.storage.database import connect
from gateway.worker.ownership import SILENT_SECONDS, Ownership, fair_share

PARTITIONS = 8


@given(partitions=st.integers(1, 1024), alive=st.integers(1, 200))
def test_fair_shares_cover_everything_and_none_is_larger_than_it_must_be(partitions: int, alive: int) -> None:
    share = fair_share(partitions, alive)
    assert share * alive >= partitions
    assert (share - 1) * alive < partitions


@given(partitions=st.integers(1, 1024), alive=st.integers(1, 200))
def test_a_worker_more_never_makes_a_share_larger(partitions: int, alive: int) -> None:
    assert fair_share(partitions, alive + 1) <= fair_share(partitions, alive)
    assert fair_share(partitions, 1) == partitions


def test_nobody_counted_yet_is_the_same_as_one() -> None:
    assert fair_share(PARTITIONS, 0) == PARTITIONS


class Workers:
    """Several workers, each on a connection of its own."""

    def __init__(self, engine: Engine, stack: ExitStack) -> None:
        self._engine = engine
        self._stack = stack

    def join(self, name: str) -> Ownership:
        """One more."""
        connection = self._engine.connect()
        # Its locks must end with it, so it never goes back into the pool.
        self._stack.callback(connection.close)
        self._stack.callback(connection.invalidate)
        made = Ownership(connection, name, PARTITIONS)
        made.announce()
        made.heartbeat()
        return made

    def fall_silent(self, name: str) -> None:
        """Let its last word be too long ago."""
        with self._engine.begin() as connection:
            statement = text("UPDATE workers SET seen_at = now() - make_interval(secs => :ago) WHERE id = :id")
            connection.execute(statement, {"ago": SILENT_SECONDS + 1, "id": name})


@pytest.fixture
def workers(database_url: str) -> Iterator[Workers]:
    engine = connect(database_url, pool_size=8)
    with ExitStack() as stack:
        yield Workers(engine, stack)
    engine.dispose()


def rebalance(worker: Ownership) -> set[int]:
    """One turn: claim, and give back what is too much. Returns what it gave back."""
    _, surplus = worker.rebalance()
    for partition in surplus:
        worker.release(partition)
    return surplus


def test_one_worker_takes_everything(workers: Workers) -> None:
    alone = workers.join("alone")
    gained, surplus = alone.rebalance()
    assert (gained, surplus) == (set(range(PARTITIONS)), set())
    assert alone.owned == gained
    assert alone.rebalance() == (set(), set()), "nothing moves any more"


@pytest.mark.parametrize("number", [2, 3, 5])
def test_workers_share_out_everything_and_own_nothing_together(workers: Workers, number: int) -> None:
    all_of_them = [workers.join(f"worker-{n}") for n in range(number)]
    for _ in range(3):
        for worker in all_of_them:
            rebalance(worker)
    owned = [partition for worker in all_of_them for partition in worker.owned]
    assert sorted(owned) == list(range(PARTITIONS))
    assert max(len(worker.owned) for worker in all_of_them) <= fair_share(PARTITIONS, number)


def test_a_newcomer_gets_its_share_only_once_it_was_given_back(workers: Workers) -> None:
    first = workers.join("first")
    first.rebalance()
    second = workers.join("second")
    assert second.rebalance() == (set(), set())
    given_back = rebalance(first)
    assert len(given_back) == PARTITIONS // 2
    gained, _ = second.rebalance()
    assert gained == given_back


def test_a_silent_owner_loses_its_connection_and_the_others_take_over(workers: Workers) -> None:
    silent, watchful = workers.join("silent"), workers.join("watchful")
    rebalance(silent)
    rebalance(watchful)
    assert silent.owned
    workers.fall_silent("silent")
    watchful.heartbeat()
    with pytest.raises(OperationalError):
        silent.heartbeat()
    watchful.rebalance()
    assert watchful.owned == set(range(PARTITIONS))


def test_an_owner_that_is_heard_of_keeps_everything(workers: Workers) -> None:
    one, other = workers.join("one"), workers.join("other")
    rebalance(one)
    rebalance(other)
    before = set(one.owned)
    other.heartbeat()
    one.heartbeat()
    assert one.rebalance() == (set(), set())
    assert one.owned == before


def test_a_worker_that_left_is_not_counted(workers: Workers) -> None:
    staying, leaving = workers.join("staying"), workers.join("leaving")
    rebalance(staying)
    rebalance(leaving)
    for partition in list(leaving.owned):
        leaving.release(partition)
    leaving.leave()
    workers.fall_silent("leaving")  # changes nothing: it is off the list
    staying.heartbeat()
    assert len(staying.owned) == fair_share(PARTITIONS, 2)
