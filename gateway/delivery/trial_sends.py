"""Sending a template to an address of one's own, to see it on a real phone or in a real mailbox.

No contact, no consent and no timeline: it goes to the address that an admin gives and to nobody else, says that it is a
test, and a few go out at once, then one every few seconds, whichever process is asked.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sqlalchemy import Engine

from gateway.delivery import rate
from gateway.delivery.rate import Bucket
from notifiers.outcome import Accepted, Notifier, Outcome, Outgoing
from notifiers.policy.stages.addresses import Checked, check_email, check_push, check_sms, check_webpush, region_of
from notifiers.templates import Preview

AT_MOST: Final = 5
EACH_S: Final = 12.0
BUCKET: Final = "test sends"
TTL_S: Final = 3600
MARK: Final = "[Test] "


class AddressError(ValueError):
    """Nothing can be sent to this address; the message says how to write one."""


class TooManyTestsError(Exception):
    """A few a minute are enough to look at. ``after_s``: seconds until the next may go."""

    def __init__(self, after_s: float) -> None:
        super().__init__(
            f"at most {AT_MOST} test messages at once, then one every {EACH_S:.0f} s; wait {math.ceil(after_s)} s"
        )
        self.after_s = after_s


Take = Callable[[], float]
"""Lets one test go, or says how many seconds are left until the next may."""


def from_all_together(engine: Engine) -> Take:
    """The limit for all processes of a deployment together."""
    buckets = {BUCKET: Bucket(per_second=1 / EACH_S, size=AT_MOST)}

    def take() -> float:
        with engine.begin() as connection:
            grants = rate.look(connection, buckets)
            wait_s = grants[BUCKET].seconds_to_next(0)
            rate.spend(connection, grants, {BUCKET: 0 if wait_s else 1})
        return wait_s

    return take


def without_limit() -> float:
    """Who sits at the machine itself and holds its settings needs none."""
    return 0.0


class TrialSends:
    """The notifiers for tests, made when the first is sent. Safe for several threads."""

    def __init__(
        self,
        build: Callable[[], Mapping[str, Notifier]],
        regions: Collection[str] | None = None,
        *,
        take: Take = without_limit,
    ) -> None:
        """``regions``: the only countries to which SMS go; ``None``: all. ``take``: asked before each test."""
        self._build = build
        self._regions = regions
        self._take = take
        self._notifiers: Mapping[str, Notifier] | None = None

    def send(self, shown: Preview, to: str) -> Outcome:
        """Send what a preview shows to ``to``, marked as a test.

        Args:
            shown: the rendered message.
            to: token, E.164 number, mailbox, or a browser's subscription as JSON.

        Raises:
            AddressError: ``to`` is no address of the preview's channel.
            TooManyTestsError: too many of late.
        """
        address = checked(shown.channel, to, self._regions)
        wait_s = self._take()
        if wait_s:
            raise TooManyTestsError(wait_s)
        if self._notifiers is None:
            self._notifiers = self._build()
        return self._notifiers[shown.channel].send(marked(shown, address))


def checked(channel: str, to: str, regions: Collection[str] | None = None) -> str:
    """The address as it is sent to.

    Raises:
        AddressError: it is none of ``channel``, or a number outside of ``regions`` (ISO 3166; ``None``: all are right).
    """
    if channel not in _CHECKS:
        raise AddressError(f"nothing can be sent as a test by {channel!r}; it can by {', '.join(CHANNELS)}")
    found = _CHECKS[channel](to.strip())
    if found.fault:
        raise AddressError(f"{to!r} {found.fault}")
    if channel == "sms" and regions is not None:
        region = region_of(found.address)
        if region not in regions:
            raise AddressError(f"{to!r} is in {region or 'no country'}, to which policy.sms_countries sends nothing")
    return found.address


_CHECKS: Final[Mapping[str, Callable[[str], Checked]]] = {
    "push": check_push,
    "sms": check_sms,
    "email": check_email,
    "webpush": check_webpush,
}
CHANNELS: Final = tuple(_CHECKS)
"""Those whose address a person can give."""


def marked(shown: Preview, to: str) -> Outgoing:
    """The message to send. Its id is new each time: a test is never taken for a repeat."""
    titled = shown.channel != "sms"
    return Outgoing(
        message_id=f"test_{secrets.token_hex(12)}",
        to=to,
        title=MARK + shown.title if titled else "",
        text=shown.text if titled else MARK + shown.text,
        html=shown.html,
        ttl_s=TTL_S,
        data={"test": "true"} if shown.channel in ("push", "webpush") else {},
    )


def said(outcome: Outcome) -> str:
    """What became of it, in a sentence's end."""
    if isinstance(outcome, Accepted):
        return "accepted by the provider"
    return f"{type(outcome).__name__.lower()}: {outcome.reason}"
