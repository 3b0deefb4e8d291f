"""What a template is given: the contract, and its cleaning.

docs/reference/templates.md describes the same names for those who write templates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from notifiers.templates.errors import ContextError
from notifiers.templates.known import Known, described, empty

MAX_TEXT = 2_000
MAX_DEPTH = 8


class CustomerWords(TypedDict, total=False):
    """The person who is told. ``time_zone`` is an IANA name; without it times are UTC and say so."""

    name: str
    locale: str
    time_zone: str


class DeviceWords(TypedDict, total=False):
    """The device. ``name`` falls back to the id."""

    id: str
    model: str
    name: str


class StoreWords(TypedDict):
    """The store of the device or of the zone that was entered."""

    id: str
    name: str


class RuleWords(TypedDict, total=False):
    """The rule, and the sentence that its author wrote about it (may be empty)."""

    id: str
    summary: str


class TemplateContext(TypedDict, total=False):
    """Everything that a template may name. What is left out is ``None`` or empty; ``at`` has no default."""

    customer: CustomerWords
    device: DeviceWords
    store: StoreWords | None
    rule: RuleWords
    values: dict[str, Any]
    summary: str
    severity: str
    at: int | str
    case_id: str | None
    unsubscribe_url: str | None
    link: str | None
    offer_code: str | None
    items: list[str]
    more: int


CONTRACT: Mapping[str, Known] = described(TemplateContext)
"""The same, for looking names up. A name added to ``TemplateContext`` is known everywhere."""

NAMES = tuple(sorted(CONTRACT))
"""The names of the contract; templates also see ``brand``, ``voice`` and ``language``, HTML also ``subject``."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
"""Controls, line breaks, directional overrides, lone surrogates: they break headers or make text read differently."""


class Readings(dict[str, Any]):
    """The evidence. A metric that is not among it prints as ``–``, and ``is defined`` tells."""


class AnyReadings(Readings):
    """Evidence of a rule that is not known yet: every metric is there. For checking templates only."""

    def __missing__(self, key: str) -> float:
        """Whatever a template asks for is a number."""
        return 9.4


def completed(context: Mapping[str, Any]) -> dict[str, Any]:
    """``context`` with defaults for what may be left out, text cleaned for single-line fields, and nothing but JSON.

    Raises:
        ContextError: ``at`` is missing, or a value is not JSON or nested too deeply.
    """
    if context.get("at") is None:
        raise ContextError("the context has no 'at', the time of the event (epoch ms or RFC 3339)")
    given = {name: _clean(value, name, 0) for name, value in context.items()}
    filled: dict[str, Any] = {name: _filled(known, given.get(name)) for name, known in CONTRACT.items()}
    filled["severity"] = filled["severity"] or "info"
    filled["device"]["name"] = filled["device"]["name"] or filled["device"]["id"]
    if not isinstance(filled["values"], Readings):
        filled["values"] = Readings(filled["values"])
    return filled


def _filled(known: Known, given: Any) -> Any:
    """``given`` over what stands for what is left out."""
    if given is None:
        return empty(known)
    if known.fields is None or not isinstance(given, dict):
        return given
    return empty(known._replace(optional=False)) | {name: one for name, one in given.items() if one is not None}


def _clean(value: Any, place: str, depth: int) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub(" ", value).strip()[:MAX_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= MAX_DEPTH:
        raise ContextError(f"{place} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, AnyReadings):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean(one, f"{place}.{name}", depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one, place, depth + 1) for one in value]
    raise ContextError(f"{place} is a {type(value).__name__}, templates take JSON only")


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone, UTC where there is none such."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
