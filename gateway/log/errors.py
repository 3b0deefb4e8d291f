"""What can be wrong with the log. Short absences of the server are no errors: they are waited out."""

from __future__ import annotations


class LogError(Exception):
    """The root of all errors of the log."""


class LogUnreachableError(LogError):
    """The log's server did not answer in time."""


class PartitionsChangedError(LogError):
    """The log was made for another number of partitions."""

    def __init__(self, stored: str, wanted: int) -> None:
        super().__init__(
            f"the log was made with {stored} partitions, the settings say {wanted}: set log.partitions = {stored}, "
            "or start with an empty log and no checkpoints: positions and device states belong to a partition"
        )


class LogRewoundError(LogError):
    """The log ends before the reader's position: it was replaced, or lost its end when the power failed."""

    def __init__(self, partition: int, position: int, last: int) -> None:
        super().__init__(
            f"partition {partition} was read up to record {position} but the log ends at record {last}: the log was "
            "replaced or lost its end; restore it, or move it past the checkpoints with EventLog.move_past()"
        )
        self.partition = partition
        self.position = position
        self.last = last
