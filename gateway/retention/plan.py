"""What is kept for how long: every table stands here, with the setting that ends it or the reason why nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gateway.log import Limits
from gateway.settings import Retention, Settings, milliseconds
from gateway.storage import spending


class Ended(NamedTuple):
    """A kind of rows that goes when it is old enough."""

    kind: str
    """As in ``storage.prunable``; also the setting below ``retention``, unless ``fixed``."""
    what: str
    """For people, in a few words."""
    tables: tuple[str, ...]
    """From which something goes."""
    fixed: timedelta | None = None
    """Not for the deployer to choose."""


PLAN: Final = (
    Ended("message_texts", "texts and addresses of messages", ("messages", "receipts")),
    Ended(
        "messages",
        "messages, their contacts, receipts and links",
        ("contacts", "messages", "receipts", "links", "charges"),
    ),
    Ended("decisions", "decisions with their explanations", ("decisions",)),
    Ended("alerts", "alerts that are over, and what people said of them", ("alerts", "interventions")),
    Ended("cases", "resolved cases with their comments", ("cases", "case_comments")),
    Ended("timeline", "timeline entries", ("timeline",)),
    Ended("consent_history", "timeline entries about consent", ("timeline",)),
    Ended("offer_codes", "offer codes", ("offer_codes",)),
    Ended("bad_addresses", "addresses that are not used any more", ("bad_addresses",)),
    Ended("digest_items", "what waited for a digest that never came", ("digest_items",)),
    Ended("spending", "what each channel spent, by day", ("spending",)),
    Ended("spending_by_number", "what each number was sent, by day", ("spending",), spending.KEPT),
    Ended("faults", "rules' failures with their traces", ("faults",)),
)
"""In the order in which they are gone through: an alert goes after its decisions."""

KEPT: Final[Mapping[str, str]] = {
    "customers": "until the customer is erased",
    "consents": "it holds until they say otherwise, and has to be shown for as long as it is relied on",
    "devices": "as long as the thing exists",
    "device_credentials": "as long as the device may connect",
    "stores": "as long as the store exists",
    "api_keys": "a revoked key stays named, so that what was done with it stays explained",
    "secrets": "they sign what is out there: links in old mails, the console's cookies",
    "rule_sets": "decisions name the version that made them; rules hold nobody's data",
    "rule_folders": "two rows: what was last made of rules.dir and of templates.dir",
    "template_sets": "the last hundred sets of texts; messages name the version that worded them",
    "partitions": "the present checkpoint, overwritten every few seconds",
    "subject_states": "the present state of each device, with its owner's id and attributes; overwritten as it changes",
    "workers": "the processes of this moment; a silent one is removed by the others",
    "provider_alarms": "until an operator has mended it",
    "troubles": "removed when it is over and that was told",
    "rates": "a row a provider: what may still be sent at this moment",
    "erasures": "a keyed hash of the id, until the event log has forgotten it too (retention.events, and a day)",
    "fault_counts": "one row a partition: how many failures there ever were",
    "chores": "one row a chore: when it was last done",
}
"""Tables that grow with what exists, not with what happens."""


class Cutoff(NamedTuple):
    """What is older than ``before`` goes."""

    ended: Ended
    before: datetime


def cutoffs(retention: Retention, now: datetime) -> list[Cutoff]:
    """What goes at ``now`` (UTC) under these settings; a kind that is kept for ever is left out."""
    found = []
    for ended in PLAN:
        period = milliseconds(getattr(retention, ended.kind)) if ended.fixed is None else _ms(ended.fixed)
        if period != float("inf"):
            found.append(Cutoff(ended, now - timedelta(milliseconds=period)))
    return found


def log_limits(settings: Settings) -> Limits:
    """How long the event log and what was refused are kept."""
    return Limits(
        max_age=milliseconds(settings.retention.events) / 1000,
        rejected_max_age=milliseconds(settings.retention.rejected) / 1000,
    )


def erased_are_named_for(retention: Retention) -> timedelta:
    """For so long it is known that an id was erased: until the log has forgotten it, and a day."""
    return timedelta(milliseconds=milliseconds(retention.events)) + timedelta(days=1)


def _ms(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)
