"""The event log: JetStream streams that hold every event, by partition, and what was rejected."""

from gateway.log.errors import LogError, LogRewoundError, LogUnreachableError, PartitionsChangedError
from gateway.log.event_log import EventLog
from gateway.log.reader import Record
from gateway.log.records import Batch, RejectedRecord, preview
from gateway.log.streams import Limits

__all__ = [
    "Batch",
    "EventLog",
    "Limits",
    "LogError",
    "LogRewoundError",
    "LogUnreachableError",
    "PartitionsChangedError",
    "Record",
    "RejectedRecord",
    "preview",
]
