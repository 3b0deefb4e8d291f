"""Messages, what came back about each, and what they may cost."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_OBJECT, at, made, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("contact_id", Text, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("decision_id", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("step", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("html", Text),
    # The short address in it, where it has one; links tells where that leads.
    Column("link", Text),
    # held queued sending accepted delivered read clicked failed unknown expired withdrawn
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("provider", Text),
    Column("provider_id", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # Attempts before a person sent it again: they count no more.
    Column("forgiven", Integer, nullable=False, server_default=text("0")),
    at("due_at", nullable=False),
    # While sending: until when the claim holds. While unknown: when to settle it.
    at("lease_until"),
    Column("lease_owner", Text),
    at("first_sent_at"),
    # Not from here on: the customer's quiet hours begin.
    at("quiet_from"),
    at("expires_at"),
    made(),
    made("updated_at"),
    Index("messages_due", "channel", "due_at", postgresql_where=text("state = 'queued'")),
    # What the night may overtake.
    Index("messages_rest", "quiet_from", postgresql_where=text("state = 'queued' AND quiet_from IS NOT NULL")),
    Index("messages_leased", "lease_until", postgresql_where=text("state IN ('sending', 'unknown')")),
    Index("messages_contact", "contact_id", "step"),
    Index("messages_customer_newest", "customer_id", "created_at"),
    Index("messages_newest", "created_at", "id"),
    Index("messages_ended_badly", "created_at", "id", postgresql_where=text("state = 'failed'")),
    # Whose texts and addresses are still kept.
    Index("messages_worded", "created_at", postgresql_where=text("address <> ''")),
    # A provider is asked about a number: what it says may be about any message to it.
    Index("messages_numbers", "address", postgresql_where=text("channel = 'sms'")),
)

receipts = Table(
    "receipts",
    metadata,
    # What a provider, the app, a link or a bounce told us, once each.
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    # The message's, so that counting receipts reads no messages.
    Column("channel", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    made("at"),
    PrimaryKeyConstraint("message_id", "provider_id", "status"),
    Index("receipts_counted", "channel", "status"),
)

links = Table(
    "links",
    metadata,
    # Where the short addresses in messages lead: /c/{token}.
    Column("token", Text, primary_key=True),
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("target", Text, nullable=False),
    at("expires_at", nullable=False),
    Index("links_message", "message_id"),
)

spending = Table(
    "spending",
    metadata,
    # Units (SMS segments, else messages) taken in a day, UTC: by channel, by number and by block of numbers.
    Column("day", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("used", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "kind", "key"),
)

charges = Table(
    "charges",
    metadata,
    # What a message took out of the day's budget, while that may yet be given back.
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, nullable=False),
    Column("units", Integer, nullable=False),
    # The provider may charge for it; false once it is certain that it did not.
    Column("charged", Boolean, nullable=False),
    # It is in the sums of spending; where that differs from charged, the next to take sets it right.
    Column("counted", Boolean, nullable=False),
    Index("charges_pending", "day", postgresql_where=text("charged <> counted")),
)

rates = Table(
    "rates",
    metadata,
    # Buckets of tokens that all processes share: by provider, what may still go of so many messages a second.
    Column("name", Text, primary_key=True),
    Column("saved", Double, nullable=False),
    at("at", nullable=False),
)

provider_alarms = Table(
    "provider_alarms",
    metadata,
    # Our configuration is at fault with this provider (credentials, sender): an operator must look.
    Column("provider", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    made("at"),
)
