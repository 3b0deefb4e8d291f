"""Rules that raise are set aside and counted, without filling the disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from gateway.storage import faults, overview, troubles
from gateway.storage.database import connect
from rules.decision import Fault, Position


def test_the_same_fault_again_is_counted_and_another_one_is_its_own(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        for seq, error in ((1, "boom"), (2, "boom"), (3, "bang")):
            faults.record(connection, 0, Fault("r", "d", Position(seq, 0), error, "trace"))
        rows = connection.execute(text("SELECT error, count, seq FROM faults ORDER BY error")).all()
        assert [tuple(row) for row in rows] == [("bang", 1, 3), ("boom", 2, 2)]
        assert overview.read(connection).faults == 3
    engine.dispose()


def test_the_count_does_not_go_down_when_old_failures_are_deleted(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        before = faults.count(connection)
        for partition, error in ((0, "first"), (0, "second"), (7, "first")):
            faults.record(connection, partition, Fault("old", "d", Position(1, 0), error, "trace"))
        connection.execute(text("DELETE FROM faults WHERE rule_id = 'old'"))
        faults.record(connection, 7, Fault("old", "d", Position(2, 0), "third", "trace"))
        assert overview.read(connection).faults == faults.count(connection) == before + 4
    engine.dispose()


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def keep(connection: Connection, rule_id: str, subject: str, error: str, at: datetime) -> None:
    faults.record(connection, 0, Fault(rule_id, subject, Position(1, 0), error, "trace"))
    connection.execute(text("UPDATE faults SET at = :at WHERE rule_id = :rule"), {"at": at, "rule": rule_id})


def test_what_fails_is_shown_for_an_hour_the_newest_first_and_told_to_operations(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        keep(connection, "long-ago", "d", "boom", NOW - timedelta(hours=1))
        keep(connection, "warm", "d", "boom\nand the SQL of it", NOW - timedelta(minutes=59))
        keep(connection, "", "", "rules v2 are not usable", NOW)
        found = [str(each) for each in faults.standing(connection, NOW)]
        assert found == ["rules v2 are not usable", "rule warm on d: boom"]
        told = troubles.find(connection, NOW, dead_letters=100)["faults"]
        assert told == "events are set aside because of a failure: rules v2 are not usable"
        assert "faults" not in troubles.find(connection, NOW + timedelta(hours=2), dead_letters=100)
    engine.dispose()
