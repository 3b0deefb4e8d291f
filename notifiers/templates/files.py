"""Which template files there are, and what their names mean.

    alert/push.en.j2   alert/sms.ja-jp.j2   alert/email.en.txt.j2   alert/email.en.html.j2   layout.html.j2

A folder is a template. A file in it is one channel in one language. Files beside the folders are parts that templates
include or extend.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from notifiers.templates.errors import Problem, TemplateError
from notifiers.templates.sandbox import MAX_SOURCE, Source

BRAND_FILE: Final = "brand.toml"
WORDS_FILE: Final = "words.toml"
CHANNELS: Final = ("push", "sms", "email", "webhook", "inbox", "webpush")
"""Those that are shipped with texts or borrow one."""
BORROWED: Final = {"webhook": "push", "webpush": "push", "inbox": "push"}
"""Channels that say what another one says where a template has no text of their own."""
TABLES: Final = (BRAND_FILE, WORDS_FILE)
MAX_FOLDER: Final = 4_000_000
"""Characters of a whole folder."""

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


class Folder(NamedTuple):
    """The files of one folder, looked through but not parsed."""

    place: Path
    sources: dict[str, Source]
    """Templates and parts, by name."""
    tables: dict[str, Source]
    """``brand.toml`` and ``words.toml``, where there are such."""
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    """Files that stand there and mean nothing."""

    @classmethod
    def of(
        cls, files: Mapping[str, str], place: Path, problems: Iterable[Problem] = (), remarks: Iterable[Problem] = ()
    ) -> Folder:
        """``files`` (name to text) of the folder ``place``, sorted out."""
        found = list(problems)
        keys: dict[TextKey, str] = {}
        sources: dict[str, Source] = {}
        tables: dict[str, Source] = {}
        for name, text in sorted(files.items()):
            path = place / name
            if len(text) > MAX_SOURCE:
                found.append(_too_long(path))
            elif name in TABLES:
                tables[name] = Source(text, path)
            elif "/" in name and key_of(name) is None:
                found.append(Problem(str(path), None, _misnamed(name)))
            elif (key := key_of(name)) is not None and keys.setdefault(key, name) != name:
                found.append(Problem(str(path), None, f"is the same text as {keys[key]}; leave one of them out"))
            else:
                sources[name] = Source(text, path)
        return cls(place, sources, tables, tuple(found), tuple(remarks))

    @property
    def files(self) -> dict[str, str]:
        """Name to text, of all that means something."""
        return {name: source.text for name, source in (*self.sources.items(), *self.tables.items())}


def read_folder(place: Path) -> Folder:
    """All files of ``place`` and of the folders in it. What begins with a dot belongs to editors and mounts.

    Raises:
        TemplateError: it is not a folder, or holds more than ``MAX_FOLDER``.
    """
    if not place.is_dir():
        raise TemplateError(f"templates.dir: {place} is not a folder; create it or leave the setting out")
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths(place):
        try:
            if path.stat().st_size > MAX_SOURCE * 4:
                problems.append(_too_long(path))
            else:
                files[path.relative_to(place).as_posix()] = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            said = f"is not UTF-8 text (byte {error.start} is no part of it); save it as UTF-8"
            problems.append(Problem(str(path), line, said))
        except OSError as error:
            problems.append(Problem(str(path), None, f"cannot be read: {error.strerror}"))
    if sum(map(len, files.values())) > MAX_FOLDER:
        raise TemplateError(
            f"templates.dir: {place} holds more than {MAX_FOLDER} characters; leave out what is not needed"
        )
    return Folder.of(files, place, problems, _meaningless(place))


def paths(place: Path) -> list[Path]:
    """The files that mean something, in order of name.

    Raises:
        OSError: the folder can't be listed.
    """
    found = [path for path in _entries(place) if path.name in TABLES or path.suffix == ".j2"]
    for folder in _entries(place):
        if folder.is_dir():
            found += [path for path in _entries(folder) if path.suffix == ".j2"]
    return found


def _entries(place: Path) -> list[Path]:
    return sorted(path for path in place.iterdir() if path.name[0] != "." and path.name[-1] != "~")


def _too_long(path: Path) -> Problem:
    return Problem(str(path), None, f"is longer than {MAX_SOURCE} characters; leave out what is not needed")


def _misnamed(name: str) -> str:
    file = name.partition("/")[2]
    said = "the name must be CHANNEL.LANGUAGE.j2, such as push.en.j2; for email CHANNEL.LANGUAGE.txt.j2 and .html.j2"
    if re.fullmatch(r"email\.[^.]+\.j2", file):
        return f"{said}: an email is two files, {file[:-3]}.txt.j2 and {file[:-3]}.html.j2"
    if re.fullmatch(r"[a-z][a-z0-9_]*\.j2", file):
        return f"{said}: the language is missing, as in {file[:-3]}.en.j2"
    return said


def _meaningless(place: Path) -> Iterator[Problem]:
    """Files that are probably meant to be read, and are not."""
    for path in _entries(place):
        if path.is_dir():
            if not any(path.rglob("*.j2")):
                yield Problem(str(path), None, "has no texts: a template is a folder with files such as push.en.j2")
            for below in _entries(path):
                if below.is_dir():
                    if any(below.rglob("*.j2")):
                        yield Problem(
                            str(below),
                            None,
                            "is too deep: a template is one folder in templates.dir, without others in it",
                        )
                elif below.suffix != ".j2":
                    yield Problem(str(below), None, f"is not read: {_other_ending(below)}")
        elif path.suffix == ".toml" and path.name not in TABLES:
            near = difflib.get_close_matches(path.name, TABLES, n=1, cutoff=0)
            yield Problem(str(path), None, f"is not read: did you mean {near[0]}?")
        elif (key := key_of(f"x/{path.name}")) is not None and key.channel in CHANNELS:
            yield Problem(
                str(path),
                None,
                f"is a part, not a text: put it into a folder named after its template, such as alert/{path.name}",
            )


def _other_ending(path: Path) -> str:
    if path.name in TABLES:
        return f"{path.name} stands beside the folders of the templates, not in one"
    return "template files end in .j2"
