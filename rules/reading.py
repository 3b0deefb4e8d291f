"""Reading a mapping of a rule file key by key, noting every problem on the way instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from devices.event import Millis
from rules.duration import parse_duration
from rules.problem import Problem, closest
from rules.source import Located

MAX_TEXT = 500


class Reading:
    """One mapping being read. A missing or wrong value reads as ``None``; wrong ones leave a problem."""

    def __init__(self, file: str, node: Located, path: str, problems: list[Problem]) -> None:
        self.file = file
        self.node = node
        self.path = path
        self.problems = problems
        self.entries: dict[str, Located] = node.value if isinstance(node.value, dict) else {}

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def place(self, key: str) -> str:
        """The path of ``key``."""
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str | None, message: str, mend: str, *, at_key: bool = False) -> None:
        """Note a problem with ``key``'s value (or the key itself, or, with ``None``, the whole mapping)."""
        node = self.entries.get(key, self.node) if key is not None else self.node
        line, column = (node.key_line, node.key_column) if at_key else (node.line, node.column)
        path = self.path if key is None else self.place(key)
        self.problems.append(Problem(self.file, line, column, path, message, mend))

    def refuse_item(self, key: str, item: Located, message: str, mend: str) -> None:
        """Note a problem with one item of the list under ``key``, or with its value."""
        self.problems.append(Problem(self.file, item.line, item.column, self.place(key), message, mend))

    def only(self, known: Iterable[str]) -> None:
        """Refuse every key that is not ``known``."""
        names = sorted(known)
        for key in self.entries:
            if key not in names:
                mend = closest(key, names, f"known here: {', '.join(names)}")
                self.refuse(key, f"unknown key '{key}'", mend, at_key=True)

    def need(self, key: str, mend: str) -> bool:
        """Whether ``key`` is there; a problem where it is not."""
        if key in self.entries:
            return True
        self.refuse(None, f"'{key}' is missing", mend)
        return False

    def scalar(self, key: str) -> Any:
        """Text, number or truth value."""
        node = self.entries.get(key)
        if node is None:
            return None
        if node.value is None or isinstance(node.value, dict | list):
            self.refuse(key, f"'{key}' must be a single value", "write a number, true, false or a text")
            return None
        return node.value

    def text(self, key: str) -> str | None:
        """A text that is not empty. Words that look like numbers count as written."""
        node = self.entries.get(key)
        if node is None:
            return None
        if isinstance(node.value, dict | list) or not node.text.strip() or len(node.text) > MAX_TEXT:
            self.refuse(key, f"'{key}' must be a text", f"write 1 to {MAX_TEXT} characters")
            return None
        return node.text

    def number(self, key: str) -> float | None:
        """A finite number, as written: whole numbers stay whole."""
        node = self.entries.get(key)
        return None if node is None else self.number_at(key, node)

    def number_at(self, key: str, node: Located) -> float | None:
        """The same for a value under ``key`` that may stand in a list."""
        if type(node.value) is int or type(node.value) is float:
            return node.value
        shown = f"'{node.text}'" if node.text else "this"
        mend = "write a plain number such as 8 or -1.5, no unit"
        self.refuse_item(key, node, f"'{key}' must be a number, not {shown}", mend)
        return None

    def duration(self, key: str) -> Millis | None:
        """A duration in ms."""
        node = self.entries.get(key)
        if node is None:
            return None
        try:
            if isinstance(node.value, dict | list) or node.value is None:
                raise ValueError(f"'{key}' must be a duration|write it like 90s, 10m, 1h30m, 7d or 00:10:00")
            return parse_duration(node.text)
        except ValueError as error:
            message, _, mend = str(error).partition("|")
            self.refuse(key, message, mend)
            return None

    def percent(self, key: str) -> float | None:
        """A share from ``0%`` to ``100%``, as 0 to 100."""
        node = self.entries.get(key)
        if node is None:
            return None
        digits = node.text[:-1].strip() if node.text.endswith("%") else ""
        if digits.replace(".", "", 1).isdigit() and float(digits) <= 100:  # noqa: PLR2004 - a percentage
            return float(digits)
        self.refuse(key, f"'{key}' must be a percentage, not '{node.text}'", "write it like 10%")
        return None

    def choice(self, key: str, known: Iterable[str]) -> str | None:
        """One of the ``known`` words."""
        node = self.entries.get(key)
        if node is None:
            return None
        return self._known(key, node, tuple(known))

    def choices(self, key: str, known: Iterable[str]) -> tuple[str, ...]:
        """A list of ``known`` words, each once."""
        node = self.entries.get(key)
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.refuse(key, f"'{key}' must be a list", f"write [{', '.join(known)}] or some of them")
            return ()
        found = [self._known(key, item, tuple(known)) for item in node.value]
        words = [word for word in found if word is not None]
        if len(set(words)) < len(words):
            self.refuse(key, f"'{key}' names one thing twice", "keep each once")
        return tuple(dict.fromkeys(words))

    def _known(self, key: str, node: Located, known: tuple[str, ...]) -> str | None:
        if isinstance(node.value, str) and node.value in known:
            return node.value
        word = node.text or "this"
        problem = f"'{key}' cannot be '{word}'"
        mend = closest(word, known, f"write one of {', '.join(known)}")
        self.problems.append(Problem(self.file, node.line, node.column, self.place(key), problem, mend))
        return None

    def mapping(self, key: str, mend: str) -> Reading | None:
        """The mapping under ``key``."""
        node = self.entries.get(key)
        if node is None:
            return None
        return self.nested(node, self.place(key), mend)

    def nested(self, node: Located, path: str, mend: str) -> Reading | None:
        """``node`` as a mapping."""
        if isinstance(node.value, dict):
            return Reading(self.file, node, path, self.problems)
        self.problems.append(Problem(self.file, node.line, node.column, path, "expected a mapping here", mend))
        return None

    def items(self, key: str, mend: str) -> list[tuple[Located, str]]:
        """The items of the list under ``key`` with their paths; not empty, or a problem."""
        node = self.entries.get(key)
        if node is None:
            return []
        if not isinstance(node.value, list) or not node.value:
            self.refuse(key, f"'{key}' must be a list with at least one item", mend)
            return []
        return [(item, f"{self.place(key)}[{place}]") for place, item in enumerate(node.value)]
