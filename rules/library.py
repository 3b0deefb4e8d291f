"""What rule files define beside their rules, for rules to refer to: calendars and device profiles.

A rule's version covers the definitions that it used, so a change of a calendar is a change of the rules that ask it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rules.mentions import Mentions
from rules.reading import Reading

SECTIONS = ("calendars", "profiles")
"""The top-level keys of a rule file that hold definitions: lists of mappings with an ``id`` each."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One entry of a section."""

    section: str
    id: str
    reading: Reading
    """Its problems are noted in the list that the whole document shares."""
    content: Any = None
    """What it says, read once whether or not a rule uses it; ``None`` where it is wrong."""


@dataclass(frozen=True, slots=True)
class Library:
    """All definitions of a rule set, and which of them the rule being read has used."""

    definitions: dict[tuple[str, str], Definition] = field(default_factory=dict)
    """By section and id."""
    used: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What was used, as plain values: it becomes part of the rule's version."""
    mentions: Mentions = field(default_factory=Mentions)
    """What the rule being read says of groups and of other rules."""

    def find(self, section: str, name: str) -> Definition | None:
        """The definition, noted as used; ``None`` where there is none of that name."""
        found = self.definitions.get((section, name))
        if found is not None:
            self.used[section, name] = found.reading.node.plain()
        return found

    def names(self, section: str) -> list[str]:
        """What the section defines, in order of name."""
        return sorted(name for kind, name in self.definitions if kind == section)

    def for_rule(self, rule_id: str = "") -> Library:
        """The same definitions, none of them used yet."""
        return Library(self.definitions, mentions=Mentions(rule_id))
