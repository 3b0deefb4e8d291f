"""What all shapes share: plain text, ids, times, and open-ended JSON that PostgreSQL can hold."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

Channel = Literal["push", "sms", "email", "webpush", "webhook", "inbox"]

MAX_DEPTH = 32
_ID = r"^[A-Za-z0-9][A-Za-z0-9_:@.+-]{0,127}$"
_TAG = r"^[A-Za-z0-9][A-Za-z0-9_:.-]{0,63}$"
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC, to the millisecond, with a ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("may not hold the NUL character")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("may not hold half of a surrogate pair (\\ud800 to \\udfff)")
    return text


def storable(value: Any, depth: int = 0) -> Any:
    """``value`` (parsed JSON) as it is, if PostgreSQL's JSONB can hold it.

    Raises:
        ValueError: a NUL, half a surrogate pair, a number that is not finite, or too deep.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        _plain(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("NaN and infinity are no JSON numbers")
    elif isinstance(value, dict):
        for key, item in value.items():
            storable(key, depth + 1)
            storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            storable(item, depth + 1)
    return value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("not a time zone; write it as in Asia/Tokyo or Europe/Berlin") from error
    return name


def _locale(text: str) -> str:
    if _LOCALE.fullmatch(text) is None:
        raise ValueError("not a language tag; write it as in en, ja or de-AT")
    return text


Id = Annotated[str, StringConstraints(pattern=_ID)]
"""1 to 128 letters, digits, ``_ : @ . + -``, beginning with a letter or digit."""
Tag = Annotated[str, StringConstraints(pattern=_TAG)]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_plain)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), AfterValidator(_plain)]
Summary = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_plain)]
TimeZone = Annotated[str, AfterValidator(_plain), AfterValidator(_known_zone)]
Locale = Annotated[str, AfterValidator(_locale)]
Object = Annotated[dict[str, Any], AfterValidator(storable)]
Utc = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]


class Shape(BaseModel):
    """A body: unknown fields are refused, so that a typing mistake is seen."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Writable(Shape):
    """A body that may be what GET gave: the fields that only we write are passed over."""

    @model_validator(mode="before")
    @classmethod
    def _without_ours(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        ours = {"id", "created_at", "updated_at", "logged"} - set(cls.model_fields)
        return {name: value for name, value in given.items() if name not in ours}
