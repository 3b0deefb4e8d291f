"""When what a provider reports afterwards really arrives: never, late, twice, or in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from notifiers.sandbox.faults import Fault
from notifiers.sandbox.outbound import Call, Outbound

AGAIN_AFTER_S = 0.1
"""From a receipt to its repeat."""


class Due(NamedTuple):
    """A request to make, so many seconds from now."""

    seconds: float
    call: Call


def scheduled(planned: Sequence[Due], fault: Fault) -> list[Due]:
    """Bend ``planned``, which is in order of time, as ``fault.receipts`` says."""
    match fault.receipts:
        case "never":
            return []
        case "late":
            return [Due(seconds + fault.seconds, call) for seconds, call in planned]
        case "twice":
            repeats = [Due(seconds + AGAIN_AFTER_S, call.copy()) for seconds, call in planned]
            return sorted([*planned, *repeats], key=lambda due: due.seconds)
        case "shuffled":
            return [Due(due.seconds, last.call) for due, last in zip(planned, reversed(planned), strict=True)]
    return list(planned)


def send(outbound: Outbound, planned: Sequence[Due], fault: Fault) -> None:
    """Have the receipts made."""
    for seconds, call in scheduled(planned, fault):
        outbound.after(seconds, call)
