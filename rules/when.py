"""Reading ``when``: which operators a mapping names, and the condition that they make together."""

from __future__ import annotations

from dataclasses import replace

from devices.event import Millis
from rules.condition import Condition, Operator, Scope
from rules.conditions.all_of import AllOf
from rules.conditions.catalog import OPERATORS
from rules.library import Library
from rules.problem import Problem, closest
from rules.reading import Reading
from rules.source import Located

_COMPANIONS = frozenset().union(*(operator.keys for operator in OPERATORS.values()))
_MEND = "write a condition such as {metric: temperature, above: 8}"
_APART = "give each a condition of its own: all: [{…}, {…}]"


def read_when(rule: Reading, max_gap: Millis, library: Library) -> Condition | None:
    """The condition under ``when``; ``None`` after noting why there is none."""
    if not rule.need("when", _MEND):
        return None

    def read(node: Located, path: str, scope: Scope) -> Condition | None:
        return _read_mapping(rule.file, node, path, rule.problems, scope)

    return read(rule.entries["when"], rule.place("when"), Scope(read, library, max_gap))


def _read_mapping(file: str, node: Located, path: str, problems: list[Problem], scope: Scope) -> Condition | None:
    if not isinstance(node.value, dict):
        problems.append(Problem(file, node.line, node.column, path, "expected a condition here", _MEND))
        return None
    reading = Reading(file, node, path, problems)
    named = [operator for name, operator in OPERATORS.items() if name in reading]
    consumers = [operator for operator in named if operator.consumes]
    consumed = frozenset[str]().union(*(operator.consumes for operator in consumers))
    readers = [operator for operator in named if operator.read is not None and operator.name not in consumed]
    wrappers = [operator for operator in named if operator.wrap is not None]
    known_keys = _refuse_strangers(reading, named)
    if len(consumers) > 1:
        words = " and ".join(f"'{operator.name}'" for operator in consumers)
        reading.refuse(consumers[1].name, f"{words} both ask for the limits beside them", _APART, at_key=True)
        return None
    if not readers:
        if known_keys:
            words = ", ".join(name for name, operator in OPERATORS.items() if operator.read is not None)
            reading.refuse(None, "nothing is asked here", f"add one of {words}")
        return None
    inner_scope = replace(scope, sustained=True) if any(operator.sustains for operator in wrappers) else scope
    parts = [operator.read(reading, inner_scope) for operator in readers if operator.read is not None]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    condition: Condition | None = found[0] if len(found) == 1 else AllOf(tuple(found))
    for operator in wrappers:
        if condition is not None and operator.wrap is not None:
            condition = operator.wrap(reading, scope, condition)
    return condition


def _refuse_strangers(reading: Reading, named: list[Operator]) -> bool:
    """Refuse keys that nothing here understands; whether all were understood."""
    welcome = {operator.name for operator in named}.union(*(operator.keys for operator in named))
    strangers = [key for key in reading.entries if key not in welcome]
    mistyped = [key for key in strangers if key not in _COMPANIONS]
    for key in mistyped or strangers:
        if key == "metric" and not named:
            continue
        if key in _COMPANIONS:
            owners = " or ".join(f"'{name}'" for name, operator in OPERATORS.items() if key in operator.keys)
            reading.refuse(key, f"'{key}' needs {owners} beside it", "add it, or remove this key", at_key=True)
        else:
            mend = closest(key, [*OPERATORS, *_COMPANIONS], f"operators: {', '.join(OPERATORS)}")
            reading.refuse(key, f"unknown operator '{key}'", mend, at_key=True)
    return not strangers or strangers == ["metric"]
