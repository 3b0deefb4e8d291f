"""What migration 0018 makes of consents and failures that were there before."""

from __future__ import annotations

import importlib

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, text

from gateway.storage import customers, faults
from gateway.storage.customers import Customer
from rules.decision import Fault, Position

MIGRATION = importlib.import_module("gateway.storage.migrations.versions.0018_revocations_and_fault_counts")


def migrate(connection: Connection) -> None:
    """As if the database were from before: without what the migration adds, then with it."""
    connection.execute(text("ALTER TABLE consents DROP COLUMN revoked_at"))
    connection.execute(text("DROP TABLE fault_counts"))
    with Operations.context(MigrationContext.configure(connection)):
        MIGRATION.upgrade()


def test_a_no_is_known_as_the_customers_own_by_where_it_came_from(connection: Connection) -> None:
    customers.put(connection, Customer(id="c1"))
    sources = {
        "a": "SMS STOP (SM1); before: granted",
        "b": "twilio: 21610; before: unsaid",
        "c": "unsubscribe link",
        "d": "spam complaint (abuse, m_1)",
        "e": "paper form",
    }
    row = text("INSERT INTO consents (customer_id, purpose, channel, granted, source) VALUES ('c1', :p, 'sms', :g, :s)")
    for purpose, source in sources.items():
        connection.execute(row, {"p": purpose, "g": False, "s": source})
    connection.execute(row, {"p": "f", "g": True, "s": "unsubscribe link"})
    migrate(connection)
    own = text("SELECT purpose FROM consents WHERE revoked_at = at ORDER BY purpose")
    assert connection.execute(own).scalars().all() == ["a", "b", "c", "d"]


def test_failures_of_before_are_counted_on(connection: Connection) -> None:
    for partition, error in ((0, "first"), (0, "first"), (0, "second"), (7, "third")):
        faults.record(connection, partition, Fault("r", "d", Position(1, 0), error, "trace"))
    migrate(connection)
    assert faults.count(connection) == 4
    faults.record(connection, 7, Fault("r", "d", Position(2, 0), "third", "trace"))
    assert faults.count(connection) == 5
