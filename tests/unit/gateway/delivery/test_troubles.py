from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.troubles import OVER_AFTER, PATIENCE, News, review, worded
from gateway.storage.troubles import Trouble

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOOK = timedelta(seconds=15)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_what_has_just_begun_is_kept_and_not_told_yet() -> None:
    standing = review([], {"rules": "broken"}, NOON)
    assert standing.kept == [Trouble("rules", "broken", NOON, NOON)]
    assert not standing.news.is_any


def test_what_stays_is_told_with_its_present_words() -> None:
    known = [Trouble("rules", "broken", NOON, at(15))]
    standing = review(known, {"rules": "more broken"}, NOON + PATIENCE)
    assert [each.summary for each in standing.news.begun] == ["more broken"]


def test_what_passes_before_it_was_told_is_forgotten_in_silence() -> None:
    known = [Trouble("partitions", "none", NOON, at(15))]
    assert review(known, {}, at(20)).kept == known
    standing = review(known, {}, at(15) + OVER_AFTER)
    assert (standing.kept, standing.passed, standing.news.is_any) == ([], ["partitions"], False)


def test_what_was_told_is_told_to_be_over_once_it_stays_away() -> None:
    known = [Trouble("rules", "broken", NOON, at(15), told_at=at(30))]
    assert not review(known, {}, at(14) + OVER_AFTER).news.is_any
    assert review(known, {}, at(15) + OVER_AFTER).news == News([], known)


def test_one_message_names_everything_that_is_news() -> None:
    rules = Trouble("rules", "the rules can't be used", NOON, at(60))
    letters = Trouble("dead-letters", "messages failed", NOON, at(60))
    assert worded(News([rules], []))[0] == "Kizashi: the rules can't be used"
    title, text = worded(News([rules, letters], [letters]))
    assert title == "Kizashi: 2 things need you"
    assert text.splitlines() == [
        "- the rules can't be used (since 2026-05-01 12:00 UTC)",
        "- messages failed (since 2026-05-01 12:00 UTC)",
        "- over: messages failed (2026-05-01 12:00 UTC to 2026-05-01 12:01 UTC)",
    ]
    assert worded(News([], [rules]))[0] == "Kizashi: over: the rules can't be used"
    assert worded(News([], [rules, letters]))[0] == "Kizashi: troubles are over"


@given(st.lists(st.booleans(), max_size=120))
def test_beginnings_and_ends_are_told_in_turn_whatever_comes_and_goes(seen: list[bool]) -> None:
    """Against the plain story: a told beginning is followed by at most one end, and each was long enough."""
    known: list[Trouble] = []
    told: list[str] = []
    for number, is_there in enumerate(seen):
        now = NOON + number * LOOK
        standing = review(known, {"x": "words"} if is_there else {}, now)
        news = standing.news
        told += ["begun"] * len(news.begun) + ["over"] * len(news.over)
        if news.begun:
            assert is_there
        if news.over:
            assert not any(seen[number - 7 : number + 1])  # two minutes of looks
        known = [msgspec.structs.replace(each, told_at=now) if each in news.begun else each for each in standing.kept]
    assert told == ["begun", "over"] * (len(told) // 2) + ["begun"] * (len(told) % 2)
