"""The two streams: how they are made, and what they keep."""

from __future__ import annotations

from dataclasses import dataclass

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from gateway.log.errors import PartitionsChangedError

EVENTS = "KZ_EVENTS"
REJECTED = "KZ_REJECTED"
REJECTED_SUBJECT = "kz.rejected"
PARTITIONS_KEY = "kizashi-partitions"

DAY = 86_400.0
UNLIMITED = -1


def subject_of(partition: int) -> str:
    """Name the subject that carries ``partition``."""
    return f"kz.events.{partition}"


def every_partition() -> str:
    """Match the subjects of all partitions."""
    return "kz.events.*"


def partition_in(subject: str) -> int:
    """Read the partition off the name of its subject."""
    return int(subject.rpartition(".")[2])


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much the streams keep; the oldest goes first. Times in seconds."""

    max_age: float = 7 * DAY
    max_bytes: int = 4 << 30
    duplicate_window: float = 120.0
    """How long the server recognises a repeated append; the server holds every id of this time in memory."""
    rejected_max_age: float = 30 * DAY
    rejected_max_msgs: int = 100_000
    rejected_max_bytes: int = 256 << 20


async def ensure(js: JetStreamContext, partitions: int, limits: Limits) -> None:
    """Make both streams, or bring their limits up to date.

    Raises:
        PartitionsChangedError: the stored number of partitions is another one.
        nats.errors.Error: the server refused, or did not answer.
    """
    await _ensure_stream(js, EVENTS, events_config(partitions, limits))
    await _ensure_stream(js, REJECTED, rejected_config(limits))


def events_config(partitions: int, limits: Limits) -> api.StreamConfig:
    """Describe the stream of events."""
    return api.StreamConfig(
        name=EVENTS,
        description="Every event, by partition",
        subjects=[every_partition()],
        storage=api.StorageType.FILE,
        max_age=limits.max_age,
        max_bytes=limits.max_bytes,
        duplicate_window=limits.duplicate_window,
        metadata={PARTITIONS_KEY: str(partitions)},
    )


def rejected_config(limits: Limits) -> api.StreamConfig:
    """Describe the stream of refused input."""
    return api.StreamConfig(
        name=REJECTED,
        description="Input that was refused, with the reason",
        subjects=[REJECTED_SUBJECT],
        storage=api.StorageType.FILE,
        max_age=limits.rejected_max_age,
        max_msgs=limits.rejected_max_msgs,
        max_bytes=limits.rejected_max_bytes,
        duplicate_window=limits.duplicate_window,
    )


async def _ensure_stream(js: JetStreamContext, name: str, wanted: api.StreamConfig) -> None:
    try:
        found = (await js.stream_info(name)).config
    except NotFoundError:
        await js.add_stream(wanted)
        return
    _check_partitions(found, wanted)
    if _limits(found) != _limits(wanted):
        await js.update_stream(wanted)


def _limits(config: api.StreamConfig) -> tuple[float | None, ...]:
    max_msgs = None if config.max_msgs == UNLIMITED else config.max_msgs
    return config.max_age, config.max_bytes, max_msgs, config.duplicate_window


def _check_partitions(found: api.StreamConfig, wanted: api.StreamConfig) -> None:
    count = (wanted.metadata or {}).get(PARTITIONS_KEY)
    if count is None:
        return
    stored = (found.metadata or {}).get(PARTITIONS_KEY, "an unknown number of")
    if stored != count:
        raise PartitionsChangedError(stored, int(count))
