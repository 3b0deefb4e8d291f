"""Writes that nothing in their transaction reads: together at its end, in their order, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from gateway.storage import timeline, unread, wake

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


def entry(number: int) -> timeline.Entry:
    return timeline.Entry(id=f"t{number}", customer_id="yuki", at=NOW, kind="note", summary=str(number))


def on_record(connection: Connection) -> list[str]:
    return [each.summary for each in reversed(timeline.page(connection, "yuki").items)]


def test_what_is_kept_back_is_written_in_order_at_the_end_of_the_block(connection: Connection) -> None:
    with unread.kept_back(connection):
        timeline.add(connection, [entry(1), entry(2)])
        timeline.add(connection, [entry(3)])
        assert on_record(connection) == []
    assert on_record(connection) == ["1", "2", "3"]


def test_outside_of_a_block_it_is_written_at_once(connection: Connection) -> None:
    timeline.add(connection, [entry(1)])
    assert on_record(connection) == ["1"]


def test_nothing_of_a_block_that_fails_is_written_nor_left_for_the_next(connection: Connection) -> None:
    with contextlib.suppress(LookupError), unread.kept_back(connection):
        timeline.add(connection, [entry(1)])
        raise LookupError
    with unread.kept_back(connection):
        timeline.add(connection, [entry(2)])
    assert on_record(connection) == ["2"]


def test_entries_and_wakes_of_a_block_take_one_statement_each(engine: Engine) -> None:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    with engine.begin() as connection:
        event.listen(engine, "before_cursor_execute", note)
        with unread.kept_back(connection):
            for number in range(5):
                timeline.add(connection, [entry(number)])
                wake.notify(connection, wake.OUTBOX)
        event.remove(engine, "before_cursor_execute", note)
    assert [statement.partition("(")[0].split()[0] for statement in said] == ["INSERT", "SELECT"]


def test_each_way_of_writing_is_called_once_with_all_it_was_given(engine: Engine) -> None:
    calls: list[tuple[str, list[int]]] = []

    def odd(_connection: Connection, items: Sequence[int]) -> None:
        calls.append(("odd", list(items)))

    def even(_connection: Connection, items: Sequence[int]) -> None:
        calls.append(("even", list(items)))

    with engine.begin() as connection, unread.kept_back(connection):
        for number in range(1, 6):
            unread.add(connection, odd if number % 2 else even, [number])
    assert calls == [("odd", [1, 3, 5]), ("even", [2, 4])]


def test_every_wake_of_a_block_is_heard_once(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listener:
        listener.execute(text(f"LISTEN {wake.TIMELINE}"))
        with engine.begin() as connection, unread.kept_back(connection):
            for who in ("yuki", "kenji", "yuki"):
                wake.notify(connection, wake.TIMELINE, who)
        driver: Any = listener.connection.driver_connection
        heard = [each.payload for each in driver.notifies(timeout=5.0, stop_after=2)]
    assert sorted(heard) == ["kenji", "yuki"]
