"""What may stand in ``brand.toml`` and ``words.toml``: each entry's form, and the mend where it has another.

Entries of one's own are welcome (templates can name them), unless they look like a slip of the pen.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

FACTS = ("name", "logo_text", "legal_name", "address", "contact", "refusal_address")
COLOURS = ("page", "card", "text", "quiet", "line", "accent", "on_accent")
SEVERITIES = ("critical", "major", "minor", "warning", "info", "resolved", "offer")
PLACES: Mapping[str, tuple[str, ...]] = {
    "greeting": ("name",),
    "greeting_nameless": (),
    "signature": ("brand",),
    "footer": ("brand",),
    "stop_by_link": (),
    "footer_offer": ("brand",),
    "refuse_by_link": (),
    "refuse_by_address": ("address",),
    "refuse_by_reply": (),
    "refuse_by_sms": (),
    "questions": ("contact",),
    "offer_code": ("code",),
}
"""The texts of a voice, with the places that each may have."""
NEEDED = frozenset({"greeting", "refuse_by_address", "questions", "offer_code"})
"""Texts that say nothing without their place."""
MAX_NAME = 40
"""Characters: it stands at the beginning of each SMS."""
MAX_TEXT = 500

_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_LANGUAGE = re.compile("[a-z]{2,3}")
_PLACE = re.compile(r"{([^{}]*)}")
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?:\"([^\"]+)\"|'([^']+)'|([\w-]+))\s*[=.]")


class Fault(NamedTuple):
    """One entry that cannot stay."""

    path: tuple[str, ...]
    line: int | None
    message: str

    @property
    def entry(self) -> str:
        """``brand.light.accent``."""
        return ".".join(self.path)


Found = tuple[tuple[str, ...], str]


def faults(file: str, table: Mapping[str, Any], text: str) -> list[Fault]:
    """Everything wrong in the parsed ``table`` of ``text``, with its line there."""
    found = _of_brand_file(table) if file == "brand.toml" else _of_words(table)
    return [Fault(path, line_of(text, path), message) for path, message in found]


def line_of(text: str, path: tuple[str, ...], *, exactly: bool = False) -> int | None:
    """Where the entry ``path`` stands; the line of its table where it cannot be told, unless ``exactly`` is wanted."""
    header: tuple[str, ...] = ()
    near = None
    for number, line in enumerate(text.splitlines(), 1):
        begun = _HEADER.fullmatch(line)
        if begun:
            header = tuple(part.strip().strip("\"'") for part in begun[1].split("."))
            if header == path:
                return number
            near = number if header == path[:-1] else near
            continue
        key = _KEY.match(line)
        if key and (*header, next(part for part in key.groups() if part)) == path[: len(header) + 1]:
            return number
    return None if exactly else near


def _of_brand_file(table: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in table.items():
        if not isinstance(value, dict):
            yield (name,), f"{name!r} must stand in a table such as [brand]"
        elif name not in {"brand", "voice"}:
            yield (name,), "is no table of this file; there are [brand], [brand.LANGUAGE] and [voice.LANGUAGE]"
    brand, voices = table.get("brand"), table.get("voice")
    if isinstance(brand, dict):
        yield from _of_brand(brand)
    if isinstance(voices, dict):
        yield from _of_voices(voices)


def _of_brand(brand: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in brand.items():
        if name in {"light", "dark"}:
            yield from _of_colours(("brand", name), value, COLOURS)
        elif name == "severity":
            yield from _of_colours(("brand", name), value, SEVERITIES)
        elif isinstance(value, dict) and _LANGUAGE.fullmatch(name):
            yield from _of_facts(("brand", name), value)
        else:
            yield from _of_facts(("brand",), {name: value}, also=("light", "dark", "severity"))


def _of_facts(above: tuple[str, ...], facts: Mapping[str, Any], also: tuple[str, ...] = ()) -> Iterator[Found]:
    for name, value in facts.items():
        path = (*above, name)
        slip = _slip(name, (*FACTS, *also))
        if slip:
            yield path, slip
        elif name in FACTS and not isinstance(value, str):
            yield path, f"must be text in quotes, not {value!r}"
        elif name == "name" and (not value.strip() or len(value) > MAX_NAME):
            yield path, f"must have 1 to {MAX_NAME} characters: it stands at the beginning of each SMS"
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            yield path, f"has {len(value)} characters; {MAX_TEXT} are the most"


def _of_colours(above: tuple[str, ...], colours: Any, known: tuple[str, ...]) -> Iterator[Found]:
    if not isinstance(colours, dict):
        yield above, f"must be a table: write [{'.'.join(above)}]"
        return
    for name, value in colours.items():
        slip = _slip(name, known)
        if slip:
            yield (*above, name), slip
        elif not isinstance(value, str) or not _COLOUR.fullmatch(value):
            yield (*above, name), f'must be a colour such as "#0f5c55", not {value!r}'


def _of_voices(voices: Mapping[str, Any]) -> Iterator[Found]:
    for language, voice in voices.items():
        path = ("voice", language)
        if not _LANGUAGE.fullmatch(language):
            yield path, "must be a language of two or three small letters, such as [voice.ja]"
        elif not isinstance(voice, dict):
            yield path, f"must be a table: write [voice.{language}]"
        else:
            for name, value in voice.items():
                yield from _of_voice((*path, name), value)


def _of_voice(path: tuple[str, ...], value: Any) -> Iterator[Found]:
    name = path[-1]
    if name == "severity":
        yield from _of_texts(path, value, lambda below: _slip(below, SEVERITIES))
        return
    slip = _slip(name, (*PLACES, "severity"))
    if slip:
        yield path, slip
    elif name not in PLACES:
        return
    elif not isinstance(value, str) or len(value) > MAX_TEXT:
        yield path, f"must be text in quotes, of at most {MAX_TEXT} characters"
    else:
        yield from _of_places(path, value)


def _of_places(path: tuple[str, ...], text: str) -> Iterator[Found]:
    allowed = PLACES[path[-1]]
    written = _PLACE.findall(text)
    strange = [place for place in written if place not in allowed]
    said = " and ".join(f"{{{place}}}" for place in allowed) or "none"
    if strange:
        yield path, f"has the place {{{strange[0]}}}, which nothing fills; it may have {said}"
    elif path[-1] in NEEDED and not written:
        yield path, f"says nothing without {said}; put it where it belongs"


def _of_words(table: Mapping[str, Any]) -> Iterator[Found]:
    for name, value in table.items():
        if not isinstance(value, dict):
            yield (name,), f"{name!r} must stand in a table such as [units] or [en]"
        elif name != "units" and not _LANGUAGE.fullmatch(name):
            yield (name,), "is neither [units] nor a language such as [ja]"
        else:
            yield from _of_texts((name,), value, lambda _: "")


def _of_texts(above: tuple[str, ...], table: Any, slip: Callable[[str], str]) -> Iterator[Found]:
    if not isinstance(table, dict):
        yield above, f"must be a table: write [{'.'.join(above)}]"
        return
    for name, value in table.items():
        said = slip(name) or ("" if isinstance(value, str) else f"must be text in quotes, not {value!r}")
        if said:
            yield (*above, name), said


def _slip(name: str, known: tuple[str, ...]) -> str:
    near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f"is no entry of this table; did you mean {near[0]!r}?" if near else ""
