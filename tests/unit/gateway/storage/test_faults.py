"""Rules that raise are set aside and counted, without filling the disk."""

from __future__ import annotations

from sqlalchemy import text

from gateway.storage import decisions, overview
from gateway.storage.database import connect
from rules.decision import Fault, Position


def test_the_same_fault_again_is_counted_and_another_one_is_its_own(database_url: str) -> None:
    engine = connect(database_url)
    with engine.begin() as connection:
        for seq, error in ((1, "boom"), (2, "boom"), (3, "bang")):
            decisions.record_fault(connection, 0, Fault("r", "d", Position(seq, 0), error, "trace"))
        rows = connection.execute(text("SELECT error, count, seq FROM faults ORDER BY error")).all()
        assert [tuple(row) for row in rows] == [("bang", 1, 3), ("boom", 2, 2)]
        assert overview.read(connection).faults == 3
    engine.dispose()
