"""What the outbox counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("kizashi_messages", "Messages that came into a state", ["channel", "state"])
OUTCOMES = Counter("kizashi_send_outcomes", "What sends came to", ["channel", "outcome"])
SUPPRESSIONS = Counter("kizashi_suppressions", "Contacts or channels refused by the contact policy", ["reason"])
SPENT = Counter("kizashi_spent_units", "SMS segments, else messages, taken out of daily budgets", ["channel"])
GIVEN_BACK = Counter("kizashi_units_given_back", "Units of daily budgets that were not charged after all", ["channel"])
CONTACTS = Counter("kizashi_contacts", "Contacts that came into a state", ["state"])
OPEN = Gauge("kizashi_provider_paused", "1 while a provider in trouble is left alone", ["provider"])
SEND_SECONDS = Histogram(
    "kizashi_send_seconds",
    "Time of one request to a provider",
    ["channel"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
QUEUE_SECONDS = Histogram(
    "kizashi_queue_seconds",
    "From due in the outbox to the provider request",
    ["channel"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)
