"""Exporting and erasing one customer reads no table of everybody's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from gateway.retention.export import document
from gateway.storage import erasures
from tests.unit.gateway.retention import past
from tests.unit.gateway.retention.past import NOW

SMALL = {"faults", "erasures", "secrets", "spending"}


@contextmanager
def explained(engine: Engine) -> Iterator[list[str]]:
    """The plan of each statement executed meanwhile; sequential scans are taken only where there is no index."""
    plans: list[str] = []

    def explain(
        connection: Connection, cursor: Any, statement: str, parameters: Any, _context: object, _many: object
    ) -> None:
        if re.match(r"\s*(SELECT|DELETE|UPDATE)", statement):
            other = cursor.connection.cursor()
            other.execute("SET LOCAL enable_seqscan = off")
            other.execute("EXPLAIN " + statement, parameters)
            plans.append("\n".join(row[0] for row in other.fetchall()))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def read_through(plans: list[str]) -> set[str]:
    return {table for plan in plans for table in re.findall(r"Seq Scan on (\w+)", plan)}


def test_erasing_goes_by_indexes(engine: Engine) -> None:
    with engine.begin() as connection:
        past.everything(connection, "aiko", "901177553311")
    with explained(engine) as plans, engine.begin() as connection:
        assert erasures.erase(connection, "aiko") == 10
    assert len(plans) > 12
    assert read_through(plans) <= SMALL


def test_exporting_goes_by_indexes(engine: Engine) -> None:
    with engine.begin() as connection:
        past.everything(connection, "aiko", "901177553311")
    with explained(engine) as plans:
        assert b"901177553311" in b"".join(document(engine, "aiko", NOW, kept="7d", why_not="not read"))
    assert len(plans) > 15
    assert read_through(plans) <= SMALL
