"""The schema as SQLAlchemy Core tables. Migrations make it; a test keeps the two in step.

Columns for what is queried, JSONB for what is open-ended. All times are ``timestamptz`` except event times that came
from the log, which are milliseconds (``bigint``) as there. One module for each subject; whoever reads or writes a table
imports it from here, which also makes ``metadata`` know every one of them.
"""

from __future__ import annotations

from gateway.storage.tables.alerting import alerts, decisions, interventions
from gateway.storage.tables.columns import metadata
from gateway.storage.tables.contacting import contacts, digest_items, offer_codes
from gateway.storage.tables.fold import fault_counts, faults, partitions, subject_states, workers
from gateway.storage.tables.operations import api_keys, chores, secrets, troubles
from gateway.storage.tables.outbox import charges, links, messages, provider_alarms, rates, receipts, spending
from gateway.storage.tables.people import bad_addresses, consents, customers, erasures
from gateway.storage.tables.rulebook import rule_folders, rule_sets, template_sets
from gateway.storage.tables.support import case_comments, cases, timeline
from gateway.storage.tables.things import device_credentials, devices, stores

__all__ = [
    "alerts",
    "api_keys",
    "bad_addresses",
    "case_comments",
    "cases",
    "charges",
    "chores",
    "consents",
    "contacts",
    "customers",
    "decisions",
    "device_credentials",
    "devices",
    "digest_items",
    "erasures",
    "fault_counts",
    "faults",
    "interventions",
    "links",
    "messages",
    "metadata",
    "offer_codes",
    "partitions",
    "provider_alarms",
    "rates",
    "receipts",
    "rule_folders",
    "rule_sets",
    "secrets",
    "spending",
    "stores",
    "subject_states",
    "template_sets",
    "timeline",
    "troubles",
    "workers",
]
