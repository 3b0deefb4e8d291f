"""Customers, what they agreed to, and what is left of those who were erased."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_LIST, EMPTY_OBJECT, made, metadata

customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("locale", Text, nullable=False, server_default="en"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("addresses", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("preferred_channels", JSONB, nullable=False, server_default=EMPTY_LIST),
    Column("attributes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    made(),
    made("updated_at"),
    # A reply names its sender by number alone, in E.164; people write spaces and hyphens.
    Index("customers_sms", text("regexp_replace(addresses->>'sms', '[^0-9+]', '', 'g')")),
)

consents = Table(
    "consents",
    metadata,
    Column("customer_id", Text, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    made("at"),
    # When the customer took it back themselves (STOP, the link, a complaint): no import lifts that.
    Column("revoked_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("customer_id", "purpose", "channel"),
)

bad_addresses = Table(
    "bad_addresses",
    metadata,
    # Mail to them came back for good; the contact policy does not use them.
    Column("customer_id", Text, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    made("at"),
    PrimaryKeyConstraint("customer_id", "channel", "address"),
)

erasures = Table(
    "erasures",
    metadata,
    # Customers erased lately, by a keyed hash of their id, for as long as the event log may still name them: what is
    # decided from it names nobody. Gone when somebody of that id is put on record again.
    Column("digest", LargeBinary, primary_key=True),
    made("at"),
)
