"""What the messages of a contact ask for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gateway.storage import messages
from gateway.storage.messages import Standing

Verdict = Literal["next", "close", "wait"]


def judge(step: Sequence[Standing], *, escalates: bool, time_is_up: bool) -> Verdict:
    """What the messages of the present step ask for.

    Args:
        step: they; a step that was never started has none.
        escalates: the rule wants the next channel tried where nobody answers in time.
        time_is_up: the contact's time has come (rather than a failure having been reported).
    """
    if all(message.ended for message in step):
        return "next"
    if not time_is_up:
        return "wait"
    if escalates:
        return "next"
    in_flight = any(message.state in ("queued", "sending", "unknown") and not message.ended for message in step)
    return "wait" if in_flight else "close"


def tried(standing: Sequence[Standing]) -> set[str]:
    """The channels that need not be tried again.

    Args:
        standing: all messages of a contact, by step. Where the night or another alert took one back, and nothing of
            its step went out by its channel, that channel was not tried.
    """
    last = {message.channel: message.step for message in standing}
    newest = [message for message in standing if message.step == last[message.channel]]
    went_out = {message.channel for message in newest if message.state not in messages.ENDED}
    return set(last) - ({message.channel for message in newest if message.rested} - went_out)
