"""Every fault that can be found in templates without sending anything. What may not be meant is in ``remarks``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2 import meta, nodes

from notifiers.templates.context import CONTRACT, completed
from notifiers.templates.errors import Problem, RenderError
from notifiers.templates.files import TextKey, file_name, key_of
from notifiers.templates.known import PLAIN, Known, of_values
from notifiers.templates.naming import Fault, stored, unknown, unknown_tools
from notifiers.templates.samples import EXAMPLES, example
from notifiers.templates.structure import slips

if TYPE_CHECKING:
    from notifiers.templates.library import Templates


def problems(templates: Templates) -> list[Problem]:
    """Everything wrong: names that nothing can fill, what a sample run raises or exceeds, and missing halves."""
    found = [*templates.faults, *unknown_names(templates)]
    named = {problem.file for problem in found}
    lines = {(problem.file, problem.line) for problem in found}
    for key in sorted(templates.texts):
        halves = {templates.place(each) for each in (key, key._replace(html=True)) if each in templates.texts}
        for each in () if key.html else _of_samples(templates, key):
            follows = (each.file, each.line) in lines or (each.file not in halves and halves & named)
            if not follows and not (each.undefined and each.file in named):
                found.append(each)
    found.extend(_of_coverage(templates))
    return list(dict.fromkeys(found))


def unknown_names(templates: Templates) -> Iterator[Problem]:
    """Names beyond the contract, in every file and every branch."""
    trees = dict(_trees(templates))
    own = _own_names(trees)
    for file, tree in trees.items():
        place = str(templates.sources[file].path)
        for fault in dict.fromkeys(_faults(templates, file, tree, own[file])):
            yield Problem(place, fault.line, fault.message)
        for fault in dict.fromkeys(slips(file, trees, templates.sources)):
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


def _of_coverage(templates: Templates) -> Iterator[Problem]:
    """Languages that a fallback needs, and emails of which only one half is there or was replaced."""
    texts, default = templates.texts, templates.default_language
    for template, channel in sorted({(key.template, key.channel) for key in texts if not key.html}):
        wanted = TextKey(template, channel, default)
        if wanted not in texts:
            said = f"{channel} has no text in {default!r}, to which other languages fall back; add {file_name(wanted)}"
            yield Problem(_folder(templates, template), None, said)
    for key in sorted(texts):
        if key.channel != "email":
            continue
        twin = key._replace(html=not key.html)
        if twin not in texts:
            yield Problem(templates.place(key), None, f"is one half of an email; write its twin {file_name(twin)} too")
        elif not _is_shipped(templates, key) and _is_shipped(templates, twin):
            yield Problem(templates.place(key), None, f"replaces one half of an email; replace {file_name(twin)} too")


def _folder(templates: Templates, name: str) -> str:
    return name if templates.own is None else str(templates.own.place / name)


def _is_shipped(templates: Templates, key: TextKey) -> bool:
    return templates.own is None or not Path(templates.place(key)).is_relative_to(templates.own.place)
