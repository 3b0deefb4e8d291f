"""So many a second, for all processes together: what was not used is saved up, to a limit.

``Bucket`` is pure: time is passed in. What is saved stands in the database (``storage.rates``), whose clock counts, so
it holds however many processes there are; a process that dies keeps nothing, for it never had more than it claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from gateway.storage import rates
from gateway.storage.rates import Level, Looked

_ROUNDING = 1e-9
"""Seconds times a rate do not always come out at the whole token that they are."""


class Bucket(msgspec.Struct, frozen=True):
    """A token bucket (ITU-T I.371, "leaky bucket as a meter"): ``size`` at once, then ``per_second``."""

    per_second: float
    size: float

    @classmethod
    def of(cls, per_second: float) -> Bucket:
        """One that holds a second's worth, and at least one."""
        return cls(per_second, max(1.0, per_second))

    def filled(self, saved: float, passed_s: float) -> float:
        """What is saved after ``passed_s`` seconds; a clock that was put back adds nothing."""
        return min(self.size, saved + max(0.0, passed_s) * self.per_second)

    def seconds_to_next(self, saved: float) -> float:
        """Until one more may go."""
        return max(0.0, (1.0 - saved) / self.per_second)


class Grant(NamedTuple):
    """How many may go by one bucket now; nobody else spends of it until the transaction ends."""

    bucket: Bucket
    level: Level

    @property
    def whole(self) -> int:
        """Whole tokens."""
        return int(self.level.saved + _ROUNDING)

    def seconds_to_next(self, spent: int) -> float:
        """Until one more may go once ``spent`` have gone; 0: it may now."""
        return self.bucket.seconds_to_next(self.level.saved - spent)


def look(connection: Connection, buckets: Mapping[str, Bucket]) -> dict[str, Grant]:
    """What each of the named buckets lets go now. Waits for whoever else spends of them; the caller commits."""
    return _grants(connection, buckets, rates.look(connection, buckets))


def look_if_free(connection: Connection, buckets: Mapping[str, Bucket]) -> dict[str, Grant]:
    """The same of those that nobody else spends of at this moment: a claim for other providers waits for no one."""
    return _grants(connection, buckets, rates.look_if_free(connection, buckets))


def _grants(connection: Connection, buckets: Mapping[str, Bucket], looked: Mapping[str, Looked]) -> dict[str, Grant]:
    put_back = {name: left._replace(at=now) for name, (left, now) in looked.items() if left and now < left.at}
    rates.put(connection, put_back)  # the clock was: else they would not fill until it is where it was
    return {name: Grant(buckets[name], Level(_saved(buckets[name], each), each.now)) for name, each in looked.items()}


def spend(connection: Connection, grants: Mapping[str, Grant], counts: Mapping[str, int]) -> None:
    """Take ``counts`` from what ``look`` has found, in the same transaction; less than nothing gives back."""
    left = {name: _less(grants[name], count) for name, count in counts.items() if count}
    rates.put(connection, left)


def _saved(bucket: Bucket, looked: Looked) -> float:
    if looked.left is None:
        return bucket.size
    return bucket.filled(looked.left.saved, (looked.now - looked.left.at).total_seconds())


def _less(grant: Grant, count: int) -> Level:
    return grant.level._replace(saved=min(grant.bucket.size, grant.level.saved - count))
