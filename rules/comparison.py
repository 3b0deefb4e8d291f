"""What would be otherwise: the alerts that two versions of a rule raise over the same events, side by side.

Alerts are compared as episodes, from firing to resolved. Two episodes on the same subject are the same trouble if they
overlap, or follow each other within ``TOLERANCE_MS``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, Literal

import msgspec

from devices.event import Millis
from rules.decision import Decision
from rules.duration import MINUTE, spoken

TOLERANCE_MS: Final[Millis] = 10 * MINUTE
MAX_CHANGES: Final = 50
"""So many changes of each kind are kept with their details; all are counted."""

Side = Literal[0, 1]
CANDIDATE: Final[Side] = 0
LIVE: Final[Side] = 1
Kind = Literal["new", "gone", "changed"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that would be otherwise."""

    kind: Kind
    """``new``: only the candidate raises it; ``gone``: only the live rule does; ``changed``: both, differently."""
    subject: str
    customer_id: str | None
    at: Millis | None
    """When the candidate fires."""
    live_at: Millis | None
    """When the live rule fires."""
    says: str
    """In what it differs, such as ``fires 12 min earlier``; of ``new`` and ``gone`` the alert's own sentence."""


class _Episode:
    """One alert of one side, as far as it has come."""

    __slots__ = ("at", "counted", "customer", "ended", "inhibited", "partner", "severity", "summary")

    def __init__(self, fired: Decision) -> None:
        self.at = fired.at
        self.ended: Millis | None = None
        self.customer = fired.customer_id
        self.severity: str = fired.severity
        self.summary = fired.summary
        self.inhibited = fired.inhibited_by is not None
        self.counted: Counter[str] = Counter()
        self.partner: _Episode | None = None


class Comparison:
    """One rule on both sides. Give it the decisions of both in the order of their events."""

    def __init__(self) -> None:
        self.same = 0
        self.counts: Counter[Kind] = Counter()
        self.changes: dict[Kind, list[Change]] = {"new": [], "gone": [], "changed": []}
        self._newest: tuple[dict[str, _Episode], dict[str, _Episode]] = ({}, {})

    def take(self, side: Side, decision: Decision) -> None:
        """The next decision of one side."""
        if decision.transition == "firing":
            self._begin(side, decision)
            return
        episode = self._newest[side].get(decision.subject)
        if episode is None:
            return
        if decision.transition != "resolved":
            episode.counted[decision.transition] += 1
            return
        episode.ended = decision.at
        if episode.partner is not None and episode.partner.ended is not None:
            self._settle(side, decision.subject, episode)

    def in_order(self) -> list[Change]:
        """The changes that were kept, each kind in order of time."""
        return [change for kept in self.changes.values() for change in sorted(kept, key=_begins)]

    def finish(self) -> None:
        """There are no more events: what has no counterpart by now has none."""
        candidates, lives = self._newest
        for subject, episode in candidates.items():
            self._finish(CANDIDATE, subject, episode)
        for subject, episode in lives.items():
            if episode.partner is None or episode.partner is not candidates.get(subject):
                self._finish(LIVE, subject, episode)
        for newest in self._newest:
            newest.clear()

    def _finish(self, side: Side, subject: str, episode: _Episode) -> None:
        if episode.partner is None:
            self._alone(side, subject, episode)
        elif episode.ended is None or episode.partner.ended is None:
            self._settle(side, subject, episode)

    def _begin(self, side: Side, decision: Decision) -> None:
        subject, own, others = decision.subject, self._newest[side], self._newest[1 - side]
        before = own.get(subject)
        if before is not None and before.partner is None:
            self._alone(side, subject, before)
        episode = own[subject] = _Episode(decision)
        other = others.get(subject)
        if other is None or other.partner is not None:
            return
        if other.ended is None or episode.at - other.ended <= TOLERANCE_MS:
            episode.partner, other.partner = other, episode

    def _alone(self, side: Side, subject: str, episode: _Episode) -> None:
        kind: Kind = "new" if side == CANDIDATE else "gone"
        at, live_at = (episode.at, None) if side == CANDIDATE else (None, episode.at)
        self._keep(kind, subject, episode.customer, at, live_at, episode.summary)

    def _settle(self, side: Side, subject: str, episode: _Episode) -> None:
        """Both sides have come to an end: are they alike?"""
        partner = episode.partner
        assert partner is not None
        candidate, live = (episode, partner) if side == CANDIDATE else (partner, episode)
        says = _differences(candidate, live)
        if not says:
            self.same += 1
            return
        self._keep("changed", subject, candidate.customer, candidate.at, live.at, ", ".join(says))

    def _keep(self, kind: Kind, subject: str, customer: str | None, *at: Any) -> None:
        self.counts[kind] += 1
        if len(self.changes[kind]) < MAX_CHANGES:
            when, live_when, says = at
            self.changes[kind].append(
                Change(kind=kind, subject=subject, customer_id=customer, at=when, live_at=live_when, says=says)
            )


def _begins(change: Change) -> tuple[Millis, str]:
    return min(at for at in (change.at, change.live_at) if at is not None), change.subject


def _differences(candidate: _Episode, live: _Episode) -> list[str]:
    """In what two episodes differ, in words; empty where nobody would notice."""
    found = []
    if candidate.at != live.at:
        found.append(f"fires {_shift(candidate.at - live.at)}")
    if candidate.severity != live.severity:
        found.append(f"is {candidate.severity}, not {live.severity}")
    if candidate.inhibited != live.inhibited:
        found.append(f"is {'' if candidate.inhibited else 'not '}silenced by another alert")
    if (candidate.ended is None) != (live.ended is None):
        found.append("is still firing at the end" if candidate.ended is None else "is over before the end")
    elif candidate.ended is not None and live.ended is not None and candidate.ended != live.ended:
        found.append(f"ends {_shift(candidate.ended - live.ended)}")
    for transition, word in (("repeat", "repeated"), ("raised", "raised"), ("lowered", "lowered")):
        if candidate.counted[transition] != live.counted[transition]:
            found.append(f"is {word} {_times(candidate.counted[transition])}, not {_times(live.counted[transition])}")
    return found


def _shift(by: Millis) -> str:
    return f"{spoken(abs(by))} {'later' if by > 0 else 'earlier'}"


def _times(count: int) -> str:
    return "once" if count == 1 else "never" if count == 0 else f"{count} times"
