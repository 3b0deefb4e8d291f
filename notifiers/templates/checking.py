"""Every fault that can be found in templates without sending anything, and what may not be meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2 import meta, nodes

from notifiers.sms.segments import beyond_gsm, segments
from notifiers.templates.context import CONTRACT, completed
from notifiers.templates.errors import Problem, RenderError, TemplateError
from notifiers.templates.files import TextKey, file_name, key_of
from notifiers.templates.known import PLAIN, Known, of_values
from notifiers.templates.naming import Fault, stored, unknown, unknown_tools
from notifiers.templates.samples import EXAMPLES, example

if TYPE_CHECKING:
    from notifiers.templates.library import Templates

FEW = 3
"""So many different characters beyond GSM-7 are typography; more are the language."""


def problems(templates: Templates) -> list[Problem]:
    """Everything wrong: names that nothing can fill, what a sample run raises or exceeds, and missing halves."""
    found = [*templates.faults, *unknown_names(templates)]
    named = {problem.file for problem in found}
    for key in sorted(templates.texts):
        if not key.html:
            found.extend(each for each in _of_samples(templates, key) if not (each.undefined and each.file in named))
    found.extend(_of_coverage(templates))
    return list(dict.fromkeys(found))


def warnings(templates: Templates) -> list[Problem]:
    """What costs more than it need: an SMS of more than one segment, and signs that force UCS-2."""
    found: list[Problem] = []
    for key in sorted(templates.texts):
        if key.channel == "sms":
            found.extend(_of_segments(templates, key))
    return found


def unknown_names(templates: Templates) -> Iterator[Problem]:
    """Names beyond the contract, in every file and every branch."""
    trees = dict(_trees(templates))
    own = _own_names(trees)
    for file, tree in trees.items():
        place = str(templates.sources[file].path)
        for fault in dict.fromkeys(_faults(templates, file, tree, own[file])):
            yield Problem(place, fault.line, fault.message)


def _trees(templates: Templates) -> Iterator[tuple[str, nodes.Template]]:
    """The files that can be parsed and walked through. The others are named where they are compiled."""
    for file, source in templates.sources.items():
        try:
            tree = templates.environment.parse(source.text, file, str(source.path))
            list(_faults(templates, file, tree, stored(tree)))
        except (jinja2.TemplateSyntaxError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        yield file, tree


def _faults(templates: Templates, file: str, tree: nodes.Template, own: Collection[str]) -> Iterator[Fault]:
    yield from unknown_tools(tree, templates.toolbox)
    for known in _given(templates, file):
        yield from unknown(tree, known, own)


def _own_names(trees: Mapping[str, nodes.Template]) -> dict[str, frozenset[str]]:
    """What each file sets by itself, and what those set that it uses or that use it."""
    uses = {
        file: {one for one in meta.find_referenced_templates(tree) if one and one in trees}
        for file, tree in trees.items()
    }
    used_by = {file: {other for other, used in uses.items() if file in used} for file in trees}
    given = {file: stored(tree, parameters=False) for file, tree in trees.items()}
    return {
        file: stored(tree).union(*(given[one] for one in _reached(file, uses) | _reached(file, used_by)))
        for file, tree in trees.items()
    }


def _reached(file: str, steps: Mapping[str, set[str]]) -> set[str]:
    """Whatever can be come to from ``file``."""
    found: set[str] = set()
    left = [file]
    while left:
        new = steps[left.pop()] - found
        found |= new
        left += new
    return found


def _given(templates: Templates, file: str) -> Iterator[Mapping[str, Known]]:
    """What rendering gives to ``file``: for a text in its language, for a part in each."""
    key = key_of(file)
    brand = templates.brand
    for language in [key.locale.partition("-")[0]] if key else sorted(brand.voices):
        given = {
            **CONTRACT,
            "brand": of_values(brand.of(language)),
            "voice": of_values(brand.voice(language)),
            "language": PLAIN,
        }
        yield given | ({"subject": PLAIN} if file.endswith(".html.j2") else {})


def _of_samples(templates: Templates, key: TextKey) -> Iterator[Problem]:
    for name in EXAMPLES:
        try:
            templates.rendered(key, completed(example(name, key.locale)), strict=True)
        except RenderError as failure:
            yield failure.problem


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


def named(characters: tuple[str, ...]) -> str:
    """``“ (U+201C)`` for each."""
    return ", ".join(f"{each} (U+{ord(each):04X})" for each in characters)


def _of_coverage(templates: Templates) -> Iterator[Problem]:
    """Languages that a fallback needs, and emails of which only one half is there or was replaced."""
    texts, default = templates.texts, templates.default_language
    for template, channel in sorted({(key.template, key.channel) for key in texts}):
        if TextKey(template, channel, default) not in texts:
            message = f"{channel} has no text in {default!r}, to which other languages fall back"
            yield Problem(template, None, message)
    for key in sorted(texts):
        if key.channel != "email":
            continue
        twin = key._replace(html=not key.html)
        if twin not in texts:
            yield Problem(file_name(key), None, f"needs its twin {file_name(twin)}")
        elif not _is_shipped(templates, key) and _is_shipped(templates, twin):
            yield Problem(file_name(key), None, f"replaces one half of an email; replace {file_name(twin)} too")


def _is_shipped(templates: Templates, key: TextKey) -> bool:
    return templates.own is None or not Path(templates.place(key)).is_relative_to(templates.own.place)
