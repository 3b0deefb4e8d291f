"""``below``: a metric falls below a limit, and with ``clear_above`` stays so until it is well above it again."""

from __future__ import annotations

from rules.condition import Condition, Operator, Scope
from rules.limits import BELOW
from rules.reading import Reading
from rules.threshold import read_threshold


def _read(reading: Reading, scope: Scope) -> Condition | None:
    return read_threshold(reading, scope, BELOW)


OPERATOR = Operator("below", _read, frozenset({"metric", "clear_above"}))
