"""The summary: the shape that scripts rely on, and a table for people."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from rich.console import Console
from sqlalchemy import Connection

from gateway.demo import report
from gateway.demo.report import Report
from gateway.storage import cases, checkpoints, timeline
from gateway.storage.cases import Case
from gateway.storage.checkpoints import Checkpoint
from gateway.storage.database import connect
from gateway.storage.timeline import Entry

EMPTY = Report(0, 0, {}, {}, {}, 0, 0)
FULL = Report(1383, 13, {"too-warm": 3}, {"no_consent": 2}, {"push": {"delivered": 3, "failed": 1}}, 4, 114)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = connect(database_url)
    with engine.connect() as made:
        yield made
        made.rollback()
    engine.dispose()


def test_the_json_has_exactly_the_promised_parts() -> None:
    assert json.loads(report.as_json(FULL)) == {
        "events": 1383,
        "rejected": 13,
        "decisions": {"too-warm": 3},
        "suppressions": {"no_consent": 2},
        "messages": {"push": {"delivered": 3, "failed": 1}},
        "cases": 4,
        "touchpoints": 114,
    }
    assert report.as_json(FULL).endswith(b"\n")


def test_an_empty_database_is_all_zeros(connection: Connection) -> None:
    assert report.read(connection, 0) == EMPTY


def test_it_counts_what_stands_in_the_database(connection: Connection) -> None:
    checkpoints.save(connection, 0, Checkpoint(9, 40, b"", 0, {}), newest_at=0)
    connection.commit()
    checkpoints.save(connection, 1, Checkpoint(9, 2, b"", 0, {}), newest_at=0)
    case = cases.open_by_hand(connection, Case(id="", title="A question", customer_id="aiko"), by="mika")
    cases.open_by_hand(connection, Case(id="", title="Another", customer_id="aiko"), by="mika")
    cases.resolve(connection, case.id, resolution="Answered.", by="mika")
    no = Entry("n", "aiko", datetime(2026, 3, 1, tzinfo=UTC), "suppression", "No push", reason="no_consent")
    timeline.add(connection, [no])
    made = report.read(connection, rejected=7)
    assert (made.events, made.rejected, made.cases) == (42, 7, 2)
    assert made.suppressions == {"no_consent": 1}
    assert made.touchpoints == len(timeline.page(connection, "aiko", limit=100).items)
    assert (made.decisions, made.messages) == ({}, {})


def test_a_demo_in_which_nothing_arrived_has_failed() -> None:
    assert report.shortfall(EMPTY) == "no event of the simulated machines has arrived"
    assert report.shortfall(FULL) is None


def test_the_table_shows_every_number() -> None:
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(report.as_table(FULL))
    shown = out.getvalue()
    for part in ("1,383", "13", "too-warm 3", "no_consent 2", "delivered 3, failed 1", "114"):
        assert part in shown
    Console(file=out, width=120, color_system=None).print(report.as_table(EMPTY))
    assert "none" in out.getvalue()
