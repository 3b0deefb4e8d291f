"""Why a rule did not fire on a device at a moment, or why it did: the fold of one device up to that moment.

The engine is used as it is, so what is told here is what the live run saw. Times are ms, by the
device's own clock where nothing else is said.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from devices.concerning import SHARED, concerns
from devices.event import DeviceEvent, Event, Location, MemberChanged, Millis, Telemetry, Tick
from rules.alert import OVER, Phase, Slot, view
from rules.decision import Decision, Fault, Outcome, Position
from rules.engine import step
from rules.group import group_of, kind_of
from rules.inhibition import inhibitor
from rules.rule import Rule
from rules.selector import Unmet
from rules.state import PartitionState
from rules.subject import LONG_AGO, NEVER, Subject

KEPT = 10
"""The newest so many decisions and faults are told."""

Verdict = Literal[
    "fires", "pending", "true", "false", "unknown", "not_concerned", "no_such_rule", "unknown_device", "too_long_ago"
]
"""What held at the moment: the alert's phase, else what the condition came to, else why nobody asked it."""

_ON_ITS_CLOCK = (Telemetry, Location, DeviceEvent, MemberChanged)
"""Events that move the device's own time on."""


class Standing(msgspec.Struct, frozen=True):
    """The alert at the moment."""

    phase: Phase
    since: Millis | None = None
    """Since when it fires."""
    alert_id: str | None = None
    severity: str | None = None
    acknowledged_at: Millis | None = None
    acknowledged_by: str | None = None
    snoozed_until: Millis | None = None
    inhibited_by: str | None = None
    """The rule whose alert speaks for it."""
    repeat_at: Millis | None = None
    closed: bool = False
    """Ended by a person or by time: the condition has to be false once before it fires again."""


class Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: what the rule made of the device at ``at``."""

    rule_id: str
    device_id: str
    at: Millis
    verdict: Verdict
    rule_version: str | None = None
    unmet: tuple[Unmet, ...] = ()
    """The parts of ``for_devices`` that the device does not meet."""
    explanation: dict[str, Any] = {}
    """The condition tree with what each part saw and concluded; empty where nobody asked it."""
    alert: Standing | None = None
    group: str | None = None
    """Of a rule about groups, asked about a device: the group that the device belongs to; empty: to none. What is told
    is then the device's part in it."""
    next_look_at: Millis | None = None
    """When the passing of time alone may next change something."""
    heard_at: Millis | None = None
    """The newest that the device itself sent."""
    lag: Millis = 0
    """How far the device's clock runs behind ours; its timers wait as much."""
    clock: Millis | None = None
    """The newest tick by our clock: how far time had come in the log."""
    transitions: tuple[Decision, ...] = ()
    """The newest decisions of the rule on the device, oldest first."""
    faults: tuple[Fault, ...] = ()
    """Times at which the rule raised and was set aside."""
    device_known: bool = False
    """Whether anything was known of the device."""
    rules_known: tuple[str, ...] = ()
    """The ids of all rules that held."""
    own_events: int = 0
    """How many events of the device were looked at."""


class Replay:
    """The fold of one device's part of the log. Give it the log in order until ``take`` says that it is enough."""

    def __init__(self, device_id: str, at: Millis, state: PartitionState | None = None) -> None:
        """Begin.

        Args:
            device_id: the device or group that is asked about.
            at: the moment, on the device's clock.
            state: where to go on from; nothing in it is later than ``at``. An empty one otherwise.
        """
        self.device_id = device_id
        self.at = at
        self.own_events = 0
        self._state = state or PartitionState.empty()
        self._made: list[Outcome] = []
        self._last = Position(0, 0)
        self._done = False

    def take(self, event: Event, position: Position) -> bool:
        """Apply the next event of the log, unless it lies behind the moment; whether more is wanted."""
        if self._done:
            return False
        if not concerns(event, self.device_id):
            return True
        self._last = position
        if self._beyond(event):
            self._finish()
            return False
        self.own_events += not isinstance(event, SHARED)
        self._made += step(self._state, event, position)
        return True

    def inquiry(self, rule_id: str) -> Inquiry:
        """What the rule made of the device, after everything that was taken."""
        state = self._state
        subject = state.subjects.get(self.device_id)
        rule = next((rule for rule in state.ruleset.rules if rule.id == rule_id), None)
        about: dict[str, Any] = {
            "rule_id": rule_id,
            "device_id": self.device_id,
            "at": self.at,
            "rule_version": None if rule is None else rule.version,
            "clock": _known(state.now),
            "own_events": self.own_events,
            "device_known": subject is not None,
            "transitions": tuple(self._of(Decision, rule_id)),
            "faults": tuple(self._of(Fault, rule_id)),
            "rules_known": tuple(each.id for each in state.ruleset.rules),
        }
        if rule is None:
            return Inquiry(**about, verdict="no_such_rule")
        if subject is None:
            return Inquiry(**about, verdict="unknown_device")
        about |= {"heard_at": _known(subject.heard_at), "lag": subject.lag}
        if rule.group_by and not kind_of(self.device_id):
            about["group"] = group_of(subject.facts, rule.group_by)
        slot = _slot_of(subject, rule)
        if slot is None:
            return Inquiry(**about, verdict="not_concerned", unmet=_unmet(rule, subject))
        reached = min(self.at, max(subject.last_at, state.now - subject.lag))
        return Inquiry(**about, **_standing(slot, subject, self.at, reached))

    def _beyond(self, event: Event) -> bool:
        """Whether the event comes after the moment: by the device's clock if it speaks itself, else by ours."""
        return event.at > (self.at if isinstance(event, _ON_ITS_CLOCK) else self._ours())

    def _ours(self) -> Millis:
        """The moment, by our clock."""
        subject = self._state.subjects.get(self.device_id)
        return self.at + (0 if subject is None else subject.lag)

    def _finish(self) -> None:
        """Time came as far as the moment: handle the deadlines up to it."""
        self._done = True
        self._made += step(self._state, Tick(self._ours()), self._last)

    def _of(self, kind: type[Any], rule_id: str) -> list[Any]:
        made = [each for each in self._made if isinstance(each, kind) and each.rule_id == rule_id]
        return [each for each in made if each.subject == self.device_id][-KEPT:]


def _slot_of(subject: Subject, rule: Rule) -> Slot | None:
    """What the fold remembers of the rule; a fresh slot where no event has concerned it yet; ``None``: it can't."""
    for place, each in enumerate(subject.plan.rules):
        if each.id == rule.id or (each.member_of is not None and each.member_of.rule_id == rule.id):
            return subject.slots[place] or Slot(each)
    return None


def _unmet(rule: Rule, subject: Subject) -> tuple[Unmet, ...]:
    """Why the rule does not concern the subject."""
    if rule.group_by and kind_of(subject.id):
        return (Unmet("group by", rule.group_by, kind_of(subject.id)),)
    if kind_of(subject.id):
        return (Unmet("subject", "devices", f"group {subject.id}"),)
    return rule.selector.unmet(subject.facts)


def _standing(slot: Slot, subject: Subject, at: Millis, reached: Millis) -> dict[str, Any]:
    """What held at ``at``, where all deadlines up to ``reached`` were handled."""
    explanation, deadline = _of_condition(slot, subject, at, reached)
    due = min(deadline, slot.episode_due())
    alert = _alert(slot, subject)
    truth: dict[Any, Verdict] = {True: "true", False: "false", None: "unknown"}
    phases: dict[str, Verdict] = {"firing": "fires", "pending": "pending"}
    is_part = slot.rule.member_of is not None
    return {
        "verdict": (None if is_part else phases.get(alert.phase)) or truth[explanation["result"]],
        "explanation": explanation,
        "alert": None if is_part else alert,
        "next_look_at": None if due == NEVER else due,
    }


def _alert(slot: Slot, subject: Subject) -> Standing:
    seen, episode = view(slot, subject), slot.episode
    if episode is None:
        return Standing(seen.phase, closed=slot.phase == OVER)
    return Standing(
        seen.phase,
        since=episode.since,
        alert_id=episode.alert_id,
        severity=seen.severity,
        acknowledged_at=episode.acknowledged_at,
        acknowledged_by=episode.acknowledged_by,
        snoozed_until=episode.snoozed_until,
        inhibited_by=inhibitor(slot, subject),
        repeat_at=episode.repeat_at,
    )


def _of_condition(slot: Slot, subject: Subject, at: Millis, reached: Millis) -> tuple[dict[str, Any], Millis]:
    """Its explanation, and its next deadline."""
    condition = slot.rule.condition
    try:
        deadline = condition.next_deadline(slot.memory, subject, reached) if slot.timed else NEVER
        return condition.explain(slot.memory, subject, at), deadline
    except Exception as error:  # noqa: BLE001 - a rule that raises is set aside, as in the fold
        return {"operator": "set aside", "error": f"{type(error).__name__}: {error}", "result": None}, NEVER


def _known(at: Millis) -> Millis | None:
    return None if at == LONG_AGO else at
