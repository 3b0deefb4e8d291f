"""A rule as it is run: read, checked, and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.event import Millis
from rules.condition import Condition
from rules.decision import CaseAction, NotifyAction, Severity
from rules.problem import Problem
from rules.selector import Selector


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """When something deserves attention, and what is to be done then. Durations in ms."""

    id: str
    version: str
    """A hash of what the rule says: the same text, however laid out, has the same version."""
    selector: Selector
    condition: Condition
    severity: Severity
    purpose: str
    case: CaseAction | None = None
    notify: NotifyAction | None = None
    cooldown_ms: Millis | None = None
    repeat_every_ms: Millis | None = None
    name: str = ""
    summary: str = ""
    metrics: tuple[str, ...] = field(default=())
    """The metrics that the condition watches, in order of name."""


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """All rules that hold together."""

    version: str
    rules: tuple[Rule, ...]
    warnings: tuple[Problem, ...] = ()
    """What is probably not meant, though it can be run."""


NO_RULES = Ruleset(version="", rules=())
