"""Rule files: YAML to a ``Ruleset``, or every problem in them with its place and mend."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, cast

from rules import inhibition
from rules.advice import advise
from rules.answer_advice import advise_on_answers
from rules.calendar_words import read_calendar_definition
from rules.condition import DEFAULT_MAX_GAP
from rules.decision import Severity
from rules.library import SECTIONS, Definition, Library
from rules.life_advice import advise_on_life, advise_on_repeats
from rules.mentions import Mentions
from rules.problem import Problem, RuleErrors
from rules.profiles import read_profile
from rules.reading import Reading
from rules.references import check, group_by, in_order, members
from rules.rule import Rule, Ruleset
from rules.selector import read_selector
from rules.source import read_yaml
from rules.step_reading import read_steps
from rules.steps import SEVERITIES, Stepped
from rules.text_advice import advise_on_texts
from rules.then import read_then
from rules.when import read_when

PURPOSES: Final = ("maintenance", "safety", "offers", "service")
DEFAULT_PURPOSE: Final = "maintenance"
RULE_KEYS: Final = (
    *("id", "name", "summary", "for_devices", "when", "max_gap"),
    *("severity", "steps", "purpose", "then", "cooldown", "repeat_every", "auto_resolve_after", "inhibited_by"),
)

FILE_KEYS: Final = ("rules", *SECTIONS, "tests")
"""``tests`` are examples of what the rules should do; they are no part of the rules. See rules.examples."""

_DEFINITIONS: Final[dict[str, Callable[[Reading], Any]]] = {
    "calendars": read_calendar_definition,
    "profiles": read_profile,
}

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_EXAMPLE = "write rules: followed by a list of rules"


@dataclass(slots=True)
class _Draft:
    """A rule set while its files are read."""

    library: Library
    known_templates: Collection[str] | None
    rules: dict[str, Rule | None] = field(default_factory=dict)
    """By id; ``None`` for one that cannot be used."""
    references: list[inhibition.Reference] = field(default_factory=list)
    mentions: dict[str, Mentions] = field(default_factory=dict)
    """By the id of the rule that says them."""
    warnings: list[Problem] = field(default_factory=list)


def parse(files: dict[str, str], known_templates: Collection[str] | None = None) -> Ruleset:
    """Read a whole rule set.

    Args:
        files: file name to YAML text.
        known_templates: the templates that exist, to check names against; ``None`` checks nothing. Where it is a
            mapping, its values are the channels on which each says nothing, and the files to write for each of them.

    Raises:
        RuleErrors: with all problems in all files.
    """
    problems: list[Problem] = []
    documents = [document for file in sorted(files) if (document := _read_document(file, files[file], problems))]
    draft = _Draft(_read_library(documents), known_templates)
    for document in documents:
        _read_rules(document, draft)
    inhibition.check(draft.references, draft.rules)
    check(draft.mentions, draft.rules)
    if problems:
        raise RuleErrors(sorted(problems, key=lambda problem: problem[:3]))
    usable = in_order([rule for rule in draft.rules.values() if rule is not None])
    warnings = [warning for document in documents for warning in advise(document, draft.library)]
    version = _digest(sorted(rule.version for rule in usable))
    return Ruleset(version, usable, tuple(sorted([*warnings, *draft.warnings], key=lambda warning: warning[:3])))


def _read_document(file: str, text: str, problems: list[Problem]) -> Reading | None:
    """The top level of one file; ``None`` after noting what is wrong with it."""
    root, broken = read_yaml(file, text)
    problems += broken
    if root is None:
        if not broken:
            problems.append(Problem(file, 1, 1, "", "the file is empty", _EXAMPLE))
        return None
    if not isinstance(root.value, dict):
        problems.append(Problem(file, root.line, root.column, "", "expected 'rules:' here", _EXAMPLE))
        return None
    document = Reading(file, root, "", problems)
    document.only(FILE_KEYS)
    if not document.entries.keys() & {"rules", *SECTIONS}:
        document.need("rules", _EXAMPLE)
    return document


def _read_library(documents: list[Reading]) -> Library:
    """What all files define, whatever their order: a rule may refer to a definition in another file."""
    library = Library()
    for document in documents:
        for section in SECTIONS:
            mend = f"write {section}: followed by a list of definitions, each with an id"
            for node, path in document.items(section, mend):
                reading = document.nested(node, path, mend)
                name = None if reading is None or not reading.need("id", "give it a name") else reading.text("id")
                if reading is None or name is None:
                    continue
                if (section, name) in library.definitions:
                    reading.refuse("id", f"'{name}' is defined twice in {section}", "give each an id of its own")
                definition = Definition(section, name, reading, _DEFINITIONS[section](reading))
                library.definitions.setdefault((section, name), definition)
    return library


def _read_rules(document: Reading, draft: _Draft) -> None:
    if "rules" not in document or document.entries["rules"].value == []:
        return
    for node, path in document.items("rules", _EXAMPLE):
        reading = document.nested(node, path, "write a rule: id, when, purpose, then")
        if reading is None:
            continue
        rule_id = _read_id(reading)
        if rule_id is not None and rule_id in draft.rules:
            reading.refuse("id", f"there is another rule '{rule_id}'", "give each rule an id of its own")
        library = draft.library.for_rule(rule_id or "")
        rule = _read_rule(reading, rule_id or "", library, draft)
        if rule_id is not None:
            draft.mentions.setdefault(rule_id, library.mentions)
            draft.rules.setdefault(rule_id, rule)


def _read_rule(reading: Reading, rule_id: str, library: Library, draft: _Draft) -> Rule | None:
    """One rule; ``None`` where its condition or its devices cannot be read (each problem is noted)."""
    reading.only(RULE_KEYS)
    selector = read_selector(reading)
    max_gap = reading.duration("max_gap") or DEFAULT_MAX_GAP
    condition = read_when(reading, max_gap, library)
    case, notify = read_then(reading, draft.known_templates)
    severity = cast("Severity", reading.choice("severity", SEVERITIES) or "warning")
    steps = read_steps(reading, severity, (case, notify), max_gap, library, draft.known_templates)
    purpose = reading.choice("purpose", PURPOSES)
    texts = {key: reading.text(key) or "" for key in ("name", "summary")}
    durations = {key: reading.duration(key) for key in ("cooldown", "repeat_every", "auto_resolve_after")}
    inhibited_by = inhibition.read_inhibited_by(reading, rule_id, draft.references)
    by = group_by(library.mentions, reading)
    if selector is None or condition is None:
        return None
    if steps:
        condition = Stepped(condition, steps)
    draft.warnings += advise_on_life(reading, condition, durations)
    words = [notify, *(step.notify for step in steps)]
    draft.warnings += advise_on_repeats(reading, condition, durations["repeat_every"], words)
    draft.warnings += advise_on_answers(reading, purpose or DEFAULT_PURPOSE, notify, words[1:])
    draft.warnings += advise_on_texts(reading, words, draft.known_templates)
    version = _version(reading, library)
    return Rule(
        id=rule_id,
        version=version,
        selector=selector,
        condition=condition,
        severity=severity,
        purpose=purpose or DEFAULT_PURPOSE,
        case=case,
        notify=notify,
        steps=steps,
        inhibited_by=tuple(inhibited_by.names),
        inhibited_in_store=tuple(inhibited_by.in_store),
        group_by=by,
        members=members(library.mentions, version, selector),
        mentions=library.mentions.asked(member=False),
        cooldown_ms=durations["cooldown"],
        repeat_every_ms=durations["repeat_every"],
        auto_resolve_after_ms=durations["auto_resolve_after"],
        metrics=tuple(sorted(key for key in condition.watches if key.isprintable())),
        name=texts["name"],
        summary=texts["summary"],
    )


def _read_id(reading: Reading) -> str | None:
    if not reading.need("id", "give the rule a short name of its own: id: chiller-too-warm"):
        return None
    rule_id = reading.text("id")
    if rule_id is not None and _ID.fullmatch(rule_id) is None:
        reading.refuse("id", f"'{rule_id}' is no id", "use 1 to 100 letters, digits, '-', '_', '.' or ':'")
        return None
    return rule_id


def _version(reading: Reading, library: Library) -> str:
    content = reading.node.plain()
    used = [[section, name, value] for (section, name), value in sorted(library.used.items())]
    return _digest([content, used] if used else content)


def _digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(errors="surrogatepass"), digest_size=6).hexdigest()
