"""Messages to the same number: what a provider says of a number may be about any of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select, text

from gateway.storage.messages import Claimed

_NUMBER_LOCKS: Final = 0x6E756D62
"""Keeps our advisory locks apart from others of the same database."""

_OTHERS = text("""
SELECT provider_id, state = 'sending' AND lease_until > now() AND body = :body AS going FROM messages
WHERE channel = 'sms' AND address = :address AND id <> :id AND (provider_id IS NOT NULL OR state = 'sending')
""")


class Others(NamedTuple):
    """What is known of the other messages to the same number."""

    provider_ids: frozenset[str]
    """Theirs: what the provider says of these is not about the message asked about."""
    going: bool
    """One that says the same is being sent at this moment: what the provider has may be that one."""


def others_to(connection: Connection, message: Claimed) -> Others:
    """The other messages to the number that ``message`` went to."""
    rows = connection.execute(_OTHERS, {"address": message.address, "body": message.body, "id": message.id}).all()
    return Others(frozenset(row.provider_id for row in rows if row.provider_id), any(row.going for row in rows))


def lock(connection: Connection, address: str) -> None:
    """Until this transaction ends nobody else settles a message to this number."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(address, _NUMBER_LOCKS))))
