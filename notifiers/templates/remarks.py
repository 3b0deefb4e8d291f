"""What works and is probably not meant: texts that cost more than they need, gaps, colours that are hard to read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import jinja2
from jinja2 import nodes

from notifiers.sms.segments import beyond_gsm, segments
from notifiers.templates.brand_rules import line_of
from notifiers.templates.context import NAMES, completed
from notifiers.templates.contrast import weak
from notifiers.templates.errors import Problem, TemplateError
from notifiers.templates.files import BRAND_FILE, CHANNELS, TextKey, key_of
from notifiers.templates.samples import EXAMPLES, example

if TYPE_CHECKING:
    from notifiers.templates.library import Templates

FEW = 3
"""So many different characters beyond GSM-7 are typography; more are the language."""
_UNMARKED: Final = re.compile(rf"(?<!\{{)\{{\s*((?:{'|'.join(NAMES)}|brand|voice)\b[^{{}}]*)\}}(?!\}})")


def remarks(templates: Templates) -> list[Problem]:
    """All of them. Those about files and colours only where a deployment has its own."""
    found: list[Problem] = []
    own = templates.own
    if own is not None:
        found += [*own.remarks, *_of_colours(templates), *_of_languages(templates), *_of_channels(templates)]
        found += [*_of_braces(templates), *_of_offers(templates), *_of_sender(templates)]
    for key in sorted(templates.texts):
        if key.channel == "sms":
            found.extend(_of_segments(templates, key))
    return list(dict.fromkeys(found))


def named(characters: tuple[str, ...]) -> str:
    """``“ (U+201C)`` for each."""
    return ", ".join(f"{each} (U+{ord(each):04X})" for each in characters)


def _of_segments(templates: Templates, key: TextKey) -> Iterator[Problem]:
    for name in EXAMPLES:
        try:
            text = templates.rendered(key, completed(example(name, key.locale)), strict=True).text
        except TemplateError:
            return  # a problem, and told as such
        counted, beyond = segments(text), beyond_gsm(text)
        signs = f", because of {named(beyond)}" if 0 < len(beyond) <= FEW else ""
        if counted.parts > 1:
            message = f"takes {counted.parts} segments with the sample {name!r} ({counted.units} units of"
            message += f" {counted.encoding.upper()}{signs}); shorten it with |clip"
            yield Problem(templates.place(key), None, message)
            return
        if signs:
            message = f"takes UCS-2 with the sample {name!r}{signs}: 70 characters a segment, not 160; |gsm replaces it"
            yield Problem(templates.place(key), None, message)
            return


def _own_keys(templates: Templates) -> list[TextKey]:
    own = templates.own
    given = set() if own is None else {key_of(name) for name in own.sources}
    return [key for key in sorted(templates.texts) if key in given]


def _of_colours(templates: Templates) -> Iterator[Problem]:
    """Colours that are hard to read: one of them is the deployment's own, the other may be a shipped one."""
    source = templates.own.tables.get(BRAND_FILE) if templates.own is not None else None
    if source is None:
        return
    for pair in weak(templates.brand.facts):
        table = tuple(pair.table.split("."))
        lines = [line_of(source.text, (*table, name), exactly=True) for name in (pair.front, pair.back)]
        line = next((line for line in lines if line is not None), None)
        if line is not None:
            yield Problem(str(source.path), line, f"{pair.table}: {pair}")


def _of_languages(templates: Templates) -> Iterator[Problem]:
    """A reader of one language who gets another on one of the channels."""
    for name in sorted({key.template for key in _own_keys(templates)}):
        spoken = set(templates.languages(name))
        for channel in sorted(templates.channels(name)):
            for language in sorted(spoken - set(templates.languages(name, channel))):
                if "-" in language:
                    continue  # falls back to its own language
                default = templates.default_language
                if TextKey(name, channel, default) in templates.texts:
                    said = f"{channel} has no text in {language!r}, which {name} speaks elsewhere: "
                    yield Problem(_folder(templates, name), None, f"{said}such readers get {default!r}")


def _folder(templates: Templates, name: str) -> str:
    return name if templates.own is None else str(templates.own.place / name)


def _of_channels(templates: Templates) -> Iterator[Problem]:
    for key in _own_keys(templates):
        near = [] if key.channel in CHANNELS else difflib.get_close_matches(key.channel, CHANNELS, n=1, cutoff=0.6)
        if near:
            yield Problem(templates.place(key), None, f"is for a channel {key.channel!r}; did you mean {near[0]!r}?")


def _of_braces(templates: Templates) -> Iterator[Problem]:
    """Names between single braces, which are printed as they stand."""
    own = templates.own
    for file, source in own.sources.items() if own is not None else ():
        try:
            tree = templates.environment.parse(source.text, file, str(source.path))
            data = [each for each in tree.find_all(nodes.TemplateData) if "<style" not in each.data]
        except (jinja2.TemplateError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for each in data:
            for found in _UNMARKED.finditer(each.data):
                line = each.lineno + each.data[: found.start()].count("\n")
                said = f"prints {found[0]} as it stands; write {{{{ {found[1].strip()} }}}}"
                yield Problem(str(source.path), line, said)


def _of_offers(templates: Templates) -> Iterator[Problem]:
    """A promotion of the deployment's own without a way to refuse the next."""
    for key in _own_keys(templates):
        if key.template != "offer" or key.channel not in ("sms", "email") or key.html:
            continue
        context = completed(example("example", key.locale))
        try:
            made = templates.rendered(key, context)
        except TemplateError:
            continue
        brand = templates.brand
        sms = str(brand.voice(key.locale.partition("-")[0])["refuse_by_sms"])
        wanted = sms if key.channel == "sms" else str(context["unsubscribe_url"])
        if any(wanted not in text for text in (made.text, made.html) if text is not None):
            mend = "end with {{ voice.refuse_by_sms }}" if key.channel == "sms" else 'include "footer_offer.txt.j2"'
            said = f"does not say how to refuse the next offer, which the law asks for; {mend}"
            yield Problem(templates.place(key), None, said)


def _of_sender(templates: Templates) -> Iterator[Problem]:
    """A brand with a name of its own that does not say who is behind it."""
    source = templates.own.tables.get(BRAND_FILE) if templates.own is not None else None
    facts = templates.brand.facts
    if source is None or line_of(source.text, ("brand", "name"), exactly=True) is None:
        return
    missing = [name for name in ("legal_name", "contact") if not facts[name]]
    if missing:
        said = "promotions must name the sender and whom to ask (in Japan and elsewhere by law)"
        yield Problem(str(source.path), None, f"has no {' and no '.join(missing)} in [brand]: {said}")
