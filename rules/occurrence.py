"""What happens at a moment: conditions that hold for it only, and when a condition begins to hold."""

from __future__ import annotations

from devices.event import Millis
from rules.condition import Condition, Memory, Truth
from rules.subject import NEVER, Subject


class Momentary(Condition):
    """True at the moment at which something happened, and a millisecond later no more.

    ``memory[0]`` is that moment, ``None`` before the first time.
    """

    __slots__ = ()

    timed = True
    momentary = True
    witnessed = True

    def next_deadline(self, memory: Memory, subject: Subject, after: Millis) -> Millis:
        """A millisecond after it happened."""
        if memory[0] is None or memory[0] + 1 <= after:
            return NEVER
        over: Millis = memory[0] + 1
        return over


def no_rising() -> Memory:
    """The memory of ``rises`` before the first call: ``[what was known last, when it rose last]``."""
    return [None, None]


def rises(condition: Condition, memory: Memory, truth: Truth, at: Millis) -> bool:
    """Whether ``condition``, which came to ``truth`` at ``at``, begins to hold just now.

    It does where the last that was known of it is that it does not: unknown begins and ends nothing. True at first
    sight is no beginning, unless it was seen to happen; of something momentary each time counts, those of the same
    millisecond as one. Asking twice changes nothing.
    """
    before = memory[0]
    if truth is not True:
        if truth is False:
            memory[0] = False
        return False
    if before is None and not condition.witnessed:
        memory[:] = [True, None]
        return False
    if before is True and not (condition.momentary and memory[1] != at):
        return False
    memory[:] = [True, at]
    return True
