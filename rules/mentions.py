"""What one rule says of groups and of other rules, noted while it is read and judged once all rules are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rules.condition import Condition
    from rules.reading import Reading


class Mention(NamedTuple):
    """Another rule whose alert is asked for."""

    rule_id: str
    reading: Reading
    """The mapping in which it is named, under ``key``."""
    key: str
    member: bool
    """Asked of the devices of a group, not of the rule's own subject."""


class GroupPart(NamedTuple):
    """One group condition of a rule."""

    by: str
    where: Condition
    reading: Reading
    """The mapping under ``group``."""


@dataclass(slots=True)
class Mentions:
    """Of one rule."""

    rule_id: str = ""
    alerts: list[Mention] = field(default_factory=list)
    groups: list[GroupPart] = field(default_factory=list)

    def asked(self, *, member: bool) -> tuple[str, ...]:
        """The rules whose alerts are asked for, each once: of the members of a group, or of the subject itself."""
        return tuple(dict.fromkeys(mention.rule_id for mention in self.alerts if mention.member is member))
