"""Why input was refused: a closed list of reasons, which double as metric labels, and a sentence with the mend."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Every reason for which a decoder refuses input."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    TOO_LONG = "too_long"
    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_FINITE = "not_finite"
    NUMBER_RANGE = "number_range"
    NUL = "nul"
    LONE_SURROGATE = "lone_surrogate"
    DUPLICATE_KEY = "duplicate_key"
    BAD_TOPIC = "bad_topic"
    BAD_DEVICE_ID = "bad_device_id"
    OTHER_DEVICE = "other_device"
    UNKNOWN_FIELD = "unknown_field"
    BAD_SHAPE = "bad_shape"
    BAD_TIME = "bad_time"
    BAD_VALUE = "bad_value"
    BAD_POSITION = "bad_position"
    BAD_STATUS = "bad_status"
    BAD_EVENT = "bad_event"


class Rejected(Exception):  # noqa: N818 - an outcome that is also returned and counted, not only raised
    """Input that no event can be made of. ``detail`` names the place and the mend; it never quotes whole payloads."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    def within(self, place: str) -> Rejected:
        """The same refusal, with ``place`` (such as ``item 3``) in front of its detail."""
        return Rejected(self.reason, f"{place}: {self.detail}")


def excerpt(value: object, limit: int = 40) -> str:
    """A short, printable form of ``value`` for a refusal's detail."""
    text = repr(value) if not isinstance(value, str) else repr(value[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}…"
