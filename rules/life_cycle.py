"""What becomes of an alert by the passing of time alone: it repeats, its snooze ends, it ends by itself."""

from __future__ import annotations

from devices.event import Millis
from rules.alert import Episode, Slot
from rules.decision import Outcome, Position
from rules.inhibition import inhibitor, unhush
from rules.judgement import BY_TIME, end, say_again
from rules.lateness import late_by
from rules.subject import Subject


def time_comes(slot: Slot, subject: Subject, at: Millis, until: Millis, position: Position, out: list[Outcome]) -> None:
    """Do what the alert itself had planned for ``at``; of several repeats missed until ``until``, one."""
    episode, rule = slot.episode, slot.rule
    if episode is None:
        return
    ends_at = episode.ends_at(rule.auto_resolve_after_ms)
    if ends_at is not None and ends_at <= at:
        end(slot, subject, ends_at, position, out, ended_by=BY_TIME)
    elif episode.snoozed_until is not None and episode.snoozed_until <= at:
        episode.snoozed_until = None
        say_again(slot, subject, at, position, out)
        _repeat_after(slot, episode, at)
    elif episode.say_at is not None and episode.say_at <= at:
        _say_what_was_not_said(slot, subject, episode, at, position, out)
    elif episode.repeat_at is not None and episode.repeat_at <= at:
        say_again(slot, subject, at, position, out)
        _repeat_after(slot, episode, until)


def _say_what_was_not_said(
    slot: Slot, subject: Subject, episode: Episode, at: Millis, position: Position, out: list[Outcome]
) -> None:
    """Another alert had spoken for this one and is over."""
    episode.say_at = None
    if inhibitor(slot, subject) is not None:
        return
    if episode.unsaid and (episode.inhibited_by is None or late_by(subject) is None):
        say_again(slot, subject, at, position, out)
        _repeat_after(slot, episode, at)
    else:
        unhush(slot, subject, at, position, out)


def _repeat_after(slot: Slot, episode: Episode, until: Millis) -> None:
    """The next repeat later than ``until``; none once somebody has taken notice."""
    every = slot.rule.repeat_every_ms
    if every is None or episode.acknowledged_at is not None:
        episode.repeat_at = None
        return
    since = until if episode.repeat_at is None or episode.repeat_at > until else episode.repeat_at
    episode.repeat_at = since + every * ((until - since) // every + 1)
