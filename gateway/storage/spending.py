"""What was spent today: units by channel, by number and by block of numbers.

Units are taken in a short transaction of their own, before the message is queued. One process takes at a time; nobody
waits for it with a row locked that it could want, so there is no deadlock however the transactions around it are mixed.
A message whose transaction then fails has been counted for nothing: the count errs on the side of the purse. What is
given back (see ``charges``) is taken off the sums by the next who takes; until then whoever reads takes it off.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, and_, delete, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from gateway.storage import charges
from gateway.storage.charges import Change
from gateway.storage.tables import spending
from notifiers.policy.limits import Spent, by_prefix, prefix_of

CLASS: Final = 0x6B7A04
"""The lock's key."""
KEPT: Final = timedelta(days=2)
"""How long it is kept to whom messages went; the sums by channel stay."""

_ALONE: Final = text("SELECT pg_advisory_xact_lock(:class)")


def wait_alone(connection: Connection) -> None:
    """Nobody else takes until this transaction ends."""
    connection.execute(_ALONE, {"class": CLASS})


def read(connection: Connection, day: date, channels: Iterable[str], numbers: Iterable[str]) -> Spent:
    """What was taken on ``day`` on ``channels``, for ``numbers`` (E.164) and for their blocks."""
    numbers = list(numbers)
    keys = {("channel", channel): channel for channel in channels}
    keys |= {("number", _hidden(number)): number for number in numbers}
    keys |= {("prefix", prefix_of(number)): prefix_of(number) for number in numbers}
    found: dict[str, dict[str, int]] = {"channel": {}, "number": {}, "prefix": {}}
    rows = connection.execute(
        select(spending.c.kind, spending.c.key, spending.c.used).where(
            spending.c.day == day, tuple_(spending.c.kind, spending.c.key).in_(list(keys))
        )
    )
    for row in rows:
        found[row.kind][keys[row.kind, row.key]] = row.used
    for (_, kind, key), units in _by_key(charges.pending(connection, day)).items():
        if (kind, key) in keys:
            name = keys[kind, key]
            found[kind][name] = found[kind].get(name, 0) + units
    return Spent(found["channel"], found["number"], found["prefix"])


def add(connection: Connection, day: date, channel: str, units: Mapping[str, int]) -> bool:
    """Count ``units`` by address; true where they are the day's first on ``channel``."""
    total = sum(units.values())
    taken = [("channel", channel, total)]
    if channel == "sms":
        taken += [("number", _hidden(number), count) for number, count in sorted(units.items())]
        taken += [("prefix", prefix, count) for prefix, count in sorted(by_prefix(units).items())]
    statement = insert(spending)
    statement = statement.on_conflict_do_update(
        index_elements=["day", "kind", "key"], set_={"used": spending.c.used + statement.excluded.used}
    )
    connection.execute(statement, [{"day": day, "kind": kind, "key": key, "used": count} for kind, key, count in taken])
    return read(connection, day, [channel], ()).channels[channel] == total


def settle(connection: Connection, day: date) -> list[Change]:
    """Take off the sums what was given back up to ``day``; returns it. Only for whoever is alone."""
    changes = charges.settle(connection, day)
    for (on, kind, key), units in sorted(_by_key(changes).items()):
        same = and_(spending.c.day == on, spending.c.kind == kind, spending.c.key == key)
        connection.execute(update(spending).where(same).values(used=spending.c.used + units))
    return changes


def _by_key(changes: Sequence[Change]) -> Counter[tuple[date, str, str]]:
    """Units by day, kind and key, as the sums hold them."""
    found = Counter[tuple[date, str, str]]()
    for change in changes:
        found[change.day, "channel", change.channel] += change.units
        if change.channel == "sms":
            found[change.day, "number", _hidden(change.address)] += change.units
            found[change.day, "prefix", prefix_of(change.address)] += change.units
    return found


def forget(connection: Connection, day: date) -> None:
    """Drop the counts by number of days long before ``day``."""
    connection.execute(delete(spending).where(spending.c.day < day - KEPT, spending.c.kind != "channel"))


def forget_numbers(connection: Connection, numbers: Iterable[str]) -> int:
    """Drop the counts of these numbers (E.164); returns how many there were. Their blocks and channels stay counted."""
    keys = [_hidden(number) for number in numbers]
    statement = delete(spending).where(spending.c.kind == "number", spending.c.key.in_(keys))
    return connection.execute(statement).rowcount if keys else 0


def _hidden(number: str) -> str:
    """The number is only ever compared, so it need not be kept in clear."""
    return hashlib.blake2b(number.encode(), digest_size=16).hexdigest()
