"""The sender's voice and words, read from ``brand.toml`` and ``words.toml``: one place for all templates."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from notifiers.templates.brand_rules import faults
from notifiers.templates.errors import Problem
from notifiers.templates.files import BRAND_FILE, TABLES, WORDS_FILE
from notifiers.templates.sandbox import Source

_LANGUAGE = re.compile("[a-z]{2,3}")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


class Brand(NamedTuple):
    """``facts`` (name, addresses, colours) are ``brand`` in templates, one language of ``voices`` is ``voice``."""

    facts: dict[str, Any]
    voices: dict[str, dict[str, Any]]
    words: dict[str, dict[str, str]]
    """``units`` and, by language, the metrics' names."""

    def of(self, language: str) -> dict[str, Any]:
        """The facts, with what ``[brand.LANGUAGE]`` says otherwise."""
        general = {name: value for name, value in self.facts.items() if not is_language(name, value)}
        own = self.facts.get(language)
        return {**general, **own} if is_language(language, own) and isinstance(own, dict) else general

    def voice(self, language: str) -> dict[str, Any]:
        """The texts of ``language``, English where the brand has none."""
        own = self.voices.get(language)
        return self.voices["en"] if own is None else _laid_over(self.voices["en"], own)


def is_language(name: str, value: Any) -> bool:
    """Whether an entry of ``[brand]`` is a language's table."""
    return isinstance(value, dict) and _LANGUAGE.fullmatch(name) is not None


def load_brand(layers: Sequence[Mapping[str, Source]]) -> tuple[Brand, list[Problem]]:
    """Parse both files of each of ``layers``; entries of a later one replace those of an earlier one.

    A file that cannot be parsed is a problem, and the other layers' entries stay, as they do for a wrong entry.
    """
    problems: list[Problem] = []
    merged: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        table: dict[str, Any] = {}
        for layer in layers:
            if name in layer:
                table = _laid_over(table, _parsed(layer[name], problems))
        merged[name] = table
    brand = merged[BRAND_FILE]
    return Brand(brand["brand"], brand["voice"], merged[WORDS_FILE]), problems


def _parsed(source: Source, problems: list[Problem]) -> dict[str, Any]:
    text, path = source
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = f"cannot be read: {_AT_LINE.sub('', str(error)).strip()}"
        said += '; text stands in quotes, as in name = "Mizu"' if "Invalid value" in said else ""
        problems.append(Problem(str(path), _line_in(error, text), said))
        return {}
    for fault in faults(path.name, table, text):
        problems.append(Problem(str(path), fault.line, f"{fault.entry}: {fault.message}"))
        _drop(table, fault.path)
    return table


def _line_in(error: Exception, text: str) -> int | None:
    found = _AT_LINE.search(str(error))
    if found is None:
        return None
    return int(found[1]) if found[1] else len(text.splitlines())


def _drop(table: dict[str, Any], path: tuple[str, ...]) -> None:
    """Take a wrong entry out, so that what stood below it stays in force."""
    *above, last = path
    for name in above:
        table = table.get(name, {})
    table.pop(last, None)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
