"""Names that a template uses and nothing can ever give it, found without running it.

A sample run sees only the branches that the sample takes; this sees all of them. What a file sets by itself (``set``,
loops, macros, imports) hides a name of the same spelling, in all of the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from jinja2 import nodes

from notifiers.templates.known import Known
from notifiers.templates.sandbox import DICT_METHODS

PIPED = frozenset({"lower", "upper", "title", "capitalize"})
"""Methods of Python's texts that are filters here."""
OF_JINJA = frozenset({"range", "namespace", "loop", "self", "super", "caller", "varargs", "kwargs"})


INSTEAD: Mapping[str, str] = {
    "date": "write |local_time",
    "format": "write |number(1) for a number, ~ to join texts",
    "join": "write a {% for %} loop",
    "nl2br": "write |lines",
    "replace": "write |fill(name=…) for a text with {name} in it",
    "round": "write |number(1)",
    "safe": "HTML is always escaped; put tags into the template itself",
    "strftime": "write |local_time",
    "truncate": "write |clip(40)",
    "wordwrap": "mail programs and phones break lines by themselves",
}
"""What to write in place of filters that people know from elsewhere."""


class Toolbox(NamedTuple):
    """The filters and tests that there are."""

    filters: Collection[str]
    tests: Collection[str]


class Fault(NamedTuple):
    """A name that is not known."""

    line: int
    message: str


def stored(tree: nodes.Template, *, parameters: bool = True) -> frozenset[str]:
    """The names that a file gives a meaning to; ``parameters`` of its macros have one in this file only."""
    kinds = {"store", "param"} if parameters else {"store"}
    found = {name.name for name in tree.find_all(nodes.Name) if name.ctx in kinds}
    found |= {macro.name for macro in tree.find_all(nodes.Macro)}
    found |= {imported.target for imported in tree.find_all(nodes.Import)}
    for each in tree.find_all(nodes.FromImport):
        found |= {name if isinstance(name, str) else name[1] for name in each.names}
    return frozenset(found)


def unknown(tree: nodes.Template, known: Mapping[str, Known], own: Collection[str]) -> Iterator[Fault]:
    """Each use of a name beyond ``known``, or of a field that its owner does not have.

    Args:
        tree: the parsed file.
        known: what rendering gives.
        own: names that this file, or one that it is rendered with, sets by itself.
    """
    seen = {name: one for name, one in known.items() if name not in own}
    yield from _visited(tree, seen, frozenset(own) | OF_JINJA)


def unknown_tools(tree: nodes.Template, there: Toolbox) -> Iterator[Fault]:
    """Each use of a filter or test that there is none of. Jinja itself looks only where no ``if`` stands around it."""
    for kind, among in ((nodes.Filter, there.filters), (nodes.Test, there.tests)):
        for node in tree.find_all(kind):
            if node.name not in among:
                yield Fault(node.lineno, no_tool(kind.__name__.lower(), node.name, among))


def no_tool(kind: str, name: str, among: Collection[str]) -> str:
    """What is said of a filter or test that is not there."""
    instead = INSTEAD.get(name) if kind == "filter" else None
    return f"No {kind} named {name!r}{f'; {instead}' if instead else closest(name, among)}"


def closest(name: str, among: Collection[str]) -> str:
    """``, did you mean 'x'?``, or nothing."""
    near = difflib.get_close_matches(name, list(among), n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""


def _visited(node: nodes.Node, known: Mapping[str, Known], own: frozenset[str]) -> Iterator[Fault]:
    path = _path(node)
    if path is not None:
        fault = _judged(path, known, own)
        if fault is not None:
            yield Fault(node.lineno, fault)
        return
    for child in node.iter_child_nodes():
        yield from _visited(child, known, own)


def _path(node: nodes.Node) -> list[str] | None:
    """``store.name`` and ``store["name"]`` as their names; ``None`` for what is not such."""
    if isinstance(node, nodes.Name):
        return [node.name] if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        above, name = _path(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        above, name = _path(node.node), node.arg.value
    else:
        return None
    return None if above is None else [*above, name]


def _judged(path: list[str], known: Mapping[str, Known], own: frozenset[str]) -> str | None:
    first, *below = path
    if first in own:
        return None
    if first not in known:
        return f"{first!r} is not known{closest(first, known)} (templates may use {', '.join(sorted(known))})"
    said, at = first, known[first]
    for name in below:
        if at.plain:
            mend = "at|local_time" if said == "at" else f"{said}|{name}" if name in PIPED else said
            return f"{said!r} has nothing below it, such as {name!r}; write {{{{ {mend} }}}}"
        if at.fields is None or (name in DICT_METHODS and name not in at.fields):
            return None
        if name not in at.fields:
            return f"{said!r} has no {name!r}{closest(name, at.fields)} (it has {', '.join(sorted(at.fields))})"
        said, at = f"{said}.{name}", at.fields[name]
    return None
