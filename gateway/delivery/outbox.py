"""The outbox: claim what is due, send it on its provider's lane, have the outcome recorded.

A claim is a lease in the database: another process takes a message over only when the lease has ended, and then it
settles what became of it before anything is sent again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from gateway.delivery import rate, settlement, steps
from gateway.delivery.lane import SHORTEST_HOLD_S, Lane
from gateway.delivery.links import Links, Unsubscribe
from gateway.delivery.metrics import OUTCOMES, QUEUE_SECONDS, SEND_SECONDS
from gateway.delivery.providers import ASKED, EACH_ITS_OWN, Unconfigured
from gateway.delivery.rate import Bucket
from gateway.delivery.recorder import Recorder
from gateway.delivery.route import Route
from gateway.delivery.settlement import Asked, Rules, Sent, Untried
from gateway.storage import claims, contacts, same_number
from gateway.storage.messages import Claimed
from notifiers.outcome import CannotTell, Notifier, Outcome, Outgoing, Settlement, Unknown

log = structlog.get_logger()

POLL_S = 0.5
"""A lost wake-up costs this much."""
DOUBT_S = 0.5
"""How often messages in doubt are looked for."""
DOUBT_MORE_S = 0.05
"""After some were found: a killed process leaves several."""
DOUBT_AT_ONCE = 50
"""On channels where nobody is asked, so that it takes no time."""
EXPIRE_S = 5.0
EXPIRE_AT_ONCE = 500
BREATH_S = 0.002
"""Between two claims while there is a backlog: several places become free meanwhile and share one claim."""
RETRY_S = 0.5
STALE = 0.5
"""After this share of its lease a message that still waits for a thread goes back: a send must end within the rest."""


class Outbox:
    """One process's share of the work. ``run`` it in a thread."""

    def __init__(
        self,
        engine: Engine,
        notifiers: Mapping[str, Notifier],
        links: Links,
        rules: Rules,
        *,
        threads: int,
        lease_s: float,
        clock: Callable[[], datetime],
        on_step_ended: Callable[[], None],
        spares: Mapping[str, Notifier] | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        """Start the lanes.

        Args:
            engine: at least three connections.
            notifiers: by channel.
            links: for receipts and unsubscribing.
            rules: the owner's name and the limits.
            threads: senders at once, shared out among the channels that are configured.
            lease_s: how long a claim lasts; longer than a send and its record can take.
            clock: UTC.
            on_step_ended: called when a contact may have become due.
            spares: by channel, who takes over while its first provider is in trouble.
            rates: the most messages a second to each provider of a channel; from all processes together;
                a channel that is not there has no limit.
        """
        self._engine = engine
        # A claim without a rate is one statement: its own transaction, and one round trip instead of three.
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._links = links
        self._rules = rules
        self._lease_s = lease_s
        self._clock = clock
        self._on_step_ended = on_step_ended
        self._wake = threading.Event()
        self._more = True
        """More may be due than was claimed."""
        self._routes = self._made_routes(notifiers, spares or {}, rates or {}, threads)
        self._lanes = [lane for route in self._routes.values() for lane in route.lanes]
        self._recorder = Recorder(engine, rules, clock, self._changed, _buckets(self._lanes))

    def _made_routes(
        self,
        notifiers: Mapping[str, Notifier],
        spares: Mapping[str, Notifier],
        rates: Mapping[str, float],
        threads: int,
    ) -> dict[str, Route]:
        """A lane for each provider that is configured; a channel without any says so by the one it has."""
        buckets = {channel: Bucket.of(per_second) for channel, per_second in rates.items()}
        used = [name for name, each in notifiers.items() if name in spares or not isinstance(each, Unconfigured)]
        width = max(1, threads // max(1, len(used)))

        def lane(channel: str, notifier: Notifier) -> Lane:
            return Lane(notifier, width if channel in used else 1, self._freed, bucket=buckets.get(channel))

        routes = {}
        for channel, notifier in notifiers.items():
            both = [each for each in (notifier, spares.get(channel)) if each is not None]
            known = [each for each in both if not isinstance(each, Unconfigured)]
            routes[channel] = Route([lane(channel, each) for each in known or [notifier]])
        return routes

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    @property
    def under_way(self) -> int:
        """Messages claimed and not yet recorded."""
        return sum(lane.busy for lane in self._lanes) + self._recorder.waiting

    def run(self, stop: threading.Event) -> None:
        """Claim and send until ``stop`` is set. A lost database is waited for."""
        next_doubt = next_expiry = 0.0
        while not stop.is_set():
            self._wake.clear()
            try:
                claimed = self._send_due()
                if time.monotonic() >= next_doubt:
                    asked = self._ask_doubtful()
                    next_doubt = time.monotonic() + (DOUBT_MORE_S if asked else DOUBT_S)
                if time.monotonic() >= next_expiry:
                    self._expire()
                    next_expiry = time.monotonic() + EXPIRE_S
            except (OperationalError, InterfaceError, InternalError) as error:  # the last: we hung, and were hung up on
                log.warning("outbox.database_away", error=str(error.orig), retry_s=RETRY_S)
                stop.wait(RETRY_S)
                continue
            if claimed and self._more:
                stop.wait(BREATH_S)
            else:
                self._wake.wait(self._pause())

    def drain(self, seconds: float) -> int:
        """Wait until everything under way is recorded, or ``seconds`` are over; returns what is left to its lease."""
        end = time.monotonic() + seconds
        while self.under_way and time.monotonic() < end:
            time.sleep(0.01)
        return self.under_way

    def close(self) -> None:
        """End the threads; what is still under way is left to its lease."""
        for lane in self._lanes:
            lane.close()
        self._recorder.close()

    def _freed(self) -> None:
        """A lane has room. Where the last claim took all that was due, who queues more tells us."""
        if self._more:
            self._wake.set()

    def _changed(self) -> None:
        self._wake.set()
        self._on_step_ended()

    def _pause(self) -> float:
        waits = [wait for lane in self._lanes if (wait := lane.seconds_to_next()) is not None]
        return min([POLL_S, *waits])

    def _send_due(self) -> int:
        """Claim for the lanes that have room: first for the providers that come first, then for those behind them."""
        self._more = True  # a lane that becomes free while this claim is made must be heard
        shares = [route.shares() for route in self._routes.values()]
        claimed, more = 0, any(not places for share in shares for _, places in share)
        for turn in range(max(map(len, shares))):
            lanes = {share[turn][0].channel: share[turn] for share in shares if len(share) > turn and share[turn][1]}
            taken = self._claim(lanes) if lanes else Counter[str]()
            claimed += taken.total()
            more |= any(taken[channel] >= places for channel, (_, places) in lanes.items())
        self._more = more
        return claimed

    def _claim(self, lanes: Mapping[str, tuple[Lane, int]]) -> Counter[str]:
        """Claim as many as there are places for and give them to their lanes; returns how many, by channel."""
        free = {channel: places for channel, (_, places) in lanes.items()}
        limited = {channel: lane for channel, (lane, _) in lanes.items() if lane.bucket is not None}
        with self._engine.begin() if limited else self._alone.connect() as connection:
            grants = rate.look_if_free(connection, _buckets(limited.values())) if limited else {}
            for channel, lane in limited.items():
                grant = grants.get(lane.notifier.provider)
                free[channel] = 0 if grant is None else min(free[channel], grant.whole)
            claimed = claims.claim(
                connection,
                free,
                providers={channel: lane.notifier.provider for channel, (lane, _) in lanes.items()},
                owner=self._rules.owner,
                lease_s=self._lease_s,
                at=self._clock(),
            )
            taken = Counter(lanes[message.channel][0].notifier.provider for message in claimed)
            rate.spend(connection, grants, {name: taken[name] for name in grants})
        at = time.monotonic()
        for lane in limited.values():
            grant = grants.get(lane.notifier.provider)
            lane.hold(SHORTEST_HOLD_S if grant is None else grant.seconds_to_next(taken[lane.notifier.provider]))
        for message in claimed:
            lane, _ = lanes[message.channel]
            lane.send(partial(self._send, lane, message, at))
        return Counter(message.channel for message in claimed)

    def _ask_doubtful(self) -> int:
        """Settle what is in doubt; where a provider is asked, a few at a time, for that takes a thread."""
        places = {channel: self._routes[channel].places_to_ask() for channel in ASKED if channel in self._routes}
        found = self._take_doubtful([channel for channel in self._routes if channel not in ASKED], DOUBT_AT_ONCE)
        for channel, free in places.items():
            found += self._take_doubtful([channel], free) if free else 0
        return found

    def _take_doubtful(self, channels: Sequence[str], limit: int) -> int:
        with self._engine.begin() as connection:
            doubtful = claims.claim_doubtful(
                connection, channels, limit=limit, owner=self._rules.owner, lease_s=self._lease_s
            )
        for message in doubtful:
            lane = self._routes[message.channel].of(message.provider)
            if lane is None:  # the provider that has it, or not, is no longer configured: nobody else can tell
                self._recorder.put(Asked(message, message.provider or "", CannotTell()))
            elif message.channel in ASKED:
                lane.ask(partial(self._ask, lane, message))
            else:
                self._ask(lane, message)
        return len(doubtful)

    def _expire(self) -> None:
        with self._engine.begin() as connection:
            gone = settlement.expire_overdue(connection, EXPIRE_AT_ONCE, self._clock())
        for message in gone:
            with self._engine.begin() as connection:
                contacts.lock(connection, message.contact_id)
                steps.step_failed(connection, message.contact_id, message.step)
        if gone:
            self._on_step_ended()

    def _send(self, lane: Lane, message: Claimed, claimed_at: float) -> None:
        begun = time.monotonic()
        lane.await_record()
        if lane.is_left_alone() or time.monotonic() - claimed_at > self._lease_s * STALE:
            self._recorder.put(Untried(message), lane.recorded)
            return
        now = self._clock()
        if message.quiet_from is not None and message.quiet_from <= now:  # it waited for a thread meanwhile
            self._recorder.put(Untried(message), lane.recorded)
            return
        if message.expires_at is not None and message.expires_at <= now:
            self._recorder.put(Sent(message, lane.notifier.provider, None), lane.recorded)
            return
        QUEUE_SECONDS.labels(lane.channel).observe(max(0.0, (now - message.due_at).total_seconds()))
        with SEND_SECONDS.labels(lane.channel).time():
            outcome = self._outcome(lane, message, now)
        lane.took(time.monotonic() - begun)
        if lane.channel not in EACH_ITS_OWN:
            lane.note(outcome)
        OUTCOMES.labels(lane.channel, type(outcome).__name__.lower()).inc()
        self._recorder.put(Sent(message, lane.notifier.provider, outcome), lane.recorded)

    def _outcome(self, lane: Lane, message: Claimed, now: datetime) -> Outcome:
        try:
            return lane.notifier.send(self._outgoing(message, now))
        except Exception as error:
            log.exception("outbox.notifier_raised", channel=lane.channel, message_id=message.id)
            return Unknown(f"{type(error).__name__} in the notifier")

    def _ask(self, lane: Lane, message: Claimed) -> None:
        since = message.first_sent_at or message.due_at
        outgoing = self._outgoing(message, self._clock())
        answer: Settlement = CannotTell()
        if message.channel in ASKED:
            with self._engine.connect() as connection:
                others = same_number.others_to(connection, message)
            outgoing = msgspec.structs.replace(outgoing, taken=others.provider_ids)
            if others.going:  # what the provider shows may be the other one's: ask when that is settled
                self._recorder.put(Asked(message, lane.notifier.provider, answer))
                return
        answer = lane.notifier.settle(outgoing, int(since.timestamp() * 1000))
        self._recorder.put(Asked(message, lane.notifier.provider, answer))

    def _outgoing(self, message: Claimed, now: datetime) -> Outgoing:
        callbacks = {"sms": self._links.sms_status, "push": self._links.push_ack, "webpush": self._links.push_ack}
        callback = callbacks.get(message.channel)
        left = None if message.expires_at is None else max(1, int((message.expires_at - now).total_seconds()))
        unsubscribe = Unsubscribe(message.customer_id, message.purpose, message.channel)
        return Outgoing(
            message_id=message.id,
            to=message.address,
            title=message.title,
            text=message.body,
            html=message.html,
            customer_id=message.customer_id,
            first_sent_at_ms=None if message.first_sent_at is None else int(message.first_sent_at.timestamp() * 1000),
            ttl_s=left,
            data=_data(message),
            status_callback=callback(message.id) if callback is not None else None,
            unsubscribe_url=self._links.unsubscribe(unsubscribe),
            return_path=self._links.bounce_address(message.id) if message.channel == "email" else None,
        )


def _buckets(lanes: Iterable[Lane]) -> dict[str, Bucket]:
    return {lane.notifier.provider: lane.bucket for lane in lanes if lane.bucket is not None}


def _data(message: Claimed) -> dict[str, str]:
    """What an app is told beside the words: ``link`` is its deep link."""
    data = {"decision_id": message.decision_id, "purpose": message.purpose}
    return data if message.link is None else {**data, "link": message.link}
