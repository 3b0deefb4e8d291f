"""``POST /v1/events`` without the web framework: a body in, what became of each item out."""

from __future__ import annotations

from dataclasses import dataclass, field

from devices.decoders.http import decode_http
from devices.event import DeviceSaid, Millis
from devices.rejected import Rejected
from gateway.ingress.core import Core, Message, record_of
from gateway.log import RejectedRecord

SOURCE = "http"


@dataclass(frozen=True)
class ItemRejected:
    """One item of the body that was refused."""

    index: int | None
    """Its place in the list, from 0; None where the body as a whole can't be read."""
    reason: str
    detail: str


@dataclass(frozen=True)
class AcceptResult:
    """What became of a body: so many events stand in the log, these items do not."""

    accepted: int
    rejected: list[ItemRejected] = field(default_factory=list)

    @property
    def unreadable(self) -> bool:
        """Whether the body as a whole was refused."""
        return any(item.index is None for item in self.rejected)


async def accept_events(core: Core, body: bytes, received_at: Millis) -> AcceptResult:
    """Decode ``body`` (one JSON event or a list) and store its good items; returns once the log has them."""
    try:
        outcomes = decode_http(body, received_at)
    except Rejected as error:
        message = Message("body", body, received_at)
        await core.store(SOURCE, [], [record_of(SOURCE, message, error.reason, error.detail)])
        return AcceptResult(0, [ItemRejected(None, str(error.reason), error.detail)])
    said: list[DeviceSaid] = []
    items: list[ItemRejected] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Rejected):
            items.append(ItemRejected(index, str(outcome.reason), outcome.detail))
        else:
            said.append(outcome)
    await core.store(SOURCE, said, [_record(item, body, received_at) for item in items])
    return AcceptResult(len(said), items)


def _record(item: ItemRejected, body: bytes, received_at: Millis) -> RejectedRecord:
    return record_of(SOURCE, Message(f"item {item.index}", body, received_at), item.reason, item.detail)
