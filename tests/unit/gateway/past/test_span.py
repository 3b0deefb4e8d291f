"""Since when: as people write it."""

from __future__ import annotations

import pytest

from gateway.past.span import parse_since

NOW = 1_767_225_600_000
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "ago_hours"),
    [("12h", 12), ("30d", 720), ("1d12h", 36), ("00:30:00", 0.5), ("2h ago", 2), ("now", 0), ("2025-12-31", 24)],
)
def test_reads_how_long_ago_or_when(text: str, ago_hours: float) -> None:
    assert parse_since(text, NOW) == NOW - ago_hours * HOUR


def test_reads_a_time_with_a_zone() -> None:
    assert parse_since("2026-01-01T08:00:00+09:00", NOW) == NOW - HOUR


@pytest.mark.parametrize("text", ["soon", "12", "12 parsecs", "2026-13-01", "2027-01-01", ""])
def test_anything_else_is_told_with_its_mend(text: str) -> None:
    with pytest.raises(ValueError, match=r"\|.*(30d|10m|12m)"):
        parse_since(text, NOW)
