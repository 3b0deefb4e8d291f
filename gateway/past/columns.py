"""Columns of a table of readings as plain values: times, ids, positions, and metrics of any kind.

A column is converted as a whole where all its cells are of one kind, else cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from devices.event import Millis, Value
from devices.said import EARLIEST_MS, MAX_TEXT

Column = Any
"""A ``pyarrow.Array``; pyarrow has no types."""

NO_TIME: Final = "is no time: write ms since 1970, or ISO 8601 with an offset such as 2026-03-01T09:00:00+09:00"
_WORDS: Final[dict[str, bool]] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


class NoSuchColumnError(Exception):
    """A column of a kind that holds no readings."""


class Bad:
    """Stands in for a cell that can't be used, and says why."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def times(column: Column) -> list[Millis | Bad | None]:
    """Times in ms since 1970: from whole numbers (ms), timestamps (without a zone: UTC), or texts of either."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _checked(_from_timestamps(column))
    if pa.types.is_integer(kind):
        return _checked(pc.cast(column, pa.int64()))
    if pa.types.is_floating(kind):
        return _checked(pc.cast(pc.round(column), pa.int64()))
    if not _is_text(kind):
        raise NoSuchColumnError(f"holds {kind}, which is no time")
    for convert in (_from_digits, _from_iso):
        try:
            return _checked(convert(column))
        except pa.ArrowInvalid:
            continue
    return [None if cell is None else _time(cell) for cell in column.to_pylist()]


def _from_timestamps(column: Column) -> Column:
    micros = pc.cast(pc.cast(column, pa.timestamp("us"), safe=False), pa.int64())
    return pc.divide(pc.add(micros, 500), 1000)


def _from_digits(column: Column) -> Column:
    return pc.cast(column, pa.int64())


def _from_iso(column: Column) -> Column:
    micros = pc.cast(pc.cast(column, pa.timestamp("us", "UTC")), pa.int64())
    return pc.divide(pc.add(micros, 500), 1000)


def _checked(column: Column) -> list[Millis | Bad | None]:
    least = pc.min(column).as_py()
    cells: list[Millis | Bad | None] = column.to_pylist()
    if least is None or least >= EARLIEST_MS:
        return cells
    return [_too_early(cell) if isinstance(cell, int) and cell < EARLIEST_MS else cell for cell in cells]


def _too_early(cell: int) -> Bad:
    return Bad(f"ts {cell} is not in milliseconds since 1970: multiply seconds by 1000")


def _time(cell: str) -> Millis | Bad:
    text = cell.strip()
    try:
        at = round(float(text)) if text.replace(".", "", 1).isdigit() else _iso(text)
    except (ValueError, OverflowError):
        return Bad(f"ts '{text[:40]}' {NO_TIME}")
    return at if at >= EARLIEST_MS else _too_early(at)


def _iso(text: str) -> Millis:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return round(moment.timestamp() * 1000)


def ids(column: Column, check: Callable[[str], bool]) -> list[str | Bad | None]:
    """Names, each different one looked at once."""
    if pa.types.is_integer(column.type):
        column = pc.cast(column, pa.string())
    if not _is_text(column.type):
        raise NoSuchColumnError(f"holds {column.type}, which is no name of a device")

    def judged(text: str) -> str | Bad:
        return text if check(text) else Bad(f"'{text[:40]}' cannot name a device")

    return _each_once(column, judged)


def values(column: Column) -> Sequence[Value | Bad | None]:
    """A metric: numbers, truth values, or texts. Not-a-number counts as absent, infinity as bad.

    Raises:
        NoSuchColumnError: the column holds lists, structures or the like.
    """
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return list(column.to_pylist())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers(pc.cast(column, pa.float64()))
    if not _is_text(kind):
        if pa.types.is_null(kind):
            return [None] * len(column)
        raise NoSuchColumnError(f"holds {kind}: a metric is a number, true, false or a text")
    return list(_each_once(column, _text))


def from_text(column: Column) -> Sequence[Value | Bad | None]:
    """A metric as CSV has it: each cell a number, ``true``, ``false`` or a text."""
    if column.null_count == len(column):
        return [None] * len(column)
    try:
        return list(pc.cast(column, pa.int64()).to_pylist())
    except pa.ArrowInvalid:
        pass
    try:
        return _numbers(pc.cast(column, pa.float64()))
    except pa.ArrowInvalid:
        return list(_each_once(column, _cell))


def _numbers(column: Column) -> Sequence[Value | Bad | None]:
    if pc.all(pc.is_finite(column)).as_py() is not False:
        return list(column.to_pylist())
    return [None if cell is None else _finite(cell) for cell in column.to_pylist()]


def _finite(number: float) -> Value | Bad | None:
    if number != number:  # noqa: PLR0124 - only not-a-number differs from itself
        return None
    return Bad("infinity is no value") if number in (float("inf"), float("-inf")) else number


def _cell(text: str) -> Value | Bad | None:
    stripped = text.strip()
    if stripped in _WORDS:
        return _WORDS[stripped]
    try:
        return int(stripped)
    except ValueError:
        pass
    try:
        return _finite(float(stripped))
    except ValueError:
        return _text(text)


def _text(text: str) -> Value | Bad | None:
    return text if len(text) <= MAX_TEXT else Bad(f"a text of {len(text)} characters; at most {MAX_TEXT}")


def _each_once(column: Column, convert: Callable[[str], Any]) -> list[Any]:
    """Convert each different text once: there are few."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = [None if text is None else convert(text) for text in encoded.dictionary.to_pylist()]
    return [None if place is None else known[place] for place in encoded.indices.to_pylist()]


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
