"""What every route works with."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Collection
from pathlib import Path
from typing import Annotated, Protocol, cast

from fastapi import Depends, Query, Request
from sqlalchemy import Engine

from devices.event import Event, Millis
from gateway.api.access import Caller, KeyRing, caller_of
from gateway.api.backtests import Backtests
from gateway.api.inventory_feed import InventoryFeed
from gateway.api.problems import Problem
from gateway.delivery.trial_sends import TrialSends
from gateway.delivery.wording import Wording
from gateway.ingress.core import Core
from gateway.log import Record, RejectedRecord
from notifiers.policy import PolicySettings
from notifiers.templates import Templates

REPLAYS_AT_ONCE = 2
"""They share the loop with everybody else's requests."""


class Log(Protocol):
    """What the API and the console want of the event log (``gateway.log.EventLog``)."""

    @property
    def reachable(self) -> bool:
        """Whether the connection stands at this moment."""
        ...

    async def append(self, partition: int, events: list[Event]) -> int:
        """Store events of one partition, in order."""
        ...

    async def reject(self, *records: RejectedRecord) -> None:
        """Store what was refused."""
        ...

    async def rejected_count(self) -> int:
        """Count what was ever rejected."""
        ...

    def read_raw(self, partition: int, after_seq: int = 0) -> AsyncGenerator[list[Record], None]:
        """Yield a partition's records up to its present end, undecoded."""
        ...

    async def first_seq(self) -> int:
        """Find the oldest sequence that the log still keeps."""
        ...

    async def recent_rejected(self, n: int) -> list[RejectedRecord]:
        """Read the last ``n`` rejected records, newest first."""
        ...


@dataclasses.dataclass
class Api:
    """The parts that ``create_app`` was given, and the feed that lives as long as the app runs."""

    engine: Engine
    log: Log
    core: Core
    ring: KeyRing
    partitions: int
    now_ms: Callable[[], Millis]
    wording: Wording
    """What messages say, as it holds now."""
    trials: TrialSends
    """Tests to an admin's own address."""
    backtests: Backtests
    policy: PolicySettings
    """Asked again when a person has a message sent again."""
    events_kept: str
    """How long the log keeps events: the setting ``retention.events``."""
    rules_dir: Path | None = None
    """The folder whose rules are followed."""
    replays: asyncio.Semaphore = dataclasses.field(default_factory=lambda: asyncio.Semaphore(REPLAYS_AT_ONCE))
    """Held while the log is read for one question."""
    running_feed: InventoryFeed | None = None

    @property
    def texts(self) -> Templates:
        """The templates that hold now. Ask once for one answer."""
        return self.wording.templates

    @property
    def templates(self) -> Collection[str]:
        """The templates that a rule may name; see ``rules.document.parse``."""
        return self.wording.known()

    @property
    def feed(self) -> InventoryFeed:
        """The registry's way into the log.

        Raises:
            Problem: 503, the app is not running yet or no more.
        """
        if self.running_feed is None:
            raise Problem(503, "The gateway is starting or stopping; try again in a moment.")
        return self.running_feed


def api_of(request: Request) -> Api:
    """The app's parts."""
    return cast("Api", request.app.state.api)


Here = Annotated[Api, Depends(api_of)]
Who = Annotated[Caller, Depends(caller_of)]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", max_length=500)]
Limit = Annotated[int, Query(ge=1, le=200, description="Items a page.")]
