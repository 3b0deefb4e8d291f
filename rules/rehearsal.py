"""Playing an example with the real engine, and saying what came otherwise than expected, and why."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from devices.event import AlertCommand, Millis
from rules.alert import Slot
from rules.decision import Decision, Fault, Outcome, Position
from rules.duration import MINUTE, spoken
from rules.examples import Example, Expected
from rules.explained import explained
from rules.partitions import Partitions
from rules.rule import Rule, Ruleset

_FIRST_SEQ = 1


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that came otherwise than expected."""

    line: int
    """Of the example, or of the expectation that was not met."""
    message: str
    decided: tuple[str, ...] = ()
    """What was decided about the same rule and device."""
    why: tuple[str, ...] = ()
    """The rule's condition at that time, as ``rules.explained`` draws it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an example went."""

    example: Example
    failures: tuple[Failure, ...]
    decisions: tuple[Decision, ...]
    """Of the rules that the example is about."""

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.failures


def rehearse(example: Example, ruleset: Ruleset) -> Verdict:
    """Play ``example`` under ``ruleset``."""
    played = _Play(example, ruleset)
    played.run()
    decisions = tuple(made for made in played.made if isinstance(made, Decision) and _is_about(example, made.rule_id))
    matched = _match(example.expected, decisions)
    missing = [each for each in example.expected if each not in matched]
    failures = [played.missing(each, decisions) for each in missing]
    failures += [
        played.unwanted(decision, "fires, which is not expected")
        for decision in decisions
        if decision.transition == "firing"
        and not any(decision is found for found in matched.values())
        and not any(_is_near(each, decision) for each in missing)  # it was told already, as what came instead
    ]
    failures += [
        Failure(each.line, f"never expected: {said_decision(decision, example.starts)}")
        for each in example.never
        for decision in decisions
        if not _differences(each, decision)
    ]
    failures += [
        Failure(example.line, f"{made.rule_id} raised {made.error}", why=tuple(made.trace.splitlines()[-3:]))
        for made in played.made
        if isinstance(made, Fault)
    ]
    return Verdict(example, (*failures, *played.idle), decisions)


def after(at: Millis, starts: Millis) -> str:
    """A time as an example writes it: how long after its start."""
    return "0s" if at == starts else f"{'-' if at < starts else ''}{spoken(abs(at - starts))}"


def said_decision(decision: Decision, starts: Millis) -> str:
    """``11 min: chiller-too-warm on chiller-7 firing (major): temperature 9 is above 8 for 10 min``."""
    about = f"{decision.rule_id} on {decision.subject} {decision.transition} ({decision.severity})"
    return f"{after(decision.at, starts)}: {about}: {decision.summary}"


class _Play:
    """One run of an example, and a look at each condition at the moment at which something is expected of it."""

    def __init__(self, example: Example, ruleset: Ruleset) -> None:
        self._example = example
        self._rules = {rule.id: rule for rule in ruleset.rules}
        self._partitions = Partitions(ruleset)
        self._seq = _FIRST_SEQ
        self._looks = sorted((each for each in example.expected), key=self._looked_at_when)
        self._seen: dict[Expected, tuple[str, ...]] = {}
        self.made: list[Outcome] = []
        self.idle: list[Failure] = []
        """Commands that nothing came of."""

    def _looked_at_when(self, expected: Expected) -> Millis:
        return self._example.ends if expected.at is None else expected.at

    def run(self) -> None:
        """Everything registered, then each event with the time that passes before it, then the time to the end."""
        example, partitions = self._example, self._partitions
        self.made += partitions.register(example.starts - MINUTE, example.devices, example.stores)
        for arrival in example.given:
            self._pass_time(arrival.at - 1)
            self._seq += 1
            event = arrival.event
            self.made += partitions.fold(0, self._seq, [self._meant(event) if type(event) is AlertCommand else event])
        self._pass_time(example.ends)
        self._seq += 1
        self.made += partitions.tick(example.ends, Position(self._seq, 0))
        self._look(example.ends)

    def _meant(self, command: AlertCommand) -> AlertCommand:
        """The command with the alert that fires now."""
        for alert in self._partitions.states[0].alerts():
            if alert.rule_id == command.rule_id and alert.device_id == command.device_id and alert.alert_id:
                return msgspec.structs.replace(command, alert_id=alert.alert_id)
        when = after(command.at, self._example.starts)
        about = f"{command.rule_id} on {command.device_id}"
        self.idle.append(Failure(self._example.line, f"{when}: {command.action} {about}, which does not fire then"))
        return command

    def _pass_time(self, until: Millis) -> None:
        """Let time come to ``until``, and look at what is expected on the way."""
        while self._looks and self._looked_at_when(self._looks[0]) <= until:
            moment = self._looked_at_when(self._looks[0])
            self.made += self._partitions.pass_time(moment, Position(self._seq, 0))
            self._look(moment)
        self.made += self._partitions.pass_time(until, Position(self._seq, 0))

    def _look(self, until: Millis) -> None:
        while self._looks and self._looked_at_when(self._looks[0]) <= until:
            expected = self._looks.pop(0)
            self._seen[expected] = tuple(self._why(expected, self._looked_at_when(expected)))

    def _why(self, expected: Expected, at: Millis) -> Iterable[str]:
        rule = self._rules.get(expected.rule or "")
        if rule is None or expected.device is None:
            return []
        partitions = self._partitions
        subject = partitions.states[partitions.partition(expected.device)].subjects.get(expected.device)
        if subject is None:
            return [f"{expected.device} said nothing and is not under devices:"]
        for place, each in enumerate(subject.plan.rules):
            if each.id == rule.id:
                slot = subject.slots[place] or Slot(rule)
                return self._drawn(rule, rule.condition.explain(slot.memory, subject, at), at)
        unmet = "; ".join(str(part) for part in rule.selector.unmet(subject.facts))
        return [f"the rule does not concern {expected.device}: {unmet or 'see its for_devices'}"]

    def _drawn(self, rule: Rule, tree: dict[str, object], at: Millis) -> Iterable[str]:
        return [f"{rule.id} at {after(at, self._example.starts)}:", *explained(tree, self._clock)]

    @property
    def _clock(self) -> Callable[[Millis], str]:
        return lambda at: after(at, self._example.starts)

    def missing(self, expected: Expected, decisions: Sequence[Decision]) -> Failure:
        """An expectation that nothing met."""
        near = [decision for decision in decisions if _is_near(expected, decision)]
        instead = [
            f"{said_decision(decision, self._example.starts)} ({', '.join(_differences(expected, decision))})"
            if _differences(expected, decision)
            else f"{said_decision(decision, self._example.starts)} (another expectation has it)"
            for decision in near
        ]
        message = f"expected {self._said(expected)}"
        return Failure(expected.line, message, tuple(instead), self._seen.get(expected, ()))

    def unwanted(self, decision: Decision, message: str) -> Failure:
        """A decision that nobody expected."""
        why = explained(decision.explanation, self._clock)
        head = f"{decision.rule_id} on {decision.subject} {message}"
        return Failure(self._example.line, head, (said_decision(decision, self._example.starts),), tuple(why))

    def _said(self, expected: Expected) -> str:
        who = f"{expected.rule or 'any rule'} on {expected.device or 'any device'} {expected.transition or ''}".strip()
        when = "" if expected.at is None else f" at {after(expected.at, self._example.starts)}"
        within = f" ± {spoken(expected.within)}" if expected.within else ""
        severity = f", severity {expected.severity}" if expected.severity else ""
        summary = f', summary "{expected.summary}"' if expected.summary else ""
        inhibited = f", inhibited by {expected.inhibited_by}" if expected.inhibited_by else ""
        return f"{who}{when}{within}{severity}{summary}{inhibited}"


def _is_about(example: Example, rule_id: str) -> bool:
    return not example.about or rule_id in example.about


def _match(expected: Sequence[Expected], decisions: Sequence[Decision]) -> dict[Expected, Decision]:
    """Each expectation with a decision of its own that meets it; those that say more choose first."""
    taken: list[Decision] = []
    found: dict[Expected, Decision] = {}
    for each in sorted(expected, key=lambda each: (each.at is None, each.within, each.summary is None)):
        for decision in decisions:
            if not _differences(each, decision) and not any(decision is other for other in taken):
                found[each] = decision
                taken.append(decision)
                break
    return found


def _is_near(expected: Expected, decision: Decision) -> bool:
    """Whether the decision is about the rule and the device of which something is expected."""
    return expected.rule in (None, decision.rule_id) and expected.device in (None, decision.subject)


def _differences(expected: Expected, decision: Decision) -> list[str]:
    """In what the decision is not the expected one; empty where it is."""
    found = []
    if expected.rule not in (None, decision.rule_id):
        found.append(f"rule {decision.rule_id}")
    if expected.device not in (None, decision.subject):
        found.append(f"on {decision.subject}")
    if expected.transition not in (None, decision.transition):
        found.append(f"{decision.transition}, not {expected.transition}")
    if expected.severity not in (None, decision.severity):
        found.append(f"severity {decision.severity}, not {expected.severity}")
    if expected.inhibited_by not in (None, decision.inhibited_by):
        found.append(f"not inhibited by {expected.inhibited_by}")
    if expected.at is not None and abs(decision.at - expected.at) > expected.within:
        found.append(f"{spoken(abs(decision.at - expected.at))} {'later' if decision.at > expected.at else 'earlier'}")
    if expected.summary is not None and not fnmatch.fnmatchcase(decision.summary, _pattern(expected.summary)):
        found.append("another summary")
    return found


def _pattern(text: str) -> str:
    """Only ``*`` is special: a summary may well hold brackets and question marks."""
    return text.replace("[", "[[]").replace("?", "[?]")
