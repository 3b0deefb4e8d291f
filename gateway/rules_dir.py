"""Rule files on disk."""

from __future__ import annotations

from pathlib import Path


class NoRulesError(Exception):
    """There is nothing to read; the message names the place."""


def read(place: Path) -> dict[str, str]:
    """File name to text, of one file or of all ``*.yaml`` and ``*.yml`` in a folder.

    Raises:
        NoRulesError: there is none, or it can't be read as UTF-8 text.
    """
    if place.is_dir():
        paths = sorted(p for p in place.iterdir() if p.suffix in {".yaml", ".yml"})
        if not paths:
            raise NoRulesError(f"{place} has no *.yaml files: put rules there, or point rules.dir elsewhere")
    else:
        paths = [place]
    try:
        return {str(path) if not place.is_dir() else path.name: path.read_text(encoding="utf-8") for path in paths}
    except OSError as error:
        raise NoRulesError(f"{error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NoRulesError(f"{place}: not UTF-8 text ({error.reason} at byte {error.start})") from error
