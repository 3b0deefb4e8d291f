"""Limits on a number that may be known only in part: ``above``, ``below`` and ``between``, with hysteresis.

A number is a ``Range``: of a count that still goes on only the least is known, of most numbers both ends are the same.
A comparison is true or false where all of the range says so, and unknown otherwise (interval arithmetic; R. E. Moore,
Interval Analysis, 1966).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

from rules.condition import Memory, Truth
from rules.metric import shown
from rules.reading import Reading
from rules.source import Located

ReadNumber = Callable[[str, Located], float | None]

PAIR = "write two numbers, the lower first: between: [2, 8]"


class Range(NamedTuple):
    """The number lies between ``low`` and ``high``, both included; either may be infinite."""

    low: float
    high: float


class Side(NamedTuple):
    """Which side of its limit a comparison looks at."""

    operator: str
    opposite: str
    clear_key: str
    mend: str
    """How a clearing limit must compare with the limit."""
    sign: int
    """1 where larger numbers are beyond the limit, else -1."""


ABOVE = Side("above", "below", "clear_below", "lower", 1)
BELOW = Side("below", "above", "clear_above", "higher", -1)
SIDES = (ABOVE, BELOW)


class Limit(ABC):
    """One comparison. Memory: one flat value, ``True`` while it holds."""

    __slots__ = ()

    @abstractmethod
    def compare(self, number: Range, *, held: bool) -> Truth:
        """Whether ``number`` is where the limit asks, having ``held`` before."""

    @abstractmethod
    def explain(self) -> dict[str, Any]:
        """The limit as JSON."""

    @abstractmethod
    def phrase(self) -> str:
        """``above 8``."""


class Beyond(Limit):
    """True beyond ``limit``; once true, until it is on the other side of ``clear``."""

    __slots__ = ("clear", "limit", "side")

    def __init__(self, side: Side, limit: float, clear: float | None = None) -> None:
        self.side = side
        self.limit = limit
        self.clear = clear

    def compare(self, number: Range, *, held: bool) -> Truth:
        """With its sign turned, ``below`` is ``above``."""
        sign = self.side.sign
        low, high = number if sign > 0 else (-number.high, -number.low)
        limit = sign * self.limit
        if low > limit:
            return True
        if held and self.clear is not None:
            clear = sign * self.clear
            return True if low >= clear else False if high < clear else None
        return False if high <= limit else None

    def explain(self) -> dict[str, Any]:
        """The limit, and where it clears."""
        found = {self.side.operator: self.limit}
        return found if self.clear is None else {**found, self.side.clear_key: self.clear}

    def phrase(self) -> str:
        """``above 8``."""
        return f"{self.side.operator} {shown(self.limit)}"


class Within(Limit):
    """True from ``low`` to ``high``, both included."""

    __slots__ = ("high", "low")

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    def compare(self, number: Range, *, held: bool) -> Truth:
        """Remembers nothing."""
        if number.high < self.low or number.low > self.high:
            return False
        return True if self.low <= number.low and number.high <= self.high else None

    def explain(self) -> dict[str, Any]:
        """Both limits."""
        return {"between": [self.low, self.high]}

    def phrase(self) -> str:
        """``between 2 and 8``."""
        return f"between {shown(self.low)} and {shown(self.high)}"


class Limits:
    """Several limits on one number, all of which have to hold. Memory: whether each of them holds."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Limit, ...]) -> None:
        self.parts = parts

    def fresh(self) -> Memory:
        """None of them holds."""
        return [False] * len(self.parts)

    def compare(self, memory: Memory, number: Range | None) -> Truth:
        """Kleene's conjunction; a number of which nothing is known changes nothing."""
        if number is None:
            return None
        result: Truth = True
        for i, part in enumerate(self.parts):
            found = part.compare(number, held=memory[i])
            if found is not None:
                memory[i] = found
            if found is False or (found is None and result is True):
                result = found
        return result

    def explain(self) -> dict[str, Any]:
        """Each limit under its own word."""
        found: dict[str, Any] = {}
        for part in self.parts:
            found.update(part.explain())
        return found

    def phrase(self, *, holds: bool) -> str:
        """``above 8 and below 12``."""
        words = " and ".join(part.phrase() for part in self.parts)
        return words if holds else f"no longer {words}"


def read_limits(reading: Reading, operator: str, number: ReadNumber | None = None) -> Limits | None:
    """The limits beside ``operator``; ``None`` after noting what is wrong, such as that there are none.

    Args:
        reading: the mapping in which they stand.
        operator: the word beside them.
        number: reads one limit, given its key and where it stands; without it limits are plain numbers.
    """
    read = number or reading.number_at
    sides = [side for side in SIDES if side.operator in reading]
    found: list[Limit | None] = [read_beyond(reading, side, read) for side in sides]
    if "between" in reading:
        found.append(read_within(reading, read))
    if not found:
        mend = "write a limit beside it: above: 5, below: 5 or between: [2, 8]"
        reading.refuse(operator, f"'{operator}' gives a number, but nothing says what is wrong with it", mend)
        return None
    parts = tuple(part for part in found if part is not None)
    return Limits(parts) if len(parts) == len(found) else None


def read_beyond(reading: Reading, side: Side, number: ReadNumber) -> Beyond | None:
    """The limit under ``above`` or ``below``, and the clearing one beside it."""
    limit = number(side.operator, reading.entries[side.operator])
    clear = number(side.clear_key, reading.entries[side.clear_key]) if side.clear_key in reading else None
    if limit is not None and clear is not None and side.sign * clear > side.sign * limit:
        reading.refuse(
            side.clear_key,
            f"'{side.clear_key}' {shown(clear)} is on the wrong side of '{side.operator}' {shown(limit)}",
            f"write a value {side.mend} than {shown(limit)}",
        )
        return None
    return None if limit is None or (side.clear_key in reading and clear is None) else Beyond(side, limit, clear)


def read_within(reading: Reading, number: ReadNumber) -> Within | None:
    """The two limits under ``between``."""
    node = reading.entries["between"]
    if not isinstance(node.value, list) or len(node.value) != 2:  # noqa: PLR2004 - a pair
        reading.refuse("between", "'between' must be a list of two numbers", PAIR)
        return None
    low, high = (number("between", item) for item in node.value)
    if low is None or high is None:
        return None
    if low > high:
        reading.refuse("between", f"'between' has its limits the wrong way round: {shown(low)}, {shown(high)}", PAIR)
        return None
    return Within(low, high)
