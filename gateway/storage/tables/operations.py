"""What keeps the installation itself going."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_OBJECT, at, made, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    made(),
    at("revoked_at"),
)

secrets = Table(
    "secrets",
    metadata,
    # Made by Kizashi itself on first use and shared by its processes (what signs the console's cookies).
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    made(),
)

chores = Table(
    "chores",
    metadata,
    # What is done by the calendar, and when it was last done: a day that was missed is caught up on.
    Column("id", Text, primary_key=True),
    at("done_at", nullable=False),
    # What came of it.
    Column("report", JSONB, nullable=False, server_default=EMPTY_OBJECT),
)

troubles = Table(
    "troubles",
    metadata,
    # What the operations team was told of, or will be when it stays; gone when it is over and that was told too.
    Column("id", Text, primary_key=True),
    Column("summary", Text, nullable=False),
    at("began_at", nullable=False),
    at("seen_at", nullable=False),
    at("told_at"),
)
