import pytest

from rules.duration import parse_duration, spoken


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("10m", 600_000), ("1h30m", 5_400_000), ("00:10:00", 600_000), ("90s", 90_000), ("7d", 604_800_000),
        ("1.5h", 5_400_000), ("250ms", 250), ("2w", 1_209_600_000), ("1h 30m", 5_400_000), ("100:00:00", 360_000_000),
    ],
)  # fmt: skip
def test_reads_what_people_write(text: str, ms: int) -> None:
    assert parse_duration(text) == ms


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("10", "10m for minutes"),
        ("ten minutes", "write it like"),
        ("10:00", "write it like"),
        ("-5m", "write it like"),
        ("0s", "longer than 0"),
        ("00:00:00", "longer than 0"),
        ("99999d", "at most ten years"),
        ("", "write it like"),
        ("5M", "write it like"),
        ("9" * 5000 + "s", "write it like"),
    ],
)
def test_refuses_the_rest_and_says_what_to_write(text: str, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        parse_duration(text)


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (600_000, "10 min"), (5_400_000, "1 h 30 min"), (90_000, "1 min 30 s"), (604_800_000, "7 days"),
        (86_400_000, "1 day"), (90_000_000, "1 day 1 h"), (45_000, "45 s"), (250, "0.25 s"),
    ],
)  # fmt: skip
def test_says_it_as_people_do(ms: int, words: str) -> None:
    assert spoken(ms) == words
