from __future__ import annotations

import pytest

from notifiers.sms.inbound import Keyword, keyword


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        *[
            (word, Keyword.STOP)
            for word in ("STOP", "StopAll", "unsubscribe", "CANCEL", "end", "quit", " stop\n", "ＳＴＯＰ")
        ],
        *[(word, Keyword.START) for word in ("START", "yes", "Unstop")],
        *[(word, Keyword.HELP) for word in ("HELP", "info")],
        ("配信停止", Keyword.STOP),
    ],
)
def test_the_whole_body_is_the_command(body: str, meaning: Keyword) -> None:
    assert keyword(body) is meaning


@pytest.mark.parametrize("body", ["", "please stop", "stop it", "yes please", "the end", "stopp", "helpful"])
def test_a_word_within_a_sentence_is_for_a_human_being(body: str) -> None:
    assert keyword(body) is None
