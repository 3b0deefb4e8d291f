"""``above``: a metric rises above a limit, and with ``clear_below`` stays so until it is well below it again."""

from __future__ import annotations

from rules.condition import Condition, Operator, Scope
from rules.limits import ABOVE
from rules.reading import Reading
from rules.threshold import read_threshold


def _read(reading: Reading, scope: Scope) -> Condition | None:
    return read_threshold(reading, scope, ABOVE)


OPERATOR = Operator("above", _read, frozenset({"metric", "clear_below"}))
