"""Which template files there are, and what their names mean.

    alert/push.en.j2   alert/sms.ja-jp.j2   alert/email.en.txt.j2   alert/email.en.html.j2   layout.html.j2

A folder is a template. A file in it is one channel in one language. Files beside the folders are parts that templates
include or extend.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from notifiers.templates.errors import Problem
from notifiers.templates.sandbox import MAX_SOURCE, Source

_NAME = re.compile(
    r"(?P<channel>[a-z][a-z0-9_]*)\.(?P<locale>[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})*)(?:\.(?P<form>txt|html))?\.j2"
)


class TextKey(NamedTuple):
    """What a template file is for."""

    template: str
    channel: str
    locale: str
    """Lower case, with hyphens: ``ja-jp``."""
    html: bool = False


def normalised(locale: str) -> str:
    """``ja_JP`` and ``ja-JP`` are both ``ja-jp``."""
    return locale.replace("_", "-").lower()


def key_of(name: str) -> TextKey | None:
    """What the file ``name`` (``alert/push.en.j2``) is for; ``None`` where its name does not say."""
    template, _, file = name.partition("/")
    match = _NAME.fullmatch(file)
    if match is None or (match["form"] is not None) != (match["channel"] == "email"):
        return None
    return TextKey(template, match["channel"], normalised(match["locale"]), match["form"] == "html")


def file_name(key: TextKey) -> str:
    """The name of the file that ``key`` is for."""
    form = (".html" if key.html else ".txt") if key.channel == "email" else ""
    return f"{key.template}/{key.channel}.{key.locale}{form}.j2"


def read_sources(folder: Path) -> tuple[dict[str, Source], list[Problem]]:
    """All ``*.j2`` files of ``folder`` and of the folders in it, by name (``alert/push.en.j2``)."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in sorted([*folder.glob("*.j2"), *folder.glob("*/*.j2")]):
        name = path.relative_to(folder).as_posix()
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError) as error:
            problems.append(Problem(str(path), None, f"cannot be read: {error}"))
            continue
        if len(text) > MAX_SOURCE:
            problems.append(Problem(str(path), None, f"is longer than {MAX_SOURCE} characters"))
        elif "/" in name and key_of(name) is None:
            message = "the name must be CHANNEL.LANGUAGE.j2, for email CHANNEL.LANGUAGE.txt.j2 and .html.j2"
            problems.append(Problem(str(path), None, message))
        else:
            sources[name] = Source(text, path)
    return sources, problems
