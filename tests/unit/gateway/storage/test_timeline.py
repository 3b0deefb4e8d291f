"""Pages of the timeline: everything once, newest first, whatever is added meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from gateway.storage import timeline
from gateway.storage.cursors import CursorError
from gateway.storage.timeline import Entry

START = datetime(2026, 3, 1, tzinfo=UTC)
_numbers = count()

offsets = st.lists(st.integers(0, 5), max_size=25)
"""Seconds after ``START``; many entries share their moment."""
in_one_database = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def somebody() -> str:
    """A customer whom no other example has."""
    return f"customer-{next(_numbers)}"


def entries(customer_id: str, at: list[int]) -> list[Entry]:
    return [
        Entry(f"{customer_id}-{number}", customer_id, START + timedelta(seconds=second), "note", f"note {number}")
        for number, second in enumerate(at)
    ]


def walk(connection: Connection, customer_id: str, limit: int) -> list[Entry]:
    """All pages, one after the other."""
    found: list[Entry] = []
    cursor = None
    while True:
        page = timeline.page(connection, customer_id, cursor=cursor, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == limit, "only the last page may be short"
        cursor = page.next


@in_one_database
@given(at=offsets, limit=st.integers(1, 7))
def test_pages_of_any_size_give_every_entry_once_newest_first(
    connection: Connection, at: list[int], limit: int
) -> None:
    customer_id = somebody()
    written = entries(customer_id, at)
    timeline.add(connection, written)
    in_order = sorted(enumerate(written), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    assert walk(connection, customer_id, limit) == [entry for _, entry in in_order]


@in_one_database
@given(at=offsets, twice=offsets)
def test_writing_again_changes_nothing(connection: Connection, at: list[int], twice: list[int]) -> None:
    customer_id = somebody()
    timeline.add(connection, entries(customer_id, at))
    before = walk(connection, customer_id, 10)
    timeline.add(connection, entries(customer_id, twice[: len(at)]))
    assert walk(connection, customer_id, 10) == before


@in_one_database
@given(at=offsets.filter(lambda at: len(at) >= 3), newer=st.lists(st.integers(6, 9), max_size=5))
def test_what_is_added_while_somebody_reads_shifts_nothing(
    connection: Connection, at: list[int], newer: list[int]
) -> None:
    customer_id = somebody()
    timeline.add(connection, entries(customer_id, at))
    whole = walk(connection, customer_id, 100)
    first = timeline.page(connection, customer_id, limit=2)
    added = [
        Entry(f"{customer_id}-new-{n}", customer_id, START + timedelta(seconds=second), "note", "new")
        for n, second in enumerate(newer)
    ]
    timeline.add(connection, added)
    rest = timeline.page(connection, customer_id, cursor=first.next, limit=100)
    assert first.items + rest.items == whole


def test_a_page_holds_one_customer_only(connection: Connection) -> None:
    mine, other = somebody(), somebody()
    timeline.add(connection, [*entries(mine, [1, 2]), *entries(other, [1, 2])])
    assert {entry.customer_id for entry in walk(connection, mine, 1)} == {mine}


def test_an_exact_last_page_has_no_cursor(connection: Connection) -> None:
    customer_id = somebody()
    timeline.add(connection, entries(customer_id, [1, 2, 3, 4]))
    second = timeline.page(
        connection, customer_id, cursor=timeline.page(connection, customer_id, limit=2).next, limit=2
    )
    assert len(second.items) == 2
    assert second.next is None


def test_nothing_is_an_empty_page(connection: Connection) -> None:
    assert timeline.page(connection, somebody()) == ([], None)
    timeline.add(connection, [])


def test_everything_about_an_entry_comes_back(connection: Connection) -> None:
    customer_id = somebody()
    entry = Entry(
        id=f"{customer_id}-all",
        customer_id=customer_id,
        at=START,
        kind="suppression",
        summary="静かな時間",
        channel="push",
        direction="out",
        device_id="chiller-1",
        store_id="ginza",
        rule_id="too-warm",
        decision_id="d1",
        message_id="m1",
        case_id="c1",
        reason="quiet_hours",
        detail={"inputs": {"until": 1, "nested": [1.5, None, "é"]}},
    )
    timeline.add(connection, [entry])
    assert timeline.page(connection, customer_id).items == [entry]


@pytest.mark.parametrize("cursor", ["", "x", "====", "bm9wZQ", "MjAyNi0wMy0wMQ", "é", "MjAyNi0wMy0wMS94", "a" * 5000])
def test_a_cursor_that_was_not_given_is_refused_by_name(connection: Connection, cursor: str) -> None:
    with pytest.raises(CursorError, match="cursor: not one that this API gave"):
        timeline.page(connection, somebody(), cursor=cursor)


@in_one_database
@given(cursor=st.text(max_size=40))
def test_no_text_for_a_cursor_does_anything_worse_than_being_refused(connection: Connection, cursor: str) -> None:
    with pytest.raises(CursorError):
        timeline.page(connection, somebody(), cursor=cursor)
