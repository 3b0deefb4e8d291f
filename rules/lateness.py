"""Old news: what a device tells long after it happened is decided and kept, and pages nobody.

A device that was without a connection for a day sends what it kept. Its alerts of yesterday stand on the timeline; the
one that still fires once the device has caught up is said then.
"""

from __future__ import annotations

from devices.event import Millis
from rules.duration import HOUR
from rules.subject import Subject

LATE_MS: Millis = HOUR
"""A device that is further behind us than this tells old news, or its clock is wrong."""


def late_by(subject: Subject) -> Millis | None:
    """How far the device is behind, where that is too far for anybody to be told."""
    return subject.lag if subject.lag > LATE_MS else None
