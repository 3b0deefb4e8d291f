"""The worker's writer sends without waiting: what fails must still be found, and must fail alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from gateway.storage.checkpoints import Checkpoint
from gateway.storage.database import connect
from gateway.storage.unread import UNHEARD
from gateway.worker.partition import Folded
from gateway.worker.pipelined import answers_nothing, pipelined
from gateway.worker.writer import Save, Writer
from rules.decision import Decision, Intervention, Position

pytestmark = pytest.mark.stack

BAD = "d2"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = connect(database_url)
    with engine.connect() as made:
        yield made
    engine.dispose()


def decision(subject: str, seq: int) -> Decision:
    return Decision(
        id=f"decision-{subject}",
        rule_id="hot",
        rule_version="v1",
        subject=subject,
        at=1_767_225_600_000,
        transition="firing",
        alert_id=f"decision-{subject}",
        severity="major",
        purpose="maintenance",
        position=Position(seq, 0),
        customer_id=None,
        store_id=None,
        summary="hot",
        values={},
        explanation={},
    )


def fail_unheard(connection: Connection, made: Decision | Intervention, _now: datetime) -> None:
    """An insert whose answer nobody waits for, and which the database refuses for one device."""
    customer = None if made.subject == BAD else made.subject
    connection.execute(text("INSERT INTO customers (id) VALUES (:id)"), {"id": customer})


def subjects(connection: Connection, table: str) -> list[str]:
    with connection.begin():
        return list(connection.execute(text(f"SELECT subject FROM {table} ORDER BY subject")).scalars())


def test_an_unheard_failure_sets_aside_its_own_decision_only(connection: Connection) -> None:
    writer = Writer(connection, fail_unheard, lambda: datetime.now(UTC))
    records = [Folded(0, seq, (decision(f"d{seq}", seq),)) for seq in (1, 2, 3)]

    writer.commit(records)
    writer.close()

    assert subjects(connection, "decisions") == ["d1", "d3"]
    assert subjects(connection, "faults") == [BAD]
    with connection.begin():
        assert set(connection.execute(text("SELECT id FROM customers")).scalars()) == {"d1", "d3"}


def test_a_connection_lost_unheard_is_reported_as_lost(connection: Connection) -> None:
    def lose(on: Connection, _made: Decision | Intervention, _now: datetime) -> None:
        fatal = "INSERT INTO customers (id) SELECT 'c1' FROM (SELECT pg_terminate_backend(pg_backend_pid())) AS gone"
        on.execute(text(fatal))

    writer = Writer(connection, lose, lambda: datetime.now(UTC))
    with pytest.raises(OperationalError):
        writer.commit([Folded(0, 1, (decision("d1", 1),))])
    writer.close()


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_connection_lost_where_an_answer_is_waited_for_is_reported_as_lost_too(
    connection: Connection, when: str
) -> None:
    """What came after would be written on a new connection, which has no partition's lock."""
    asked = text("SELECT pg_backend_pid()")
    with connection.begin():
        locker = connection.execute(asked).scalar_one()

    def cut(on: Connection, _made: Decision | Intervention, _now: datetime) -> None:
        with on.engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": locker})
        on.execute(asked)

    writer = Writer(connection, cut, lambda: datetime.now(UTC))
    if when == "before":
        with connection.engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": locker})
    with pytest.raises(OperationalError):
        writer.commit([Folded(0, 1, (decision("d1", 1),)), Folded(0, 2, (decision("d2", 2),))])
    writer.close()
    assert subjects(connection, "decisions") == []


@pytest.mark.parametrize("raised", [None, RuntimeError("of something else, by whoever noticed")])
def test_a_connection_lost_at_an_answer_is_reported_as_lost_and_not_replaced(
    connection: Connection, raised: Exception | None
) -> None:
    """A new connection would not hold the worker's locks: nothing may be written on one."""

    def lose(on: Connection, _made: Decision | Intervention, _now: datetime) -> None:
        try:
            on.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        except OperationalError:
            if raised is not None:
                raise raised from None
            raise

    writer = Writer(connection, lose, lambda: datetime.now(UTC))
    with pytest.raises(OperationalError):
        writer.commit([Folded(0, 1, (decision("d1", 1), decision("d3", 3)))])
    writer.close()

    assert subjects(connection, "decisions") == []
    assert subjects(connection, "faults") == []


def test_a_checkpoint_is_copied_between_pipelined_decisions(connection: Connection) -> None:
    writer = Writer(connection, lambda *_: None, lambda: datetime.now(UTC))
    save = Save((0, Checkpoint(2, 2, b"shared", 0, {"d1": b"state"}), 0))

    writer.commit([Folded(0, 1, (decision("d1", 1),)), save, Folded(0, 3, (decision("d3", 3),))])
    writer.close()

    assert subjects(connection, "subject_states") == ["d1"]
    assert subjects(connection, "decisions") == ["d1", "d3"]


def test_a_decision_made_again_leads_to_nothing_more(connection: Connection) -> None:
    followed: list[str] = []
    writer = Writer(connection, lambda _on, made, _now: followed.append(made.subject), lambda: datetime.now(UTC))
    twice = Folded(0, 1, (decision("d1", 1), decision("d1", 1)))

    writer.commit([twice])
    writer.commit([Folded(0, 1, (decision("d1", 1),)), Folded(0, 3, (decision("d3", 3),))])
    writer.close()

    assert followed == ["d1", "d3"]
    assert subjects(connection, "decisions") == ["d1", "d3"]
    assert subjects(connection, "faults") == []


def test_what_is_read_is_waited_for(connection: Connection) -> None:
    with connection.begin(), pipelined(connection):
        connection.execute(text("INSERT INTO customers (id) VALUES ('c1'), ('c2')"))
        renamed = connection.execute(text("UPDATE customers SET name = 'x'")).rowcount
        named = connection.execute(text("SELECT name FROM customers WHERE id = 'c2'")).scalar_one()
        gone = connection.execute(text("SELECT name FROM customers WHERE id = 'c3'")).scalar_one_or_none()
    assert (renamed, named, gone) == (2, "x", None)


@pytest.mark.parametrize(
    ("statement", "nothing"),
    [
        ("INSERT INTO timeline (id) VALUES (%s) ON CONFLICT (id) DO NOTHING", True),
        ("INSERT INTO decisions (id) VALUES (%s) RETURNING decisions.id", False),
        ("SELECT pg_notify(%s, %s)", True),
        ("SELECT 1", False),
        ("SELECT pg_advisory_xact_lock(1, 2)", True),
        ("SELECT pg_try_advisory_xact_lock(1, 2)", False),
        ("UPDATE contacts SET state = %s", False),
        (f"UPDATE {UNHEARD} contacts SET state = %s", True),
    ],
)
def test_only_what_nobody_reads_answers_nothing(statement: str, nothing: bool) -> None:
    assert answers_nothing(statement) is nothing
