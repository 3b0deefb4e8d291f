"""Cases, and the timeline that agents read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_OBJECT, at, made, metadata

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alert_id", Text, unique=True),
    Column("customer_id", Text),
    Column("device_id", Text),
    Column("title", Text, nullable=False),
    Column("queue", Text, nullable=False, server_default="support"),
    Column("priority", Text, nullable=False, server_default="normal"),
    # open, resolved
    Column("state", Text, nullable=False, server_default="open"),
    Column("assignee", Text),
    Column("severity", Text),
    Column("evidence", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    # The condition that opened it no longer holds; a person still closes the case.
    at("recovered_at"),
    made("opened_at"),
    at("resolved_at"),
    Index("cases_state", "state", "opened_at"),
    Index("cases_customer", "customer_id"),
    Index("cases_open_device", "device_id", postgresql_where=text("state = 'open'")),
)

case_comments = Table(
    "case_comments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False),
    Column("author", Text, nullable=False),
    Column("body", Text, nullable=False),
    made("at"),
    Index("case_comments_case", "case_id", "at"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    at("at", nullable=False),
    Column("kind", Text, nullable=False),
    Column("channel", Text),
    Column("direction", Text),
    Column("summary", Text, nullable=False),
    Column("device_id", Text),
    Column("store_id", Text),
    Column("rule_id", Text),
    Column("decision_id", Text),
    Column("message_id", Text),
    Column("case_id", Text),
    Column("reason", Text),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    # Entries of one moment keep the order in which they were written.
    Column("ordinal", BigInteger, Identity(always=True), nullable=False),
    Index("timeline_page", "customer_id", text("at DESC"), text("ordinal DESC")),
    Index("timeline_newest", "ordinal"),
    Index("timeline_at", "at"),
    Index("timeline_reason", "reason", postgresql_where=text("reason IS NOT NULL")),
)
