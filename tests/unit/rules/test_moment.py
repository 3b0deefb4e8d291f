"""Points in time as people write them."""

from __future__ import annotations

import pytest

from rules.moment import parse_moment

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("now", 0),
        (" Now ", 0),
        ("2h ago", 7_200_000),
        ("1h30m ago", 5_400_000),
        ("90s AGO", 90_000),
        ("2025-12-31T23:59:00Z", 60_000),
        ("2026-01-01T08:59:00+09:00", 60_000),
        ("2025-12-31 23:59", 60_000),
        ("2025-12-31T23:59:59.750", 250),
    ],
)
def test_a_moment_is_read_in_the_usual_ways_and_is_utc_where_no_zone_stands(text: str, before: int) -> None:
    assert parse_moment(text, NOW) == NOW - before


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("yesterday", "no point in time"),
        ("", "no point in time"),
        ("23:59", "no point in time"),
        ("2 ago", "no unit"),
        ("ago", "no duration"),
        ("2026-01-01T00:00:01Z", "not come yet"),
        ("2026-02-30T00:00:00Z", "no point in time"),
    ],
)
def test_what_is_none_is_refused_with_its_mend(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\|") as caught:
        parse_moment(text, NOW)
    problem, _, mend = str(caught.value).partition("|")
    assert wrong in problem
    assert mend
