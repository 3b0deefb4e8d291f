"""Jinja with everything taken out that a message does not need.

Jinja's own sandbox keeps a template from Python's internals. It does not keep it from running for ever or from filling
the memory, so here filters, globals and callables are short allow-lists, and every loop, call, include, concatenation
and printed value is charged to the budget.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import BuiltinMethodType, MethodType, NoneType
from typing import Any, NamedTuple, cast

from jinja2 import BaseLoader, FunctionLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_eval_context
from jinja2.visitor import NodeTransformer

from notifiers.templates.budget import current
from notifiers.templates.context import AnyReadings, Readings
from notifiers.templates.errors import ForbiddenError
from notifiers.templates.weight import weight

MAX_RANGE = 1_000
MAX_NUMBER = 10**30
MAX_SOURCE = 64 * 1024
"""Characters of one template file."""

JINJA_FILTERS = (
    "abs", "capitalize", "d", "default", "dictsort", "e", "escape", "first", "float", "int", "items", "last",
    "length", "lower", "title", "trim", "upper", "urlencode",
)  # fmt: skip
"""Left out on purpose: ``safe`` (unescaped text), and all that can make much out of little: ``center``, ``format``,
``indent``, ``batch``, ``slice``, ``round``, ``replace``, ``wordwrap`` …"""

DICT_METHODS = frozenset({"items", "keys", "values", "get"})


_ABOUT_NAMES = frozenset({"defined", "undefined"})
"""Tests that Jinja compiles for names of their own."""
_OF_NO_SIZE = (int, float, NoneType, EvalContext, StrictUndefined)


class MissingReading(StrictUndefined):
    """A metric that is not among the evidence. It may be printed and asked about, but not counted with."""

    def __hash__(self) -> int:  # type: ignore[override]  # the superclass raises, as in all of these
        """By what it stands for."""
        return hash(self._undefined_name)

    def __str__(self) -> str:  # type: ignore[override]
        """What stands for it."""
        return "–"

    def __bool__(self) -> bool:  # type: ignore[override]
        """It is not there."""
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        """Equal to nothing."""
        return False

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        """Not even to itself."""
        return True


class Source(NamedTuple):
    """One template file."""

    text: str
    path: Path


class _Charging(NodeTransformer):
    """Puts the budget into the syntax tree, and refuses what cannot be charged."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 jinja's visitor names
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not available in templates", node.lineno)
        self.generic_visit(node)
        text = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
        node.iter = _filtered(node.iter, "_counted", nodes.Const(text, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_joined")

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _weighed_node(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _weighed_node(node) if node.ctx == "load" else node  # else they are names that are given a value

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        for pair in node.items:
            pair.key = _weighed_node(pair.key)  # before it is hashed
        return _weighed_node(node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.expr = _weighed_node(node.expr)
        for operand in node.ops:
            operand.expr = _weighed_node(operand.expr)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if node.name not in _ABOUT_NAMES:
            node.node = _weighed_node(node.node)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _weighed_node(node) if isinstance(node.arg, nodes.Slice) else node

    def visit_ScopedEvalContextModifier(self, node: nodes.Node) -> nodes.Node:  # noqa: N802
        raise TemplateSyntaxError("escaping cannot be turned off in templates", node.lineno)


def _filtered(node: nodes.Node, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(cast("nodes.Expr", node), name, list(args), [], None, None, lineno=node.lineno)


def _weighed_node(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _filtered(node, "_weighed")


class _ChargedCode(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        _Charging().visit(node)
        node.set_environment(self.environment)
        super().visit_Template(node, frame)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all message templates. ``sources`` maps a template's name to its text."""

    code_generator_class = _ChargedCode
    intercepted_binops = frozenset({"+", "-", "*", "**", "%"})

    def __init__(self, sources: Mapping[str, Source], filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(
            loader=_loader(sources),
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            undefined=StrictUndefined,
            finalize=_printed,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            optimized=False,
            cache_size=-1,
        )
        self.sources = sources
        self.globals = {"range": _range, "namespace": Namespace}
        self.filters = {name: _charged(FILTERS[name]) for name in JINJA_FILTERS}
        self.filters |= {name: _charged(each) for name, each in filters.items()}
        self.filters |= {"_counted": _counted, "_joined": _joined, "_weighed": _weighed}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A dict's own entries come first: a metric may be called ``items`` or ``count``."""
        if isinstance(obj, dict):
            if attribute in DICT_METHODS and attribute not in obj:
                return getattr(obj, attribute)
            try:
                return obj[attribute]
            except KeyError:
                return (MissingReading if isinstance(obj, Readings) else self.undefined)(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """A metric that is not there is no fault of the template's."""
        if not isinstance(argument, str | int):
            _weighed(argument)  # before it is hashed
        if isinstance(obj, Readings) and isinstance(argument, str):
            return obj[argument] if argument in obj or isinstance(obj, AnyReadings) else self.getattr(obj, argument)
        return super().getitem(obj, argument)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Charge a step, and let only what is made for templates be called."""
        current.get().budget.step()
        if not _may_be_called(obj):
            name = getattr(obj, "__name__", type(obj).__name__)
            raise ForbiddenError(f"{name}() cannot be called in templates; use a filter")
        for argument in (*args, *kwargs.values()):
            _weighed(argument)
        given = context.call(obj, *args, **kwargs)
        return _weighed(given) if isinstance(given, str) else given

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic for numbers of human size; ``+`` also for text and lists, which is charged."""
        if _is_number(left) and _is_number(right) and operator != "**":
            return _sized(_ARITHMETIC[operator](left, right))
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            budget = current.get().budget
            budget.step(weight(left, budget.left) + weight(right, budget.left))
            return left + right  # type: ignore[operator]
        mend = "; write |number(1) for a number, ~ to join texts" if isinstance(left, str) else ""
        said = f"{type(left).__name__} {operator} {type(right).__name__} is not available in templates{mend}"
        raise ForbiddenError(said)

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        """Charge what a running template includes or extends."""
        rendering = current.get(None)
        if rendering is not None and isinstance(name, str) and name in self.sources:
            rendering.budget.step(len(self.sources[name].text))
        return super().get_template(name, parent, globals)

    def select_template(self, names: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        """Not of several: what is charged is what is named."""
        raise ForbiddenError("include names one file in templates, not a list of them")


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "%": operator.mod,
}


def _loader(sources: Mapping[str, Source]) -> BaseLoader:
    def load(name: str) -> tuple[str, str | None, Callable[[], bool] | None] | None:
        source = sources.get(name)
        return None if source is None else (source.text, str(source.path), lambda: True)

    return FunctionLoader(load)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _sized(number: float) -> float:
    if isinstance(number, int) and abs(number) > MAX_NUMBER:
        raise ForbiddenError("a number grew beyond 30 digits")
    return number


def _may_be_called(obj: Any) -> bool:
    if isinstance(obj, Macro | BlockReference | StrictUndefined) or obj is _range or obj is Namespace:
        return True  # what is undefined says so itself when it is called
    if isinstance(obj, MethodType):
        return isinstance(obj.__self__, LoopContext) and obj.__name__ in {"cycle", "changed"}
    return isinstance(obj, BuiltinMethodType) and isinstance(obj.__self__, dict) and obj.__name__ in DICT_METHODS


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if made and abs(made[-1] - made[0]) // abs(made.step) >= MAX_RANGE:
        raise ForbiddenError(f"range() gives at most {MAX_RANGE} numbers in templates")
    return made


def _counted(items: Iterable[Any], text: int) -> Iterator[Any]:
    """Each iteration costs a step and the loop's own ``text`` (characters)."""
    budget = current.get().budget
    for item in items:
        budget.step(text)
        yield item


@pass_eval_context
def _joined(eval_context: Any, parts: list[Any]) -> str:
    """The operator ``~``."""
    budget = current.get().budget
    budget.step()
    texts = [part if isinstance(part, str) else str(_weighed(part)) for part in parts]
    budget.take(sum(map(len, texts)))
    return markup_join(texts) if eval_context.autoescape else str_join(texts)


def _printed(value: Any) -> Any:
    """Jinja's ``finalize``: every printed value is charged. ``None`` prints nothing, and is a fault when checked."""
    rendering = current.get()
    if value is None:
        if rendering.strict:
            raise ForbiddenError("prints a value that may be None; write {% if … %} around it")
        return ""
    text = value if isinstance(value, str) else str(_weighed(value))
    rendering.budget.take(len(text))
    return text


def _weighed(value: Any) -> Any:
    """``value``, charged by what is in it, before anything looks through all of it.

    Not so the readings of the alert: they are as large as a device made them, and no template makes them larger.
    """
    if not isinstance(value, Readings):
        budget = current.get().budget
        budget.take(weight(value, budget.left))
    return value


def _charged(plain: Callable[..., Any]) -> Callable[..., Any]:
    """``plain``, a filter, charged by the size of what it is given."""

    def charged(*args: Any, **kwargs: Any) -> Any:
        for arg in (*args, *kwargs.values()):
            if not isinstance(arg, _OF_NO_SIZE):
                _weighed(arg)
        return plain(*args, **kwargs)

    marker = getattr(plain, "jinja_pass_arg", None)
    if marker is not None:
        charged.jinja_pass_arg = marker  # type: ignore[attr-defined]
    return charged
