"""What a template may name: one description, read off the types of the context, for rendering and for checking."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints, is_typeddict


class Known(NamedTuple):
    """One name. ``fields``: what stands below it; ``None`` where anything may."""

    fields: Mapping[str, Known] | None = None
    optional: bool = False
    """It may be ``None``: templates write ``{% if … %}`` around it."""
    plain: bool = False
    """A text, a number or a time: nothing stands below it."""


PLAIN = Known(plain=True)
ANYTHING = Known()


def described(contract: type) -> dict[str, Known]:
    """The names of a TypedDict, those of nested ones below theirs."""
    return {name: _of_type(kind) for name, kind in get_type_hints(contract).items()}


def _of_type(kind: Any) -> Known:
    if get_origin(kind) in (types.UnionType, Union):
        parts = [_of_type(part) for part in get_args(kind) if part is not type(None)]
        nested = next((part.fields for part in parts if part.fields is not None), None)
        return Known(nested, type(None) in get_args(kind), plain=all(part.plain for part in parts))
    if is_typeddict(kind):
        return Known(described(kind))
    return PLAIN if kind in (str, int, float, bool) else ANYTHING


def of_values(values: Mapping[str, Any]) -> Known:
    """What stands in a table that is read already, such as the brand's."""
    return Known({name: of_values(one) if isinstance(one, Mapping) else PLAIN for name, one in values.items()})


def empty(known: Known) -> Any:
    """What stands for a name that the caller left out: ``None`` if optional, else an empty text or table."""
    if known.optional:
        return None
    if known.fields is not None:
        return {name: empty(below) for name, below in known.fields.items()}
    return "" if known.plain else {}
