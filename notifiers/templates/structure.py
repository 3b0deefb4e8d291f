"""What a file takes from other files: blocks that it fills, macros that it calls. Found without running it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from jinja2 import nodes

from notifiers.templates.naming import Fault, closest


def slips(file: str, trees: Mapping[str, nodes.Template], files: Collection[str]) -> Iterator[Fault]:
    """What ``file`` takes from others and they do not have: files, blocks that it fills, macros that it calls.

    Args:
        file: its name, one of ``trees``.
        trees: the files that could be parsed.
        files: the names of all.
    """
    tree = trees[file]
    for line, name in _taken(tree):
        if name not in files:
            yield Fault(line, f"there is no file {name}{closest(name, files)}")
    parent = _parent(tree)
    if parent is not None and parent in trees:
        there = set(_blocks_above(parent, trees))
        for block in tree.find_all(nodes.Block):
            if block.name not in there and not _is_within(block, tree, there):
                said = f"{parent} has no block {block.name!r}, so nothing of it is shown{closest(block.name, there)}"
                yield Fault(block.lineno, f"{said} (it has {', '.join(sorted(there))})")
    for imported in tree.find_all(nodes.Import):
        source = str(imported.template.value) if isinstance(imported.template, nodes.Const) else ""
        if source in trees:
            yield from _calls(tree, imported.target, source, _macros(trees[source]))


def _taken(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """The files that must be there, with the line that says so."""
    needed = [(each.lineno, each.template) for each in tree.find_all(nodes.Extends)]
    needed += [(each.lineno, each.template) for each in tree.find_all(nodes.Import)]
    needed += [(each.lineno, each.template) for each in tree.find_all(nodes.FromImport)]
    needed += [(each.lineno, each.template) for each in tree.find_all(nodes.Include) if not each.ignore_missing]
    for line, named in needed:
        if isinstance(named, nodes.Const) and isinstance(named.value, str):
            yield line, named.value


def _parent(tree: nodes.Template) -> str | None:
    extends = next(iter(tree.find_all(nodes.Extends)), None)
    if extends is None or not isinstance(extends.template, nodes.Const):
        return None
    return str(extends.template.value)


def _blocks_above(file: str, trees: Mapping[str, nodes.Template]) -> Iterator[str]:
    seen: set[str] = set()
    at: str | None = file
    while at is not None and at in trees and at not in seen:
        seen.add(at)
        yield from (block.name for block in trees[at].find_all(nodes.Block))
        at = _parent(trees[at])


def _is_within(block: nodes.Block, tree: nodes.Template, filled: Collection[str]) -> bool:
    """Whether the block stands in one that is shown."""
    return any(
        block in set(outer.find_all(nodes.Block)) for outer in tree.find_all(nodes.Block) if outer.name in filled
    )


def _macros(tree: nodes.Template) -> dict[str, nodes.Macro]:
    return {macro.name: macro for macro in tree.find_all(nodes.Macro)}


def _calls(tree: nodes.Template, target: str, source: str, macros: Mapping[str, nodes.Macro]) -> Iterator[Fault]:
    for got in tree.find_all(nodes.Getattr):
        if isinstance(got.node, nodes.Name) and got.node.name == target and got.attr not in macros:
            names = ", ".join(sorted(macros)) or "none"
            yield Fault(got.lineno, f"{source} has no macro {got.attr!r}{closest(got.attr, macros)} (it has {names})")
    for call in tree.find_all(nodes.Call):
        of = call.node
        if isinstance(of, nodes.Getattr) and isinstance(of.node, nodes.Name) and of.node.name == target:
            missing = _missing(call, macros[of.attr]) if of.attr in macros else ()
            if missing:
                wanted = ", ".join(str(name.name) for name in macros[of.attr].args)
                yield Fault(call.lineno, f"{target}.{of.attr}() lacks {' and '.join(missing)}; it takes ({wanted})")


def _missing(call: nodes.Call, macro: nodes.Macro) -> tuple[str, ...]:
    if call.dyn_args is not None or call.dyn_kwargs is not None:
        return ()
    needed = [name.name for name in macro.args[: len(macro.args) - len(macro.defaults)]]
    given = {keyword.key for keyword in call.kwargs if isinstance(keyword, nodes.Keyword)}
    return tuple(name for name in needed[len(call.args) :] if name not in given)
