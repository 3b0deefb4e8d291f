"""While another rule's alert speaks for an alert: what is under way about it waits, and says so.

Everything here runs inside the caller's transaction. The worker writes onto the alert's row who speaks for it before it
comes to the contacts, and each contact is locked by whoever looks at it: so a step that is about to start either sees
the word, or its messages are found in the queue and taken back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from gateway.delivery import endings, entries
from gateway.delivery.metrics import SUPPRESSIONS
from gateway.storage import contacts, timeline, wake
from gateway.storage.contacts import Contact
from gateway.storage.messages import INHIBITED
from notifiers.policy import Reason, Suppression


def wait(connection: Connection, contact: Contact, by: str, now: datetime) -> None:
    """The contact's next step would be due, and the alert of rule ``by`` speaks for its own: it waits for the end."""
    endings.taken_back(connection, contact.id, INHIBITED, now)
    contacts.change(connection, contact.id, state="held", due_at=None)
    detail = f"Nothing further is sent for now: the alert of rule {by} speaks for this one."
    inputs = {"inhibited_by": by, "since_ms": int(now.timestamp() * 1000)}
    entry = entries.of_suppression(
        customer_id=contact.customer_id,
        request=contact.request,
        rule_version=contact.context["rule_version"],
        no=Suppression(None, Reason.INHIBITED, detail, inputs),
        at=now,
        held=True,
    )
    timeline.add(connection, [entry])
    SUPPRESSIONS.labels(Reason.INHIBITED.value).inc()


def resume(connection: Connection, alert_id: str) -> None:
    """Nothing speaks for the alert any more: what waited for that is looked at at once."""
    if contacts.wait_no_more(connection, alert_id):
        wake.notify(connection, wake.OUTBOX)
