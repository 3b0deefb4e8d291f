"""Attempts to reach a customer: the plan, what waits for a digest, and codes given on the way."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Numeric, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_LIST, at, made, metadata

contacts = Table(
    "contacts",
    metadata,
    # One attempt to reach one customer because of one decision: the channel plan and how far it has come.
    Column("id", Text, primary_key=True),
    Column("decision_id", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    # held, active, acknowledged, done, exhausted, withdrawn, expired
    Column("state", Text, nullable=False),
    # The contact request and the render context: what release and the next steps need.
    Column("request", JSONB, nullable=False),
    Column("context", JSONB, nullable=False),
    Column("steps", JSONB, nullable=False, server_default=EMPTY_LIST),
    Column("step", Integer, nullable=False, server_default=text("0")),
    # When the plan must be looked at next: release of a hold, or escalation. NULL: only an outcome moves it.
    at("due_at"),
    at("expires_at"),
    made(),
    Index("contacts_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("contacts_rule_customer", "rule_id", "customer_id", "created_at"),
    Index("contacts_alert", "alert_id"),
    Index("contacts_customer", "customer_id"),
    Index("contacts_made", "created_at"),
)

digest_items = Table(
    "digest_items",
    metadata,
    # What a frequency cap refused and the customer's next digest tells.
    Column("customer_id", Text, nullable=False),
    Column("decision_id", Text, nullable=False),
    Column("alert_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("summary", Text, nullable=False),
    # The contact request that was refused.
    Column("request", JSONB, nullable=False),
    at("expires_at"),
    at("at", nullable=False),
    at("due_at", nullable=False),
    PrimaryKeyConstraint("customer_id", "decision_id"),
    Index("digest_items_due", "due_at"),
)

offer_codes = Table(
    "offer_codes",
    metadata,
    # One for each customer told of a decision whose rule gives codes.
    Column("code", Text, primary_key=True),
    Column("decision_id", Text, nullable=False),
    Column("customer_id", Text, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("rule_id", Text, nullable=False),
    made("made_at"),
    # NULL: nobody has come with it yet.
    at("redeemed_at"),
    Column("order_id", Text),
    Column("amount", Numeric),
    Column("currency", Text),
    Column("store_id", Text),
    Index("offer_codes_decision", "decision_id", "customer_id", unique=True),
    Index("offer_codes_customer", "customer_id"),
    Index("offer_codes_rule", "rule_id", "made_at"),
    Index("offer_codes_made", "made_at"),
)
