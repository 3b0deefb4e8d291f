"""What a template is given: the contract, its cleaning, and samples for checking templates.

docs/reference/templates.md describes the same names for those who write templates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from notifiers.templates.errors import ContextError

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


NAMES = tuple(sorted(TemplateContext.__annotations__))
"""The names of the contract; templates also see ``brand``, ``voice`` and ``language``."""

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
"""Controls, line breaks, directional overrides, lone surrogates: they break headers or make text read differently."""


class AnyValues(dict[str, Any]):
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
    device = {"id": "", "model": ""} | (given.get("device") or {})
    device["name"] = device.get("name") or device["id"]
    filled: dict[str, Any] = {
        "store": None, "values": {}, "summary": "", "severity": "info",
        "case_id": None, "unsubscribe_url": None, "link": None,
    }  # fmt: skip
    filled |= given
    filled["device"] = device
    filled["customer"] = {"name": "", "locale": "", "time_zone": ""} | (given.get("customer") or {})
    filled["rule"] = {"id": "", "summary": ""} | (given.get("rule") or {})
    return filled


def _clean(value: Any, place: str, depth: int) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub(" ", value).strip()[:MAX_TEXT]
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= MAX_DEPTH:
        raise ContextError(f"{place} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, AnyValues):
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


FULL: TemplateContext = {
    "customer": {"name": "Hanako Sato", "locale": "ja-JP", "time_zone": "Asia/Tokyo"},
    "device": {"id": "chiller-7", "model": "chiller-x200", "name": "Chiller 7"},
    "store": {"id": "shibuya", "name": "Shibuya Flagship"},
    "rule": {"id": "chiller-too-warm", "summary": "10 % off all filters this week"},
    "values": AnyValues(temperature=9.4, setpoint=4.0, door="open"),
    "summary": "temperature has been above 8 °C for 10 minutes (now 9.4 °C)",
    "severity": "major",
    "at": 1_780_463_100_000,
    "case_id": "case_2f81",
    "unsubscribe_url": "https://shop.example/u/4fGh2",
    "link": "https://shop.example/c/9XkQ2",
}
"""A sample with everything."""

SPARE: TemplateContext = {
    "device": {"id": "washer-1"},
    "values": AnyValues(),
    "severity": "info",
    "at": 1_780_463_100_000,
}
"""A sample with nothing that may be left out."""
