"""What rules decided, and the alerts that follow from it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import made, metadata

decisions = Table(
    "decisions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("customer_id", Text),
    Column("store_id", Text),
    Column("transition", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("index", Integer, nullable=False),
    Column("values", JSONB, nullable=False),
    Column("explanation", JSONB, nullable=False),
    made("made_at"),
    Index("decisions_subject", "subject", "at"),
    Index("decisions_alert", "alert_id"),
    Index("decisions_rule_customer", "rule_id", "customer_id"),
    Index("decisions_customer", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
    Index("decisions_made", "made_at"),
)

alerts = Table(
    "alerts",
    metadata,
    # The id of the decision that opened the episode.
    Column("id", Text, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("customer_id", Text),
    Column("severity", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fired_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    # When its severity last rose; the severity itself is the present one.
    Column("raised_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", Text),
    Column("snoozed_until", BigInteger),
    # The rule whose alert speaks for it, since the newest decision or since then.
    Column("inhibited_by", Text),
    # NULL: it recovered. Else time, withdrawn, passed, or who resolved it.
    Column("ended_by", Text),
    Index("alerts_subject", "subject", "fired_at"),
    Index("alerts_rule", "rule_id", "fired_at"),
    Index("alerts_customer", "customer_id", "fired_at"),
    Index("alerts_open", "customer_id", postgresql_where=text("state = 'firing'")),
    Index("alerts_fired", "fired_at"),
)

interventions = Table(
    "interventions",
    metadata,
    # What people said of alerts while they fired (resolving is a decision), and when other alerts spoke for them.
    Column("id", Text, primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    # acknowledge, snooze, inhibit, release
    Column("action", Text, nullable=False),
    # The person, or the other rule.
    Column("by", Text, nullable=False),
    # Our time, ms; so is until.
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Index("interventions_alert", "alert_id"),
)
