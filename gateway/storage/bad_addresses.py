"""Addresses that stay on a customer's record but are not used: what was sent to them came back for good."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import bad_addresses, customers


def mark(connection: Connection, customer_id: str, channel: str, address: str, reason: str) -> bool:
    """Use the address no more; false where it was marked before, or where the customer is gone."""
    there = connection.execute(
        select(customers.c.id).where(customers.c.id == customer_id).with_for_update(read=True, key_share=True)
    )
    if there.first() is None:
        return False
    statement = (
        insert(bad_addresses)
        .values(customer_id=customer_id, channel=channel, address=address, reason=reason)
        .on_conflict_do_nothing()
        .returning(bad_addresses.c.address)
    )
    return connection.execute(statement).one_or_none() is not None


def forget(connection: Connection, address: str) -> list[str]:
    """Use the address again, whoever has it; returns the customers."""
    same = func.lower(bad_addresses.c.address) == address.lower()
    statement = delete(bad_addresses).where(same).returning(bad_addresses.c.customer_id)
    return sorted(connection.execute(statement).scalars())
