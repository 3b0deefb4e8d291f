"""What a setting may be: the kinds of values that several sections have."""

from __future__ import annotations

import zoneinfo
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.duration import parse_duration

Severity = Literal["critical", "major", "minor", "warning", "info"]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Units = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """Some settings under one name; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise ValueError(f"{problem}; {mend}") from error
    return text


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write it as in Asia/Tokyo or Europe/Berlin") from error
    return name


def _period(text: str) -> str:
    return text if text == NEVER else _duration(text)


NEVER = "never"
"""As a period: it is not deleted."""
Duration = Annotated[str, AfterValidator(_duration)]
Period = Annotated[str, AfterValidator(_period)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


def milliseconds(period: str) -> float:
    """How long ``period`` is; ``"never"``: infinite."""
    return float("inf") if period == NEVER else parse_duration(period)
