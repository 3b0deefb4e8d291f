"""What the fold knows of one device, as the conditions see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from devices.event import DeviceEvent, DeviceFacts, Millis

if TYPE_CHECKING:
    from rules.calm import Calm
    from rules.plan import Plan
    from rules.slots import Slots
    from rules.world import World

NEVER: Millis = 2**62
"""A deadline that does not come."""
LONG_AGO: Millis = -(2**62)
"""Before anything was heard."""

NOWHERE: Final[dict[str, Millis]] = {}
NO_STORES: Final[set[str]] = set()
NO_NOTES: Final[list[str]] = []
"""What most devices have, so that they share it: replaced, never changed."""


class Subject:
    """One device. Times are event time (ms) on the device's own clock, unless said otherwise."""

    __slots__ = (
        "calm", "due", "entered", "event", "facts", "fix", "heard_at", "id", "inside", "lag", "last_at", "left",
        "patience", "plan", "recent", "samples", "scheduled", "slots", "status", "tracked", "unasked", "until", "vague",
        "wait", "world",
    )  # fmt: skip

    def __init__(self, facts: DeviceFacts, world: World, plan: Plan) -> None:
        self.id = facts.id
        self.facts = facts
        self.world = world
        self.plan = plan
        self.slots: Slots = plan.slots()
        """Beside ``plan.rules``, as far as an event concerned them."""
        self.samples: dict[str, tuple[Millis, Any]] = {}
        """Newest sample of each metric that a rule watches: (event time, value)."""
        self.last_at: Millis = LONG_AGO
        """Newest event time: how far this device's time has come."""
        self.heard_at: Millis = LONG_AGO
        """Newest event time of anything that the device itself sent (a last will is the broker's word)."""
        self.lag: Millis = 0
        """How far the device's clock runs behind ours, in whole minutes; timers wait that much longer."""
        self.fix: tuple[Millis, float, float, float] | None = None
        """Newest position: (event time, lat, lon, accuracy in metres)."""
        self.status: tuple[Millis, bool] | None = None
        """Newest status: (event time, online)."""
        self.event: DeviceEvent | None = None
        """The device's event being applied, during that step only."""
        self.inside: dict[str, Millis] = NOWHERE
        """Stores whose fence certainly holds the device, and since when."""
        self.vague: set[str] = NO_STORES
        """Stores of which it is not known whether the device was inside when it was first seen."""
        self.tracked = False
        """Whether a position has been compared with the fences yet."""
        self.entered: tuple[str, ...] = ()
        """Stores entered by the position being applied, during that step only."""
        self.left: tuple[str, ...] = ()
        """Stores left by the position being applied, during that step only."""
        self.due: Millis = NEVER
        """No deadline of this device is earlier."""
        self.until: Millis = LONG_AGO
        """While deadlines are handled: up to when. What lies before it was missed, and can be made up for at once."""
        self.scheduled: Millis = NEVER
        """The time (our clock) under which it stands in the timers."""
        self.recent: list[str] = NO_NOTES
        """Ids of its newest notes, so that a repeated event is not noted again."""
        self.calm: Calm | None = None
        """Which readings would change nothing; ``None`` where that is not known. Like the rest, not in checkpoints."""
        self.unasked = 0
        """Readings since that was worked out."""
        self.wait = 0
        """So many readings more before it is worked out anew, and how many there were last time."""
        self.patience = 0
