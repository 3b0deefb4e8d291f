"""Rule files on disk."""

from __future__ import annotations

from pathlib import Path

from gateway.folder_watch import Trace, trace

MAX_BYTES = 400_000
"""A whole set travels in one record of the log."""
TRIES = 3
"""How often files are read anew that changed while they were read."""


class NoRulesError(Exception):
    """There is nothing to read; the message names the place."""


def read(place: Path) -> dict[str, str]:
    """File name to text, of one file or of all ``*.yaml`` and ``*.yml`` in a folder.

    Raises:
        NoRulesError: there is none, it can't be read as UTF-8 text, or all are longer than a record of the log.
    """
    for _ in range(TRIES - 1):
        before = traces(place)
        files = _read(place)
        if traces(place) == before:
            return files
    return _read(place)


def _read(place: Path) -> dict[str, str]:
    try:
        paths = _files(place) if place.is_dir() else [place]
        size = sum(path.stat().st_size for path in paths)
    except OSError as error:
        raise NoRulesError(f"{error.filename}: {error.strerror}") from error
    if not paths:
        raise NoRulesError(f"{place} has no *.yaml files: put rules there, or point rules.dir elsewhere")
    if size > MAX_BYTES:
        raise NoRulesError(
            f"{place}: {size} bytes of rules, at most {MAX_BYTES} can be used: leave out what is not needed"
        )
    return {str(path) if path == place else path.name: _text(path) for path in paths}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise NoRulesError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoRulesError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from error


def traces(place: Path) -> frozenset[Trace]:
    """What tells a change of the rules in ``place`` without reading them; empty where there are none."""
    found = set()
    try:
        for path in _files(place) if place.is_dir() else [place]:
            found.add(trace(path, path.name))
    except OSError:  # gone since it was listed: the next look finds what is there then
        return frozenset()
    return frozenset(found)


def _files(folder: Path) -> list[Path]:
    """In order of name. What begins with a dot is an editor's own, and ``NAME.tests.yaml`` holds examples, no rules."""
    found = [path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.name[0] != "."]
    return sorted(path for path in found if not path.stem.endswith(".tests"))
