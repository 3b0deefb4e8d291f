"""The shipped digest."""

from __future__ import annotations

from typing import Any

import pytest

from notifiers.sms.segments import segments
from notifiers.templates import Templates
from notifiers.templates.samples import LONG, LONG_JAPANESE, SPARE
from tests.unit.notifiers.templates.folders import CONTEXT, JAPANESE

TEMPLATES = Templates.load()
THREE = {**CONTEXT, "items": ["washer-1: the filter is full", "Fridge 2: the door is open", "A third"], "more": 4}


def test_it_is_shipped_for_three_channels() -> None:
    assert TEMPLATES.channels("digest") == {"push", "sms", "email"}


@pytest.mark.parametrize("channel", ["push", "email"])
def test_it_lists_every_sentence_and_how_many_more_there_are(channel: str) -> None:
    made = TEMPLATES.render("digest", channel, "en", THREE)
    for text in filter(None, [made.text, made.html]):
        for sentence in ("ilter is full", "Fridge 2: the door is open", "A third", "And 4 more."):
            assert sentence in text
    assert "more" not in TEMPLATES.render("digest", channel, "en", {**THREE, "more": 0}).text


def test_an_sms_says_the_first_and_how_many_more() -> None:
    text = TEMPLATES.render("digest", "sms", "en", THREE).text
    assert "ilter is full" in text
    assert "And 6 more." in text
    assert "STOP" in text


@pytest.mark.parametrize("channel", ["push", "email"])
def test_a_japanese_reader_is_told_how_many_others_there_are(channel: str) -> None:
    made = TEMPLATES.render(
        "digest", channel, "ja", {**JAPANESE, "items": ["扉が開いています", "temperature"], "more": 2}
    )
    for text in filter(None, [made.text, made.html]):
        assert "扉が開いています" in text
        assert "ほか3件" in text
        assert "temperature" not in text


@pytest.mark.parametrize(("locale", "context"), [("en", LONG), ("ja", LONG_JAPANESE), ("en", SPARE), ("ja", SPARE)])
def test_an_sms_is_one_segment(locale: str, context: dict[str, Any]) -> None:
    assert segments(TEMPLATES.render("digest", "sms", locale, context).text).parts == 1


@pytest.mark.parametrize(("locale", "context"), [("en", CONTEXT), ("ja", JAPANESE)])
def test_a_mail_says_how_to_refuse_the_next(locale: str, context: dict[str, Any]) -> None:
    made = TEMPLATES.render("digest", "email", locale, context)
    for text in (made.text, made.html or ""):
        assert str(context["unsubscribe_url"]) in text
