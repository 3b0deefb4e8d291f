"""What failed on an event and was set aside with its trace, so that the partition goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from gateway.storage.tables import fault_counts, faults
from rules.decision import Fault, derived_id

STANDS: Final = timedelta(hours=1)
"""What did not fail again for so long needs nobody any more."""
LONGEST: Final = 200
"""Characters of an error in a line for a person."""


class Failing(msgspec.Struct, frozen=True):
    """One failure of one rule on one device."""

    rule_id: str
    """Empty: a whole set of rules could not be used."""
    subject: str
    error: str
    count: int
    at: datetime
    """The last time, UTC."""

    def __str__(self) -> str:
        """One line for a person."""
        about = " on ".join(part for part in (self.rule_id and f"rule {self.rule_id}", self.subject) if part)
        times = f", {self.count} times" if self.count > 1 else ""
        error = next(iter(self.error.splitlines()), "")[:LONGEST]
        return f"{about}: {error}{times}" if about else f"{error}{times}"


def record(connection: Connection, partition: int, fault: Fault) -> None:
    """Set a failure on an event aside, with its trace; the same again is counted (once more after a replay)."""
    where = {"partition": partition, "seq": fault.position.seq}
    row = {
        "id": derived_id("f", fault.rule_id, fault.subject, fault.error),
        "rule_id": fault.rule_id,
        "subject": fault.subject,
        "error": fault.error,
        "trace": fault.trace,
        **where,
    }
    again = {"count": faults.c.count + 1, "at": func.now(), **where}
    connection.execute(insert(faults).values(row).on_conflict_do_update(index_elements=["id"], set_=again))
    one_more = {"count": fault_counts.c.count + 1}
    counted = insert(fault_counts).values(partition=partition, count=1)
    connection.execute(counted.on_conflict_do_update(index_elements=["partition"], set_=one_more))


def count(connection: Connection) -> int:
    """How often something was ever set aside, what was deleted since included."""
    return int(connection.execute(select(func.coalesce(func.sum(fault_counts.c.count), 0))).scalar_one())


def standing(connection: Connection, now: datetime, *, limit: int = 5) -> list[Failing]:
    """What failed in the hour before ``now``, the newest first."""
    query = (
        select(*(faults.c[name] for name in Failing.__struct_fields__))
        .where(faults.c.at > now - STANDS)
        .order_by(faults.c.at.desc(), faults.c.id)
        .limit(limit)
    )
    return [Failing(**row) for row in connection.execute(query).mappings()]
