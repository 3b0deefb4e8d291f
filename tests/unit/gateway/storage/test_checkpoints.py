"""What a worker saved is what the next one loads."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from gateway.storage import checkpoints
from gateway.storage.checkpoints import Checkpoint
from gateway.storage.tables import partitions

_numbers = count()
in_one_database = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
subjects = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12),
    st.binary(max_size=40),
    max_size=6,
)


@st.composite
def saves(draw: st.DrawFn) -> list[Checkpoint]:
    """Checkpoints of one partition as a worker makes them: positions grow, the shared part is there at first."""
    made: list[Checkpoint] = []
    seq = events = clock = 0
    for number in range(draw(st.integers(1, 5))):
        seq += draw(st.integers(1, 1000))
        events += draw(st.integers(0, 1000))
        clock += draw(st.integers(0, 10_000))
        shared = draw(st.binary(max_size=30)) if number == 0 or draw(st.booleans()) else None
        made.append(Checkpoint(seq, events, shared, clock, draw(subjects)))
    return made


@in_one_database
@given(made=saves())
def test_the_last_of_each_part_is_loaded(connection: Connection, made: list[Checkpoint]) -> None:
    partition = next(_numbers)
    for checkpoint in made:
        checkpoints.save(connection, partition, checkpoint, newest_at=checkpoint.clock)
        # Each is a transaction of its own; the temporary table empties itself at its end.
        connection.commit()
    loaded = checkpoints.load(connection, partition)
    last = made[-1]
    assert (loaded.seq, loaded.events, loaded.clock) == (last.seq, last.events, last.clock)
    assert loaded.shared == next(each.shared for each in reversed(made) if each.shared is not None)
    assert loaded.subjects == {name: state for each in made for name, state in each.subjects.items()}


def test_a_partition_without_a_checkpoint_begins_at_the_beginning(connection: Connection) -> None:
    assert checkpoints.load(connection, next(_numbers)) == Checkpoint(0, 0, None, 0, {})


def test_partitions_keep_to_themselves(connection: Connection) -> None:
    one, other = next(_numbers), next(_numbers)
    checkpoints.save(connection, one, Checkpoint(5, 5, b"one", 5, {"device": b"a"}), newest_at=1)
    connection.commit()
    checkpoints.save(connection, other, Checkpoint(9, 9, b"other", 9, {"device": b"b"}), newest_at=2)
    assert checkpoints.load(connection, one) == Checkpoint(5, 5, b"one", 5, {"device": b"a"})
    assert checkpoints.load(connection, other) == Checkpoint(9, 9, b"other", 9, {"device": b"b"})


def test_what_is_not_committed_is_not_there(connection: Connection) -> None:
    partition = next(_numbers)
    checkpoints.save(connection, partition, Checkpoint(5, 5, b"x", 5, {"device": b"a"}), newest_at=1)
    connection.rollback()
    assert checkpoints.load(connection, partition) == Checkpoint(0, 0, None, 0, {})


def test_the_newest_event_time_is_kept_for_the_lag(connection: Connection) -> None:
    partition = next(_numbers)
    checkpoints.save(connection, partition, Checkpoint(5, 5, b"x", 5, {}), newest_at=1_767_225_600_000)
    found = connection.execute(select(partitions.c.newest_at).where(partitions.c.partition == partition)).scalar_one()
    assert found == 1_767_225_600_000
