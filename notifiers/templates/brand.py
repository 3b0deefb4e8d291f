"""The sender's voice and words, read from ``brand.toml`` and ``words.toml``: one place for all templates."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from notifiers.templates.errors import Problem

BRAND_FILE = "brand.toml"
WORDS_FILE = "words.toml"


class Brand(NamedTuple):
    """``facts`` (name, addresses, colours) are ``brand`` in templates, one language of ``voices`` is ``voice``."""

    facts: dict[str, Any]
    voices: dict[str, dict[str, Any]]
    words: dict[str, dict[str, str]]
    """``units`` and, by language, the metrics' names."""

    def voice(self, language: str) -> dict[str, Any]:
        """The texts of ``language``, English where the brand has none."""
        return self.voices.get(language, self.voices["en"])


def load_brand(folders: list[Path]) -> tuple[Brand, list[Problem]]:
    """Read both files from each of ``folders``; entries of a later folder replace those of an earlier one.

    A file that cannot be read is a problem, and the other folders' entries stay.
    """
    problems: list[Problem] = []
    tables: dict[str, dict[str, Any]] = {}
    for name in (BRAND_FILE, WORDS_FILE):
        table: dict[str, Any] = {}
        for folder in folders:
            table = _laid_over(table, _read(folder / name, problems))
        tables[name] = table
    brand = tables[BRAND_FILE]
    return Brand(brand["brand"], brand["voice"], tables[WORDS_FILE]), problems


def _read(path: Path, problems: list[Problem]) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problems.append(Problem(str(path), None, f"cannot be read: {error}"))
        return {}
    for name, value in table.items():
        if not isinstance(value, dict):
            problems.append(Problem(str(path), None, f"{name!r} must stand in a table such as [brand]"))
    return {name: value for name, value in table.items() if isinstance(value, dict)}


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
