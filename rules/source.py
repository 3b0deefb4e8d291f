"""YAML text as a tree in which each value knows its line and column.

Only plain YAML: no tags, one document, bounded depth and size (aliases count with all that they repeat). Plain words
are read as in YAML 1.2: only ``true``, ``false`` and ``null`` are special, so ``no`` and ``on`` stay words and
``10:00`` stays text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from rules.problem import Problem

MAX_CHARACTERS = 1024 * 1024
MAX_DEPTH = 32
MAX_VALUES = 200_000
"""Values in one file, repeated ones counted each time."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?\d{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


class Located:
    """A value and where it stands: a scalar, a ``list[Located]`` or a ``dict[str, Located]``."""

    __slots__ = ("column", "key_column", "key_line", "line", "text", "value", "weight")

    def __init__(self, value: Any, line: int, column: int, text: str = "", weight: int = 1) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.text = text
        """As written, for scalars."""
        self.weight = weight
        """How many values it holds, itself included."""
        self.key_line = line
        """Where its key stands, when it is a value of a mapping."""
        self.key_column = column

    def under_key(self, line: int, column: int) -> Located:
        """The same value, as found under the key at ``line`` and ``column``."""
        placed = Located(self.value, self.line, self.column, self.text, self.weight)
        placed.key_line, placed.key_column = line, column
        return placed

    def plain(self) -> Any:
        """The value without places: what ``json`` can write."""
        if isinstance(self.value, dict):
            return {key: value.plain() for key, value in self.value.items()}
        if isinstance(self.value, list):
            return [value.plain() for value in self.value]
        return self.value


class _Broken(Exception):  # noqa: N818 - carries a Problem out of the composer
    def __init__(self, line: int, column: int, message: str, mend: str) -> None:
        super().__init__(message)
        self.where = (line, column)
        self.message = message
        self.mend = mend


def read_yaml(file: str, text: str) -> tuple[Located | None, list[Problem]]:
    """Read one file.

    Returns:
        Its tree (``None`` where it has none) and what is wrong with it as YAML. Keys that stand twice are problems
        too; the first one counts.
    """
    if len(text) > MAX_CHARACTERS:
        return None, [Problem(file, 1, 1, "", f"the file has {len(text)} characters", f"at most {MAX_CHARACTERS}")]
    composer = _Composer(file)
    try:
        return composer.document(yaml.parse(text, Loader=_LOADER)), composer.problems
    except _Broken as broken:
        line, column = broken.where
        found = Problem(file, line, column, "", broken.message, broken.mend)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        found = Problem(file, line, column, "", f"not YAML: {error.problem or error.context}", _yaml_mend(text, line))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = Problem(file, line, 1, "", f"not YAML: {error.reason}", "remove the control character")
    return None, [*composer.problems, found]


def _yaml_mend(text: str, line: int) -> str:
    lines = text.splitlines()
    if line <= len(lines) and "\t" in lines[line - 1]:
        return "indent with spaces, not with tabs"
    return "check indentation, quotes and brackets here and on the line above"


class _Composer:
    """Builds the tree from the parser's events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, Located] = {}
        self._weight = 0

    def document(self, events: Iterator[Any]) -> Located | None:
        root = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _broken(event, "a second document begins here", "keep one document in a file, without '---'")
                root = self._value(next(events), events, 0)
        return root

    def _value(self, event: Any, events: Iterator[Any], depth: int) -> Located:
        if depth > MAX_DEPTH:
            raise _broken(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self._counted(self._alias(event), event)
        if event.tag is not None:
            raise _broken(event, f"the tag {event.tag} is not allowed", "remove it")
        if isinstance(event, yaml.ScalarEvent):
            located = _scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            located = self._list(event, events, depth)
        else:
            located = self._mapping(event, events, depth)
        if event.anchor:
            self._anchors[event.anchor] = located
        return self._counted(located, event) if isinstance(event, yaml.ScalarEvent) else located

    def _counted(self, located: Located, event: Any) -> Located:
        self._weight += located.weight
        if self._weight > MAX_VALUES:
            raise _broken(event, f"more than {MAX_VALUES} values, aliases counted", "split the file")
        return located

    def _alias(self, event: Any) -> Located:
        if event.anchor not in self._anchors:
            raise _broken(event, f"*{event.anchor} refers to nothing above it", f"define &{event.anchor} first")
        return self._anchors[event.anchor]

    def _list(self, start: Any, events: Iterator[Any], depth: int) -> Located:
        items: list[Located] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._value(event, events, depth + 1))
        return _located(start, items, 1 + sum(item.weight for item in items))

    def _mapping(self, start: Any, events: Iterator[Any], depth: int) -> Located:
        entries: dict[str, Located] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _broken(event, "a key must be a word", "write 'key: value'")
            key, (line, column) = event.value, _place(event)
            value = self._value(next(events), events, depth + 1).under_key(line, column)
            if key in entries:
                message = f"'{key}' stands twice in this mapping, first on line {entries[key].key_line}"
                self.problems.append(Problem(self.file, line, column, "", message, "keep one of them"))
            else:
                entries[key] = value
        return _located(start, entries, 1 + sum(value.weight for value in entries.values()))


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _broken(event: Any, message: str, mend: str) -> _Broken:
    return _Broken(*_place(event), message, mend)


def _located(event: Any, value: Any, weight: int = 1, text: str = "") -> Located:
    return Located(value, *_place(event), text, weight)


def _scalar(event: Any) -> Located:
    text: str = event.value
    value: Any = text
    if event.implicit[0]:  # plain, not quoted
        if text in _WORDS:
            value = _WORDS[text]
        elif _INT.fullmatch(text):
            value = int(text)
        elif _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            value = float(text)
    return _located(event, value, 1, text)
