"""A rule's own text: the lines of its file that say it, comments included."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from rules.source import Located, read_yaml


class Excerpt(NamedTuple):
    """Where a rule stands, and what stands there."""

    file: str
    line: int
    """Of its first key, counted from 1."""
    text: str
    """YAML, moved to the left margin; begins with ``- id: …`` in whatever order its author wrote the keys."""


def excerpt(files: dict[str, str], rule_id: str) -> Excerpt | None:
    """The text of the rule ``rule_id``; ``None`` where no file has it as a readable rule of its own lines.

    A rule that is written on one line together with others gives that whole line.
    """
    found = _locate(files, rule_id)
    if found is None:
        return None
    file, first, last = found
    lines = files[file].splitlines()[first - 1 : last]
    return Excerpt(file, first, textwrap.dedent("\n".join(lines)).rstrip())


def replaced(files: dict[str, str], rule_id: str, text: str) -> dict[str, str]:
    """The files with ``text`` in the place of the rule's own, moved as far to the right as that stood.

    Raises:
        KeyError: there is no such rule.
    """
    found = _locate(files, rule_id)
    if found is None:
        raise KeyError(rule_id)
    file, first, last = found
    lines = files[file].splitlines()
    margin = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
    new = textwrap.indent(textwrap.dedent(text).strip("\n"), margin).splitlines()
    return {**files, file: "\n".join([*lines[: first - 1], *new, *lines[last:]]) + "\n"}


def _locate(files: dict[str, str], rule_id: str) -> tuple[str, int, int] | None:
    """The rule's file, and its first and last line."""
    for file in sorted(files):
        root, _ = read_yaml(file, files[file])
        rules = _rules_in(root)
        for place, rule in enumerate(rules):
            if _id_of(rule) == rule_id:
                after = rules[place + 1].line if place + 1 < len(rules) else _end_of_rules(root)
                return file, rule.line, _last_line(files[file], rule.line, after)
    return None


def _rules_in(root: Located | None) -> list[Located]:
    section = root.value.get("rules") if root is not None and isinstance(root.value, dict) else None
    return list(section.value) if section is not None and isinstance(section.value, list) else []


def _id_of(rule: Located) -> str | None:
    node = rule.value.get("id") if isinstance(rule.value, dict) else None
    return node.text if node is not None else None


def _end_of_rules(root: Located | None) -> int | None:
    """The line of the section that follows ``rules:``, if one does."""
    if root is None or not isinstance(root.value, dict):
        return None
    begin = root.value["rules"].key_line
    return min((each.key_line for each in root.value.values() if each.key_line > begin), default=None)


def _last_line(text: str, first: int, after: int | None) -> int:
    lines = text.splitlines()
    last = max(first, after - 1) if after is not None else len(lines)
    while last > first and (not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#")):
        last -= 1  # what stands above the next rule belongs to that one
    return last
