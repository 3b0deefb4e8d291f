"""Reading ``steps``: how serious an alert may become, and what is done then."""

from __future__ import annotations

from collections.abc import Collection

from devices.event import Millis
from rules.condition import Condition
from rules.decision import CaseAction, NotifyAction, Severity
from rules.library import Library
from rules.reading import Reading
from rules.steps import RANK, SEVERITIES, Step
from rules.then import read_then
from rules.when import read_when

_MEND = "write steps: [{severity: critical, when: {metric: temperature, above: 12}}]"


def read_steps(
    rule: Reading,
    severity: Severity,
    actions: tuple[CaseAction | None, NotifyAction | None],
    max_gap: Millis,
    library: Library,
    known_templates: Collection[str] | None,
) -> tuple[Step, ...]:
    """The steps of a rule, the least serious first; notes a problem for each that cannot be.

    Args:
        rule: the whole rule.
        severity: the rule's own, above which every step has to be.
        actions: the rule's ``then``. What a step does not say itself is as in the step below it.
        max_gap: the rule's.
        library: what the files define.
        known_templates: see ``rules.document.parse``.
    """
    found: dict[Severity, tuple[Reading, Condition]] = {}
    for node, path in rule.items("steps", _MEND):
        step = rule.nested(node, path, _MEND)
        if step is None:
            continue
        step.only(("severity", "when", "then"))
        name = _read_severity(step, severity, found.keys())
        condition = read_when(step, max_gap, library)
        if condition is not None and condition.momentary:
            mend = "ask for something that lasts, such as {metric: temperature, above: 12}"
            step.refuse("when", "a step must be able to last, and this happens in a moment", mend)
        elif name is not None and condition is not None:
            found[name] = (step, condition)
    steps = []
    for name in sorted(found, key=RANK.__getitem__):
        step, condition = found[name]
        case, notify = read_then(step, known_templates)
        actions = (case or actions[0], notify or actions[1])
        steps.append(Step(name, condition, *actions))
    return tuple(steps)


def _read_severity(step: Reading, lowest: Severity, taken: Collection[Severity]) -> Severity | None:
    if not step.need("severity", "say what it rises to: severity: critical"):
        return None
    name = step.choice("severity", SEVERITIES)
    if name is None:
        return None
    higher = [severity for severity in SEVERITIES if RANK[severity] > RANK[lowest]]
    if name not in higher:
        mend = f"write one of {', '.join(higher)}" if higher else "give the rule itself a lower severity"
        step.refuse("severity", f"a step to '{name}' is no rise from the rule's '{lowest}'", mend)
        return None
    if name in taken:
        step.refuse("severity", f"there is another step to '{name}'", "put their conditions into one with any: [...]")
        return None
    return name
