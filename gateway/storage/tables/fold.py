"""How far each partition of the log is folded in, by whom, and what went wrong there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_LIST, made, metadata

partitions = Table(
    "partitions",
    metadata,
    Column("partition", Integer, primary_key=True),
    # Every event up to and including this record of the log is folded in.
    Column("seq", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
    # Rules and stores: written when they changed.
    Column("shared", LargeBinary, nullable=False),
    # The newest tick folded in, ms.
    Column("clock", BigInteger, nullable=False),
    Column("newest_at", BigInteger, nullable=False, server_default=text("0")),
    made("updated_at"),
)

subject_states = Table(
    "subject_states",
    metadata,
    Column("partition", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    PrimaryKeyConstraint("partition", "subject"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("backend_pid", Integer, nullable=False),
    Column("process_id", Integer, nullable=False),
    Column("partitions", JSONB, nullable=False, server_default=EMPTY_LIST),
    made("seen_at"),
)

faults = Table(
    "faults",
    metadata,
    # A rule that raised on an event: set aside with its trace. The same error again on the same device is counted, so a
    # rule that always raises fills no disk.
    Column("id", Text, primary_key=True),
    Column("count", BigInteger, nullable=False, server_default=text("1")),
    Column("rule_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("trace", Text, nullable=False),
    made("at"),
)

fault_counts = Table(
    "fault_counts",
    metadata,
    # How many failures there ever were: those above go when they are old. By partition, so that workers do not wait.
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
)
