"""The text of a rule as it was: rule sets are kept, and a rule's version is made of what it says."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from gateway.storage import rule_sets
from rules.excerpt import Excerpt, excerpt
from rules.problem import RuleErrors
from rules.state import ruleset_of

MAX_SETS = 10
"""So many sets are looked through."""


class RuleText(NamedTuple):
    """Where the rule stands, and in which set."""

    set_version: str
    excerpt: Excerpt


def text_of(connection: Connection, rule_id: str, rule_version: str, around: datetime) -> RuleText | None:
    """What the rule said in that version, which held at ``around``; ``None`` where no set that is kept has it."""
    for version in rule_sets.versions(connection, around, limit=MAX_SETS):
        found = rule_sets.get(connection, version)
        if found is not None and _has(found.files, rule_id, rule_version):
            text = excerpt(found.files, rule_id)
            return None if text is None else RuleText(version, text)
    return None


def _has(files: dict[str, str], rule_id: str, rule_version: str) -> bool:
    if not any(rule_id in text for text in files.values()):
        return False
    try:
        rules = ruleset_of(files).rules
    except RuleErrors:  # an earlier version of Kizashi took them
        return False
    return any(rule.id == rule_id and rule.version == rule_version for rule in rules)
