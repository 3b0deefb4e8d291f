"""Looks at contacts when their time has come: the release of a hold, the next step, the night, the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine, func
from sqlalchemy.exc import InterfaceError, OperationalError

from gateway.delivery import digests, steps
from gateway.delivery.asking import has_turn
from gateway.delivery.rendering import Means
from gateway.storage import contacts, digest_items, messages
from gateway.storage.contacts import Contact
from notifiers.templates import Templates

log = structlog.get_logger()

POLL_S = 1.0
RETRY_S = 0.5
NOT_ITS_TURN = timedelta(milliseconds=200)
"""A contact with whose customer somebody else deals at this moment is looked at again after this, by the database's
clock: by one of ours that is behind it would be due at once, again and again."""
SET_ASIDE = timedelta(minutes=5)
"""A contact on which our own code fails is looked at again after this."""

REST_AT_ONCE = 200
"""So many messages that the night has overtaken are looked up together."""


class Pacer:
    """One process's share. ``run`` it in a thread."""

    def __init__(
        self, engine: Engine, means: Means, clock: Callable[[], datetime], on_queued: Callable[[], None]
    ) -> None:
        """``on_queued``: called when messages may have been queued."""
        self._engine = engine
        self._means = means
        self._clock = clock
        self._on_queued = on_queued
        self._wake = threading.Event()
        self._not_rested: dict[str, datetime] = {}
        """Contacts that could not be taken back at nightfall, and until when they are left alone. What they have
        queued is not claimed meanwhile."""

    def reword(self, templates: Templates) -> None:
        """Word what is begun from now on with ``templates``."""
        self._means = self._means._replace(templates=templates)

    def wake(self) -> None:
        """A contact may have become due."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set. A lost database is waited for."""
        while not stop.is_set():
            self._wake.clear()
            try:
                while (self.look_once() or self.rest_once() or self.tell_once()) and not stop.is_set():
                    self._on_queued()
                self._wake.wait(self._until_next())
            except (OperationalError, InterfaceError) as error:
                log.warning("pacer.database_away", error=str(error.orig), retry_s=RETRY_S)
                stop.wait(RETRY_S)

    def look_once(self) -> bool:
        """Look at the contact that is due longest; false where none is."""
        contact: Contact | None = None
        try:
            with self._engine.begin() as connection:
                contact = contacts.take_due(connection)
                if contact is None:
                    return False
                if not has_turn(connection, contact.customer_id, contact.request["purpose"], self._means.policy):
                    contacts.change(connection, contact.id, due_at=func.now() + NOT_ITS_TURN)
                    return True
                renewed = digests.renewed(connection, contact, self._means.policy, self._clock())
                if renewed is not None:
                    steps.look_at(connection, renewed, self._means, self._clock())
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one contact that can't be moved on must not hold up the others
            log.exception("pacer.contact_set_aside", contact_id=contact.id if contact else None)
            if contact is None:
                raise
            with self._engine.begin() as connection:
                contacts.change(connection, contact.id, due_at=self._clock() + SET_ASIDE)
        return True

    def rest_once(self) -> bool:
        """Take back what has not left before its customer's quiet hours; false where there is no such thing."""
        now = self._clock()
        self._not_rested = {contact: until for contact, until in self._not_rested.items() if until > now}
        with self._engine.connect() as connection:
            overtaken = messages.overtaken_by_night(connection, now, REST_AT_ONCE)
        found = [contact_id for contact_id in overtaken if contact_id not in self._not_rested]
        for contact_id in found:
            self._rest(contact_id, now)
        return bool(found)

    def _rest(self, contact_id: str, now: datetime) -> None:
        try:
            with self._engine.begin() as connection:
                steps.rest(connection, contact_id, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # nor one that can't be taken back
            log.exception("pacer.rest_set_aside", contact_id=contact_id)
            self._not_rested[contact_id] = now + SET_ASIDE

    def tell_once(self) -> bool:
        """Make the digest that is due longest; false where none is."""
        now, due = self._clock(), None
        try:
            with self._engine.begin() as connection:
                due = digest_items.next_due(connection, self._means.policy.digest.purposes, now)
                if due is None:
                    return False
                digests.make(connection, due, self._means, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # nor one digest that can't be made
            log.exception("pacer.digest_set_aside", customer_id=due.customer_id if due else None)
            if due is None:
                raise
            with self._engine.begin() as connection:
                digest_items.postpone(connection, due, now, now + SET_ASIDE)
        return True

    def _until_next(self) -> float:
        with self._engine.connect() as connection:
            wait = contacts.seconds_to_next(connection)
        return POLL_S if wait is None else min(POLL_S, max(0.0, wait))
