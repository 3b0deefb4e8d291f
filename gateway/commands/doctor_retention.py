"""Whether what is old enough is deleted: when that was last done to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gateway.addresses import Addresses
from gateway.commands.stack import reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

OVERDUE: Final = timedelta(days=2)
"""It is done once a day, and caught up on at the next start; after so long something keeps it from being done."""
_MEND: Final = "an api process does it: look in its log for retention.database_away and retention.interrupted"


def look(found: Addresses) -> tuple[bool | None, str]:
    """Whether it is in order (``None``: nothing to judge), and what to say.

    Raises:
        SQLAlchemyError: the database does not answer.
    """
    with reading(found) as connection:
        return judge(connection, datetime.now(UTC))


def judge(connection: Connection, now: datetime) -> tuple[bool | None, str]:
    """The same at ``now`` (UTC). While no worker runs, nothing is overdue: the next start catches up."""
    from gateway.retention.chore import CHORE
    from gateway.storage import chores, overview, secrets

    done = chores.last(connection, CHORE)
    began = done.at if done is not None else secrets.first_start(connection)
    said = "never done yet" if done is None else f"last done at {done.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if began is None or now - began <= OVERDUE:
        return (None if done is None else True), said
    running = any(each.owner is not None for each in overview.partition_standings(connection))
    return (False, f"{said}; {_MEND}") if running else (None, said)
