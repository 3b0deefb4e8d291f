"""A rule as it is run: read, checked, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from devices.event import Millis
from rules.condition import Condition
from rules.decision import CaseAction, NotifyAction, Severity
from rules.problem import Problem
from rules.selector import Selector
from rules.steps import Step


class Membership(NamedTuple):
    """On behalf of which group condition a device is asked."""

    by: str
    """The fact that the members have in common."""
    rule_id: str
    rule_version: str
    part: int
    """Which of the rule's group conditions."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """When something deserves attention, and what is to be done then. Durations in ms."""

    id: str
    version: str
    """A hash of what the rule says: the same text, however laid out, has the same version."""
    selector: Selector
    condition: Condition
    """With ``steps`` a ``rules.steps.Stepped``, so that whatever asks the condition asks them too."""
    severity: Severity
    """Where an alert begins; ``steps`` may raise it."""
    purpose: str
    case: CaseAction | None = None
    notify: NotifyAction | None = None
    cooldown_ms: Millis | None = None
    repeat_every_ms: Millis | None = None
    auto_resolve_after_ms: Millis | None = None
    steps: tuple[Step, ...] = ()
    """The least serious first."""
    inhibited_by: tuple[str, ...] = ()
    """Ids of rules on the same device."""
    inhibited_in_store: tuple[str, ...] = ()
    """Those of them whose alerts count on whatever is in the same store."""
    group_by: str = ""
    """What the groups have in common that it is about (``store``, ``model``…); empty: it is about devices."""
    members: tuple[Rule, ...] = ()
    """What is asked of each device on behalf of its group, where the rule is about groups."""
    member_of: Membership | None = None
    """Of such a part: it tells the device's group what holds, and decides nothing."""
    mentions: tuple[str, ...] = ()
    """Ids of the rules whose alerts it asks for."""
    name: str = ""
    summary: str = ""
    metrics: tuple[str, ...] = field(default=())
    """The metrics that the condition watches, in order of name."""

    def actions(self, severity: str) -> tuple[CaseAction | None, NotifyAction | None]:
        """The case to open and the words to send while the alert is that serious."""
        for step in self.steps:
            if step.severity == severity:
                return step.case, step.notify
        return self.case, self.notify


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All rules that hold together."""

    version: str
    rules: tuple[Rule, ...]
    warnings: tuple[Problem, ...] = ()
    """What is probably not meant, though it can be run."""

    def announced(self) -> frozenset[str]:
        """The rules whose alerts speak for a whole store."""
        return frozenset(name for rule in self.rules for name in rule.inhibited_in_store)


NO_RULES = Ruleset(version="", rules=())
