"""How long what is recorded is kept."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from gateway.settings.values import Duration, Period, Section, TimeOfDay, milliseconds
from rules.duration import DAY, HOUR, parse_duration, spoken


class Retention(Section):
    """How long what is recorded is kept, by kind: ``"90d"``, or ``"never"`` for never deleted.

    What is open stays however old it is. docs/explanation/what-is-recorded.md has the whole of it.
    """

    at: TimeOfDay = "03:30"
    """When the old is deleted, each day, UTC."""
    message_texts: Period = "90d"
    messages: Period = "400d"
    decisions: Period = "400d"
    alerts: Period = "400d"
    cases: Period = "730d"
    timeline: Period = "730d"
    consent_history: Period = "1095d"
    offer_codes: Period = "730d"
    bad_addresses: Period = "730d"
    digest_items: Period = "7d"
    spending: Period = "400d"
    faults: Period = "90d"
    events: Duration = "7d"
    """The event log."""
    rejected: Duration = "30d"
    """What was refused at the door."""

    @model_validator(mode="after")
    def _keeps_what_still_works(self) -> Self:
        for name, least, why in (
            ("events", HOUR, "a worker that was away works it through"),
            ("rejected", HOUR, "people look into it"),
            ("message_texts", 7 * DAY, "a mail may come back after days, and its address is wanted then"),
            ("messages", 30 * DAY, "a telephone that was switched off may tell of a message after four weeks"),
            ("decisions", parse_duration(self.events), "the event log is kept so long and may be worked through again"),
        ):
            if milliseconds(getattr(self, name)) < least:
                raise ValueError(f"{name} has to be at least {spoken(least)}: {why}")
        return self
