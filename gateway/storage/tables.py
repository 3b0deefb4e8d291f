"""The schema as SQLAlchemy Core tables. Migrations make it; a test keeps the two in step.

Columns for what is queried, JSONB for what is open-ended. All times are ``timestamptz`` except event times that came
from the log, which are milliseconds (``bigint``) as there.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

_now = text("now()")
_empty_object = text("'{}'::jsonb")
_empty_list = text("'[]'::jsonb")


def _at(name: str, *, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _made(name: str = "created_at") -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=_now)


customers = Table(
    "customers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("locale", Text, nullable=False, server_default="en"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("addresses", JSONB, nullable=False, server_default=_empty_object),
    Column("preferred_channels", JSONB, nullable=False, server_default=_empty_list),
    Column("attributes", JSONB, nullable=False, server_default=_empty_object),
    _made(),
    _made("updated_at"),
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
    _made("at"),
    PrimaryKeyConstraint("customer_id", "purpose", "channel"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False, server_default=""),
    Column("profile", Text, nullable=False, server_default=""),
    Column("owner", Text),
    Column("store", Text),
    Column("tags", JSONB, nullable=False, server_default=_empty_list),
    Column("attributes", JSONB, nullable=False, server_default=_empty_object),
    # False until the log has this version of the row: the log is what rules read.
    Column("logged", Boolean, nullable=False, server_default=text("false")),
    _made(),
    _made("updated_at"),
    Index("devices_owner", "owner"),
    Index("devices_unlogged", "id", postgresql_where=text("NOT logged")),
)

device_credentials = Table(
    "device_credentials",
    metadata,
    Column("device_id", Text, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    # "sha256:" and hex: enough for a generated password of 256 bits.
    Column("password_hash", Text, nullable=False),
    _made(),
)

stores = Table(
    "stores",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("geofence", JSONB, nullable=False, server_default=_empty_object),
    Column("tags", JSONB, nullable=False, server_default=_empty_list),
    Column("opening_hours", JSONB, nullable=False, server_default=_empty_object),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("logged", Boolean, nullable=False, server_default=text("false")),
    _made(),
    _made("updated_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    _made(),
    _at("revoked_at"),
)

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("version", Text, primary_key=True),
    Column("files", JSONB, nullable=False),
    _made(),
    # Set when every partition's log has it.
    _at("published_at"),
)

template_sets = Table(
    "template_sets",
    metadata,
    Column("version", Text, primary_key=True),
    # Those of templates.dir alone; the shipped ones come with the program.
    Column("files", JSONB, nullable=False),
    _made(),
)

rule_folders = Table(
    "rule_folders",
    metadata,
    # What was last made of rules.dir, and of templates.dir. Each row is named after its setting.
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    # Of the newest set from it that could be used; NULL: there was none.
    Column("version", Text),
    # What is wrong with it now; what held before still does.
    Column("problems", JSONB, nullable=False, server_default=_empty_list),
    _made("looked_at"),
)

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
    _made("updated_at"),
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
    Column("partitions", JSONB, nullable=False, server_default=_empty_list),
    _made("seen_at"),
)

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
    _made("made_at"),
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
    # The rule whose alert spoke for it at the newest decision.
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
    # What people said of alerts while they fired. (Resolving is a decision.)
    Column("id", Text, primary_key=True),
    Column("alert_id", Text, ForeignKey("alerts.id", ondelete="CASCADE"), nullable=False),
    # acknowledge, snooze
    Column("action", Text, nullable=False),
    Column("by", Text, nullable=False),
    # Our time, ms; so is until.
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Index("interventions_alert", "alert_id"),
)

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
    Column("steps", JSONB, nullable=False, server_default=_empty_list),
    Column("step", Integer, nullable=False, server_default=text("0")),
    # When the plan must be looked at next: release of a hold, or escalation. NULL: only an outcome moves it.
    _at("due_at"),
    _at("expires_at"),
    _made(),
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
    _at("expires_at"),
    _at("at", nullable=False),
    _at("due_at", nullable=False),
    PrimaryKeyConstraint("customer_id", "decision_id"),
    Index("digest_items_due", "due_at"),
)

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
    _at("due_at", nullable=False),
    # While sending: until when the claim holds. While unknown: when to settle it.
    _at("lease_until"),
    Column("lease_owner", Text),
    _at("first_sent_at"),
    _at("expires_at"),
    _made(),
    _made("updated_at"),
    Index("messages_due", "channel", "due_at", postgresql_where=text("state = 'queued'")),
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
    Column("detail", JSONB, nullable=False, server_default=_empty_object),
    _made("at"),
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
    _at("expires_at", nullable=False),
    Index("links_message", "message_id"),
)

offer_codes = Table(
    "offer_codes",
    metadata,
    # One for each customer told of a decision whose rule gives codes.
    Column("code", Text, primary_key=True),
    Column("decision_id", Text, nullable=False),
    Column("customer_id", Text, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("rule_id", Text, nullable=False),
    _made("made_at"),
    # NULL: nobody has come with it yet.
    _at("redeemed_at"),
    Column("order_id", Text),
    Column("amount", Numeric),
    Column("currency", Text),
    Column("store_id", Text),
    Index("offer_codes_decision", "decision_id", "customer_id", unique=True),
    Index("offer_codes_customer", "customer_id"),
    Index("offer_codes_rule", "rule_id", "made_at"),
    Index("offer_codes_made", "made_at"),
)

bad_addresses = Table(
    "bad_addresses",
    metadata,
    # Mail to them came back for good; the contact policy does not use them.
    Column("customer_id", Text, ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("reason", Text, nullable=False),
    _made("at"),
    PrimaryKeyConstraint("customer_id", "channel", "address"),
)

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
    Column("evidence", JSONB, nullable=False, server_default=_empty_object),
    # The condition that opened it no longer holds; a person still closes the case.
    _at("recovered_at"),
    _made("opened_at"),
    _at("resolved_at"),
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
    _made("at"),
    Index("case_comments_case", "case_id", "at"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", Text, primary_key=True),
    Column("customer_id", Text, nullable=False),
    _at("at", nullable=False),
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
    Column("detail", JSONB, nullable=False, server_default=_empty_object),
    # Entries of one moment keep the order in which they were written.
    Column("ordinal", BigInteger, Identity(always=True), nullable=False),
    Index("timeline_page", "customer_id", text("at DESC"), text("ordinal DESC")),
    Index("timeline_newest", "ordinal"),
    Index("timeline_at", "at"),
    Index("timeline_reason", "reason", postgresql_where=text("reason IS NOT NULL")),
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
    _made("at"),
)

provider_alarms = Table(
    "provider_alarms",
    metadata,
    # Our configuration is at fault with this provider (credentials, sender): an operator must look.
    Column("provider", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    _made("at"),
)

troubles = Table(
    "troubles",
    metadata,
    # What the operations team was told of, or will be when it stays; gone when it is over and that was told too.
    Column("id", Text, primary_key=True),
    Column("summary", Text, nullable=False),
    _at("began_at", nullable=False),
    _at("seen_at", nullable=False),
    _at("told_at"),
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

erasures = Table(
    "erasures",
    metadata,
    # Customers erased lately, by a keyed hash of their id, for as long as the event log may still name them: what is
    # decided from it names nobody. Gone when somebody of that id is put on record again.
    Column("digest", LargeBinary, primary_key=True),
    _made("at"),
)

chores = Table(
    "chores",
    metadata,
    # What is done by the calendar, and when it was last done: a day that was missed is caught up on.
    Column("id", Text, primary_key=True),
    _at("done_at", nullable=False),
    # What came of it.
    Column("report", JSONB, nullable=False, server_default=_empty_object),
)

rates = Table(
    "rates",
    metadata,
    # Buckets of tokens that all processes share: by provider, what may still go of so many messages a second.
    Column("name", Text, primary_key=True),
    Column("saved", Double, nullable=False),
    _at("at", nullable=False),
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

secrets = Table(
    "secrets",
    metadata,
    # Made by Kizashi itself on first use and shared by its processes (what signs the console's cookies).
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    _made(),
)
