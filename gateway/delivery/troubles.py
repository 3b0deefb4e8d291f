"""What the operations team is told: each trouble once when it has come to stay, and once when it is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from gateway.storage.troubles import Trouble

PATIENCE = timedelta(seconds=30)
"""A trouble that passes sooner is told to nobody: a worker that starts again has no partitions for a moment."""
OVER_AFTER = timedelta(minutes=2)
"""A trouble is over when it was not seen for so long; one that comes and goes stays one trouble."""


class News(NamedTuple):
    """What has changed that the team does not know."""

    begun: list[Trouble]
    over: list[Trouble]

    @property
    def is_any(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.begun or self.over)


class Standing(NamedTuple):
    """What to keep, and what is news."""

    kept: list[Trouble]
    """Every trouble that stands or may come back, with what was seen now."""
    passed: list[str]
    """Ids that ended before anybody was told: to be forgotten."""
    news: News


def review(known: Iterable[Trouble], found: Mapping[str, str], now: datetime) -> Standing:
    """Compare what was known with what is ``found`` now (id to summary)."""
    before = {each.id: each for each in known}
    kept: list[Trouble] = []
    passed: list[str] = []
    over: list[Trouble] = []
    for name, summary in found.items():
        old = before.get(name)
        fresh = Trouble(name, summary, now, now)
        kept.append(fresh if old is None else msgspec.structs.replace(old, summary=summary, seen_at=now))
    for name, old in before.items():
        if name in found:
            continue
        if now - old.seen_at < OVER_AFTER:
            kept.append(old)
        elif old.told_at is None:
            passed.append(name)
        else:
            over.append(old)
    begun = [each for each in kept if each.told_at is None and each.seen_at - each.began_at >= PATIENCE]
    return Standing(kept, passed, News(begun, over))


def worded(news: News) -> tuple[str, str]:
    """Title and text of one message with all of ``news``."""
    count = len(news.begun)
    if count:
        title = f"Kizashi: {news.begun[0].summary}" if count == 1 else f"Kizashi: {count} things need you"
    else:
        title = f"Kizashi: over: {news.over[0].summary}" if len(news.over) == 1 else "Kizashi: troubles are over"
    lines = [f"- {each.summary} (since {_clock(each.began_at)})" for each in news.begun]
    lines += [f"- over: {each.summary} ({_clock(each.began_at)} to {_clock(each.seen_at)})" for each in news.over]
    return title, "\n".join(lines)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
