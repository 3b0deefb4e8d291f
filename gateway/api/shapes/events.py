"""What became of posted events."""

from __future__ import annotations

from pydantic import ConfigDict

from gateway.api.shapes.plain import Shape


class RejectedItem(Shape):
    """One item that was refused; ``index`` is its place in the list."""

    index: int | None
    reason: str
    detail: str


class EventsAnswer(Shape):
    """So many stand in the log; these items do not."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "accepted": 1,
                    "rejected": [{"index": 1, "reason": "bad_value", "detail": "temperature: null is no value"}],
                }
            ]
        }
    )

    accepted: int
    rejected: list[RejectedItem]
