"""Strict JSON from strangers: bounded before it is parsed, and nothing in it that cannot be stored or compared.

msgspec's parser refuses NaN, 1e999 and raw control characters by itself. What it lets through (duplicate keys, escaped
NUL, whole numbers beyond 64 bits) is looked for here. The usual small payload pays for none of it: without a backslash
nothing can be hidden in an escape, and a payload with exactly as many colons as keys has no key twice.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from devices.rejected import Reason, Rejected, excerpt

MAX_BYTES = 128 * 1024
"""Largest payload that is looked at at all."""
MAX_DEPTH = 16
"""Deepest nesting of objects and lists."""
MAX_WHOLE = 2**63 - 1
"""Largest magnitude of a whole number: what the log and the database can carry."""

_decoder = msgspec.json.Decoder()
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf]")
_BRACKET = re.compile(rb"[\[\]{}]")


def parse_json(payload: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Parse one JSON document, strictly.

    Args:
        payload: UTF-8 JSON.
        max_bytes: the size above which it is refused unread.

    Raises:
        Rejected: it is too large, too deep, empty or not strict JSON.
    """
    if len(payload) > max_bytes:
        raise Rejected(Reason.TOO_LARGE, f"{len(payload)} bytes; at most {max_bytes} are read")
    if payload.count(b"{") + payload.count(b"[") > MAX_DEPTH:
        _refuse_deep(payload)
    try:
        document = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse_malformed(payload, error)
    escaped = b"\\" in payload
    if escaped or payload.count(b":") != _keys(document):
        _refuse_hidden(payload, document, escaped=escaped)
    return document


def _keys(document: Any) -> int:
    """How many keys all objects in ``document`` have together, plus the colons inside its strings."""
    if type(document) is dict:
        count = len(document)
        for key, value in document.items():
            if ":" in key:
                count += key.count(":")
            kind = type(value)
            if kind is str or kind is dict or kind is list:
                count += _keys(value)
            elif kind is int and not -MAX_WHOLE <= value <= MAX_WHOLE:
                _refuse_whole(value)
        return count
    if type(document) is list:
        return sum(map(_keys, document))
    if type(document) is str:
        return document.count(":")
    if type(document) is int and not -MAX_WHOLE <= document <= MAX_WHOLE:
        _refuse_whole(document)
    return 0


def _refuse_whole(value: int) -> NoReturn:
    raise Rejected(Reason.NUMBER_RANGE, f"whole number {excerpt(value)} is beyond 64 bits: send it as text")


def _refuse_deep(payload: bytes) -> None:
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", payload)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Rejected(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")


def _refuse_hidden(payload: bytes, document: Any, *, escaped: bool) -> None:
    """The slow, exact look: taken when the quick counts leave a doubt."""
    if escaped:
        _refuse_nul(document)
        _keys(document)  # whole numbers
    json.loads(payload, object_pairs_hook=_pairs_once)


def _pairs_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    once = dict(pairs)
    if len(once) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Rejected(Reason.DUPLICATE_KEY, f"key {excerpt(twice)} stands twice in one object")
    return once


def _refuse_nul(document: Any) -> None:
    if isinstance(document, str):
        if "\x00" in document:
            raise Rejected(Reason.NUL, "a text contains the character NUL (\\u0000)")
    elif isinstance(document, dict):
        for key, value in document.items():
            _refuse_nul(key)
            _refuse_nul(value)
    elif isinstance(document, list):
        for value in document:
            _refuse_nul(value)


def _refuse_malformed(payload: bytes, error: Exception) -> NoReturn:
    """Find the plainest name for what is wrong with a payload that did not parse."""
    if not payload.strip():
        raise Rejected(Reason.EMPTY, "the payload is empty") from error
    if b"\x00" in payload:
        raise Rejected(Reason.NUL, "the payload contains a NUL byte") from error
    if isinstance(error, UnicodeDecodeError):
        reason = Reason.LONE_SURROGATE if _SURROGATE.search(payload) else Reason.NOT_UTF8
        raise Rejected(reason, "the payload is not UTF-8") from error
    if "out of range" in str(error):
        reason = Reason.NUMBER_RANGE if "Integer" in str(error) else Reason.NOT_FINITE
        raise Rejected(reason, "a number is too large to be represented") from error
    _refuse_lenient(payload, error)
    raise Rejected(Reason.NOT_JSON, str(error)) from error


def _refuse_lenient(payload: bytes, error: Exception) -> None:
    """Name what a lenient parser would have let through: NaN, Infinity, lone surrogates."""
    try:
        document = json.loads(payload, parse_constant=_refuse_constant, parse_int=_shortened)
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Rejected(Reason.LONE_SURROGATE, "a text contains half of a surrogate pair (\\ud800…\\udfff)") from error
    except (ValueError, RecursionError):
        return


def _shortened(digits: str) -> int:
    return int(digits[:20])


def _refuse_constant(name: str) -> NoReturn:
    raise Rejected(Reason.NOT_FINITE, f"{name} is not a number that can be compared: leave the metric out")
