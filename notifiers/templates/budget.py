"""What one rendering may use up, so that an endless template ends.

Three limits, each enough against another trick: *steps* (loop iterations, calls, includes) against loops, *characters*
(printed, joined or copied) against text that doubles, and the thread's own CPU time against whatever is slow in
between. CPU time, because a busy machine must not make a good template fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from zoneinfo import ZoneInfo

from notifiers.templates.errors import ExhaustedError

MAX_STEPS = 20_000
MAX_CHARACTERS = 200_000
MAX_SECONDS = 0.4


class Budget:
    """The remains of one rendering's allowance."""

    __slots__ = ("_characters", "_clock", "_deadline", "_steps")

    def __init__(
        self,
        steps: int = MAX_STEPS,
        characters: int = MAX_CHARACTERS,
        seconds: float = MAX_SECONDS,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._steps = steps
        self._characters = characters
        self._clock = clock
        self._deadline = clock() + seconds

    @property
    def left(self) -> int:
        """Characters that may still be taken."""
        return self._characters

    def step(self, characters: int = 0) -> None:
        """Take one step, and ``characters`` with it.

        Raises:
            ExhaustedError: a limit is passed.
        """
        self._steps -= 1
        if self._steps < 0:
            raise ExhaustedError("the template takes too many steps; shorten its loops")
        if self._clock() > self._deadline:
            raise ExhaustedError("the template takes too long; shorten its loops")
        self.take(characters)

    def take(self, characters: int) -> None:
        """Use up ``characters`` of text.

        Raises:
            ExhaustedError: the limit is passed.
        """
        self._characters -= characters
        if self._characters < 0:
            raise ExhaustedError("the template makes too much text; shorten it or its loops")


class Rendering:
    """What the filters need to know of the message at hand."""

    __slots__ = ("budget", "language", "strict", "zone")

    def __init__(self, budget: Budget, language: str, zone: ZoneInfo, *, strict: bool = False) -> None:
        self.budget = budget
        self.language = language
        self.zone = zone
        self.strict = strict


current: ContextVar[Rendering] = ContextVar("current")
"""The rendering that runs in this thread or task. Not in the template's context, where a template could replace it."""
