"""Events: everything that the log records, and so everything that the rules engine may know.

Times are milliseconds since 1970-01-01T00:00:00Z (``Millis``). ``at`` is *event time*: when it happened, by the
device's clock where it sent one. ``received_at`` is when the ingress saw it. The engine counts durations in event time.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Millis = int
"""Milliseconds since the Unix epoch, UTC."""

Value = float | bool | str
"""One metric's value. Whole numbers arrive as ``int`` and compare as numbers."""


class Telemetry(msgspec.Struct, frozen=True, array_like=True, tag="t", tag_field="said", gc=False):
    """Metrics of one moment."""

    device_id: str
    at: Millis
    received_at: Millis
    values: dict[str, Any]
    """Metric name to ``Value``; never empty, numbers always finite."""
    clock_off: bool = False
    """The device's own time was implausible (see ``MAX_AHEAD_MS``), ``at`` is the time of receipt instead."""


class Status(msgspec.Struct, frozen=True, array_like=True, tag="s", tag_field="said", gc=False):
    """The device came online or went offline (its last will, or its own word)."""

    device_id: str
    at: Millis
    received_at: Millis
    online: bool
    detail: dict[str, Any] = {}


class Location(msgspec.Struct, frozen=True, array_like=True, tag="l", tag_field="said", gc=False):
    """A position fix, WGS 84 degrees. ``accuracy`` is the fix's radius in metres; 0 means unknown."""

    device_id: str
    at: Millis
    received_at: Millis
    lat: float
    lon: float
    accuracy: float = 0.0
    clock_off: bool = False


class DeviceEvent(msgspec.Struct, frozen=True, array_like=True, tag="e", tag_field="said", gc=False):
    """Something that happened on the device: a button, a fault code, a finished programme."""

    device_id: str
    at: Millis
    received_at: Millis
    type: str
    data: dict[str, Any] = {}


class Tick(msgspec.Struct, frozen=True, array_like=True, tag="k", tag_field="said", gc=False):
    """Time itself, written to the log so that a replay sees the time that the live run saw."""

    at: Millis


class CustomerFacts(msgspec.Struct, frozen=True, array_like=True):
    """What rules may ask of the customer who owns a device."""

    time_zone: str = "UTC"
    locale: str = "en"
    attributes: dict[str, Any] = {}


class DeviceFacts(msgspec.Struct, frozen=True, array_like=True):
    """What the registry knows of a device and rules may ask for."""

    id: str
    model: str = ""
    profile: str = ""
    owner: str | None = None
    """Customer id."""
    store: str | None = None
    tags: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    customer: CustomerFacts | None = None
    """The owner, as far as rules may ask; ``None`` without an owner, or where the owner is not registered."""


class StoreFacts(msgspec.Struct, frozen=True, array_like=True):
    """A store and its fence: ``{"lat","lon","radius"}`` (metres) or a GeoJSON Polygon/MultiPolygon (lon, lat order)."""

    id: str
    name: str = ""
    geofence: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    opening_hours: dict[str, list[str]] = {}
    time_zone: str = "UTC"


class DeviceChanged(msgspec.Struct, frozen=True, array_like=True, tag="d", tag_field="said"):
    """The registry learned something about a device; written to that device's partition."""

    at: Millis
    facts: DeviceFacts

    @property
    def device_id(self) -> str:
        """The partition key."""
        return self.facts.id


class StoreChanged(msgspec.Struct, frozen=True, array_like=True, tag="o", tag_field="said"):
    """A store was added, moved or removed; written to every partition."""

    at: Millis
    facts: StoreFacts
    removed: bool = False


class RulesChanged(msgspec.Struct, frozen=True, array_like=True, tag="r", tag_field="said"):
    """From here on these rules hold; written to every partition."""

    at: Millis
    version: str
    files: dict[str, str]
    """File name to YAML text: the whole rule set, already validated."""


class AlertCommand(msgspec.Struct, frozen=True, array_like=True, tag="a", tag_field="said"):
    """A person's word on an alert; written to the partition of its subject."""

    at: Millis
    device_id: str
    """The alert's subject, which is the partition key: a device, or a group such as ``store/ginza``."""
    rule_id: str
    alert_id: str
    """The episode that is meant: a command that comes after its end changes nothing."""
    action: Literal["acknowledge", "snooze", "resolve"]
    by: str = ""
    """Who said so: the name of an API key."""
    until: Millis | None = None
    """For ``snooze``: until when nobody is to hear of it."""


class MemberChanged(msgspec.Struct, frozen=True, array_like=True, tag="m", tag_field="said"):
    """A device's part in a group condition changed; derived by the engine, written to the group's own partition."""

    device_id: str
    """The group, such as ``store/ginza``: the partition key."""
    at: Millis
    received_at: Millis
    rule_id: str
    rule_version: str
    member: str
    """The device's id."""
    holds: bool | None
    """Whether the members' condition holds there; ``None``: no longer a member."""
    owner: str | None = None
    values: dict[str, Any] = {}
    """The member's evidence, for templates."""
    part: int = 0
    """Which of the rule's group conditions, where it has several."""
    order: tuple[int, int, int] = (0, 0, 0)
    """Where the cause stands in the member's log (sequence, index), and which of its effects this is.

    Of two words about one member the one with the larger ``order`` is the newer.
    """
    rules_at: Millis = 0
    """Since when the rules hold under which it was said."""


class AlertChanged(msgspec.Struct, frozen=True, array_like=True, tag="b", tag_field="said"):
    """An alert that inhibits others in its store began or ended; derived by the engine, written to every partition."""

    at: Millis
    rule_id: str
    subject: str
    store: str
    firing: bool
    order: tuple[int, int, int] = (0, 0, 0)
    """As in ``MemberChanged``: of two words about one alert the one with the larger ``order`` is the newer."""
    rules_at: Millis = 0
    """Since when the rules hold under which it was said."""


DeviceSaid = Telemetry | Status | Location | DeviceEvent
"""What devices themselves can say."""

Derived = MemberChanged | AlertChanged
"""What the engine itself adds to the log, for other subjects and partitions."""

Event = (
    Telemetry
    | Status
    | Location
    | DeviceEvent
    | Tick
    | DeviceChanged
    | StoreChanged
    | RulesChanged
    | AlertCommand
    | MemberChanged
    | AlertChanged
)
"""Everything that stands in the log."""

MAX_AHEAD_MS: Millis = 5 * 60 * 1000
"""A device's time this far ahead of ours is not believed."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


def encode_batch(events: list[Event]) -> bytes:
    """Pack ``events`` (one partition's, in order) into one log record: msgpack, a list of tagged arrays."""
    return _encoder.encode(events)


def decode_batch(record: bytes) -> list[Event]:
    """Unpack what ``encode_batch`` packed.

    Raises:
        msgspec.DecodeError: the record is not a batch.
    """
    return _decoder.decode(record)
