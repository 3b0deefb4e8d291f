"""What is wrong with a rule file, said so that its author can mend it without asking."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing wrong, and where. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    """Where in the document, such as ``rules[2].when.above``."""
    message: str
    mend: str
    """What to write instead."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: "
        where = f" (at {self.path})" if self.path else ""
        return f"{place}{self.message} — {self.mend}{where}"


class RuleErrors(Exception):  # noqa: N818 - a plural: it carries all problems at once
    """A rule set that cannot be used, with every problem found in it."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def closest(word: str, known: Iterable[str], otherwise: str) -> str:
    """A mend for an unknown ``word``: the known one that looks like it, else ``otherwise``."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else otherwise
