"""Deliver roles that end themselves with ``kill -9`` at a named step, for tests.

Each line of the input is a step and a channel: a role is forked, runs until a message of that channel comes to that
step, and the number of the signal that ended it is printed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from gateway import logs
from gateway.delivery import outbox, recorder, settlement
from gateway.delivery.run import run
from gateway.settings import load

AT_MOST_SECONDS = 20
"""Then the step was never come to; SIGALRM says so."""


def die_at(step: str, channel: str) -> None:
    """Put the end of this process at ``step`` of the first message of ``channel``."""
    STEPS[step](channel)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, *, before: Callable[..., bool] | None, after: Callable[..., bool] | None) -> None:
    """Die before or after ``owner.name`` is called with arguments of which the other two say so."""
    really = getattr(owner, name)

    def called(*args: Any, **kwargs: Any) -> Any:
        if before is not None and before(*args, **kwargs):
            _die()
        result = really(*args, **kwargs)
        if after is not None and after(*args, **kwargs):
            _die()
        return result

    setattr(owner, name, called)


def _claimed(channel: str) -> None:
    _around(outbox.Outbox, "_send", before=lambda _, lane, *__: lane.channel == channel, after=None)


def _answered(channel: str) -> None:
    _around(outbox.Outbox, "_outcome", before=None, after=lambda _, lane, *__: lane.channel == channel)


def _has(group: Sequence[Any], channel: str) -> bool:
    return any(each.message.channel == channel for each in group)


def _recording(channel: str) -> None:
    """All is written, and not committed."""
    _around(settlement, "record_accepted", before=None, after=lambda _, sent, *__: _has(sent, channel))


def _recorded(channel: str) -> None:
    _around(recorder.Recorder, "_write", before=None, after=lambda _, group: _has(group, channel))


def _in_doubt(channel: str) -> None:
    _around(settlement, "record_sent", before=None, after=lambda _, sent, *__: _has([sent], channel))


def _asked(channel: str) -> None:
    _around(settlement, "record_asked", before=lambda _, asked, *__: _has([asked], channel), after=None)


def _settling(channel: str) -> None:
    _around(settlement, "record_asked", before=None, after=lambda _, asked, *__: _has([asked], channel))


STEPS: dict[str, Callable[[str], None]] = {
    "claimed": _claimed,
    "answered": _answered,
    "recording": _recording,
    "recorded": _recorded,
    "in-doubt": _in_doubt,
    "asked": _asked,
    "settling": _settling,
}


def main() -> None:
    """Run what the input asks for, one after the other."""
    logs.configure(role="deliver")
    settings = load()
    assert settings.database.url is not None
    url = settings.database.url.get_secret_value()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.alarm(AT_MOST_SECONDS)
            die_at(*line.split())
            run(settings, url)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
