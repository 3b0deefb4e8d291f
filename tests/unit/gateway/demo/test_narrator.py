"""Each touchpoint is told once, as one line that a person can follow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Connection

from gateway.demo.narrator import LOOK_BACK, Narrator
from gateway.storage import customers, timeline
from gateway.storage.customers import Customer
from gateway.storage.database import connect
from gateway.storage.timeline import Entry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    engine = connect(database_url)
    with engine.connect() as made:
        customers.put(made, Customer(id="aiko", name="相川 愛子"))
        yield made
        made.rollback()
    engine.dispose()


class Teller:
    """A narrator that speaks into a string."""

    def __init__(self, connection: Connection) -> None:
        self._out = io.StringIO()
        self._narrator = Narrator(Console(file=self._out, width=200, color_system=None))
        self._connection = connection

    def tell(self, elapsed: float = 1.0) -> list[str]:
        """The lines that are new."""
        self._out.seek(0)
        self._out.truncate()
        count = self._narrator.tell(self._connection, elapsed)
        lines = self._out.getvalue().splitlines()
        assert count == len(lines)
        return lines


def entry(name: str, kind: timeline.Kind = "note", **more: Any) -> Entry:
    return Entry(**{"id": name, "customer_id": "aiko", "at": NOW, "kind": kind, "summary": f"about {name}", **more})


def test_every_entry_is_told_once_in_the_order_of_writing(connection: Connection) -> None:
    teller = Teller(connection)
    timeline.add(connection, [entry("a"), entry("b")])
    assert [line.split()[-1] for line in teller.tell()] == ["a", "b"]
    timeline.add(connection, [entry("c")])
    assert [line.split()[-1] for line in teller.tell()] == ["c"]
    assert teller.tell() == []


def test_more_entries_than_it_looks_back_on_are_all_told_and_none_again(connection: Connection) -> None:
    teller = Teller(connection)
    for batch in range(6):
        timeline.add(connection, [entry(f"{batch}-{number}") for number in range(LOOK_BACK)])
        assert len(teller.tell()) == LOOK_BACK
    assert teller.tell() == []


def test_a_line_says_when_whom_and_why_not(connection: Connection) -> None:
    timeline.add(connection, [entry("x", "suppression", reason="quiet_hours", summary="No push: it is night")])
    (line,) = Teller(connection).tell(elapsed=12.34)
    assert line.split() == ["12.3", "s", "silent", "相川", "愛子", "No", "push:", "it", "is", "night", "[quiet_hours]"]


@pytest.mark.parametrize(
    ("kind", "detail", "word"),
    [
        ("alert", {"transition": "firing"}, "alert"),
        ("alert", {"transition": "resolved"}, "resolved"),
        ("alert", {"transition": "firing", "purpose": "offers"}, "visit"),
        ("message", {}, "message"),
        ("order", {}, "order"),
    ],
)
def test_the_kind_of_a_line_is_in_plain_words(
    connection: Connection, kind: timeline.Kind, detail: dict[str, Any], word: str
) -> None:
    timeline.add(connection, [entry("x", kind, detail=detail)])
    (line,) = Teller(connection).tell()
    assert line.split()[2] == word


def test_an_erased_customer_is_named_by_id_and_markup_is_only_text(connection: Connection) -> None:
    timeline.add(connection, [entry("x", customer_id="gone", summary="[bold]not bold[/bold] [link=x]")])
    (line,) = Teller(connection).tell()
    assert "gone" in line
    assert line.endswith("[bold]not bold[/bold] [link=x]")
