"""The connection that holds the locks is never exchanged for one that does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from gateway.storage import checkpoints
from gateway.storage.checkpoints import Checkpoint
from gateway.storage.database import connect
from gateway.worker.writer import Save, Writer
from rules.decision import Decision, Intervention

CHECKPOINT = Checkpoint(seq=7, events=3, shared=b"rules", clock=1, subjects={"a": b"state"})


def nothing_follows(connection: Connection, decision: Decision | Intervention, now: datetime) -> None:
    raise AssertionError("nothing is decided here")


class Place:
    """A writer on a connection, and another connection to look and to cut."""

    def __init__(self, url: str) -> None:
        self._engine = connect(url)
        self.connection = self._engine.connect()
        self.other = self._engine.connect()
        self.writer = Writer(self.connection, nothing_follows, lambda: datetime.now(UTC))

    def cut(self) -> None:
        """End the writer's connection, as another worker does with that of a silent one."""
        pid = self.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        self.connection.commit()
        self.other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        self.other.commit()

    def saved(self) -> int:
        """The position of partition 0's checkpoint."""
        with self.other.begin():
            return checkpoints.load(self.other, 0).seq

    def close(self) -> None:
        """End everything."""
        self.writer.close()
        self.connection.invalidate()
        self.connection.close()
        self.other.close()
        self._engine.dispose()


@pytest.fixture
async def place(database_url: str) -> AsyncIterator[Place]:
    made = Place(database_url)
    yield made
    made.close()


async def test_what_is_written_stands(place: Place) -> None:
    await place.writer.call(place.writer.commit, [Save((0, CHECKPOINT, 5))])
    assert place.saved() == 7


@pytest.mark.parametrize("in_a_transaction", [True, False])
async def test_after_the_connection_is_lost_nothing_is_written_by_a_new_one(
    place: Place, *, in_a_transaction: bool
) -> None:
    def ask() -> None:
        if in_a_transaction:
            with place.connection.begin():
                place.connection.execute(text("SELECT 1"))
        else:
            place.connection.execute(text("SELECT 1"))

    place.cut()
    with pytest.raises(OperationalError):
        await place.writer.call(ask)
    with pytest.raises(OperationalError):
        await place.writer.call(place.writer.commit, [Save((0, CHECKPOINT, 5))])
    assert place.saved() == 0
