"""A partition's checkpoint: the states that changed and the log position, in one transaction."""

from __future__ import annotations

from typing import NamedTuple

import psycopg
from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import partitions, subject_states


class Checkpoint(NamedTuple):
    """What a worker needs to go on: everything up to and including record ``seq`` is folded in."""

    seq: int
    events: int
    """Events folded so far, over the partition's whole life."""
    shared: bytes | None
    """Rules and stores. To save: ``None`` where they did not change. Loaded: ``None`` where there is no checkpoint."""
    clock: int
    """The newest tick folded in, ms."""
    subjects: dict[str, bytes]


def load(connection: Connection, partition: int) -> Checkpoint:
    """The last checkpoint of ``partition``, or an empty one at position 0."""
    row = connection.execute(
        select(partitions.c.seq, partitions.c.events, partitions.c.shared, partitions.c.clock).where(
            partitions.c.partition == partition
        )
    ).one_or_none()
    if row is None:
        return Checkpoint(0, 0, None, 0, {})
    states = connection.execute(
        select(subject_states.c.subject, subject_states.c.state).where(subject_states.c.partition == partition)
    )
    subjects = {subject: bytes(state) for subject, state in states}
    return Checkpoint(row.seq, row.events, bytes(row.shared), row.clock, subjects)


def load_subject(connection: Connection, partition: int, subject: str) -> Checkpoint:
    """The last checkpoint of ``partition`` with one subject's state only; an empty one where there is none."""
    joined = partitions.outerjoin(
        subject_states,
        (subject_states.c.partition == partitions.c.partition) & (subject_states.c.subject == subject),
    )
    # One statement, so that the state and the position are of the same checkpoint.
    query = select(
        partitions.c.seq, partitions.c.events, partitions.c.shared, partitions.c.clock, subject_states.c.state
    )
    row = connection.execute(query.select_from(joined).where(partitions.c.partition == partition)).one_or_none()
    if row is None:
        return Checkpoint(0, 0, None, 0, {})
    subjects = {} if row.state is None else {subject: bytes(row.state)}
    return Checkpoint(row.seq, row.events, bytes(row.shared), row.clock, subjects)


def save(connection: Connection, partition: int, checkpoint: Checkpoint, *, newest_at: int) -> None:
    """Write what changed, and the position; the caller commits. ``newest_at``: newest event time folded, ms.

    The first checkpoint of a partition must bring its shared part. One partition a transaction: the temporary table
    that the states go through empties itself at commit.
    """
    values = {
        "seq": checkpoint.seq,
        "events": checkpoint.events,
        "clock": checkpoint.clock,
        "newest_at": newest_at,
        "updated_at": func.now(),
    }
    if checkpoint.shared is None:
        connection.execute(update(partitions).where(partitions.c.partition == partition).values(values))
    else:
        values["shared"] = checkpoint.shared
        statement = insert(partitions).values(partition=partition, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["partition"], set_=values))
    if checkpoint.subjects:
        _copy_subjects(connection, partition, checkpoint.subjects)


def _copy_subjects(connection: Connection, partition: int, subjects: dict[str, bytes]) -> None:
    """COPY into a temporary table, then upsert: many times the rate of single statements."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_states (subject text, state bytea) ON COMMIT DELETE ROWS"
        )
        with cursor.copy("COPY incoming_states (subject, state) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "bytea"])
            # Sorted, so that the upsert touches the index in order.
            for subject in sorted(subjects):
                copy.write_row((subject, subjects[subject]))
        cursor.execute(
            "INSERT INTO subject_states (partition, subject, state) SELECT %s, subject, state FROM incoming_states"
            " ON CONFLICT (partition, subject) DO UPDATE SET state = excluded.state",
            (partition,),
        )
