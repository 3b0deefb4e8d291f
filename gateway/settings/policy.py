"""Whom the gateway may contact, when, how often and at what cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.settings.values import Country, Duration, Section, Severity, TimeOfDay, TimeZone, Units


def _hours(text: str) -> str:
    from notifiers.policy.settings import parse_quiet_hours

    if text:
        parse_quiet_hours(text)
    return text


class FrequencyCap(Section):
    """So many contacts with one person in any span of ``per`` (``"1d"``); of one purpose, by one channel, or of all."""

    at_most: int = Field(ge=1)
    per: Duration
    purpose: str | None = None
    channel: str | None = None


class Digest(Section):
    """What caps refuse of these purposes is told in one message a day, at ``at`` (``"18:00"``), the customer's time."""

    purposes: list[str] = Field(default=[])
    at: TimeOfDay = "18:00"


class Policy(Section):
    """Quiet hours by purpose (``"21:00-08:00"``, the customer's own time; an empty string switches them off).

    Caps and budgets, and who passes them: see docs/reference/policy.md.
    """

    quiet_hours: dict[str, Annotated[str, AfterValidator(_hours)]] = Field(default={})
    woken_by: dict[str, list[Severity]] = Field(default={})
    time_zone: TimeZone = "UTC"
    caps: list[FrequencyCap] | None = None
    """``None``: the default ones; an empty list: none."""
    vital: dict[str, list[Severity]] = Field(default={})
    sms_countries: list[Country] | None = None
    daily_budget: dict[str, Units] = Field(default={})
    daily_reserve: dict[str, Units] = Field(default={})
    sms_per_number: int | None = Field(default=None, ge=1)
    sms_per_prefix: int | None = Field(default=None, ge=1)
    sms_cost: dict[str, Annotated[float, Field(ge=0)]] = Field(default={})
    digest: Digest = Digest()
