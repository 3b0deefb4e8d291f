"""Replies that are commands: a person who writes STOP has spoken.

Only the whole body counts: "please stop by the shop" is a reply for a human being. The words are Twilio's own, with the
ones that US law names beside them (47 CFR 64.1200(a)(10)) and their Japanese equivalents; full-width letters count too.
"""

from __future__ import annotations

import enum
import unicodedata


class Keyword(enum.Enum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_WORDS: dict[Keyword, frozenset[str]] = {
    Keyword.STOP: frozenset(
        {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out", "停止", "配信停止"}
    ),
    Keyword.START: frozenset({"start", "yes", "unstop", "再開", "配信再開"}),
    Keyword.HELP: frozenset({"help", "info", "ヘルプ"}),
}


def keyword(body: str) -> Keyword | None:
    """The command that ``body`` as a whole is, if any."""
    said = unicodedata.normalize("NFKC", body).strip().casefold()
    return next((meaning for meaning, words in _WORDS.items() if said in words), None)
