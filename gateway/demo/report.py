"""What a demo came to, in numbers: the JSON of ``--report`` and the table on the terminal."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.table import Table
from sqlalchemy import Connection, func, select

from gateway.storage import overview
from gateway.storage.tables import timeline
from notifiers.channel_names import named

UNDER_WAY = ("queued", "sending", "unknown")


class Report(msgspec.Struct, frozen=True):
    """The shape that scripts rely on."""

    events: int
    rejected: int
    decisions: dict[str, int]
    """By rule."""
    suppressions: dict[str, int]
    """By reason."""
    messages: dict[str, dict[str, int]]
    """By channel and state."""
    cases: int
    touchpoints: int

    @property
    def under_way(self) -> int:
        """Messages that something is just being done about."""
        return sum(states.get(state, 0) for states in self.messages.values() for state in UNDER_WAY)


def read(connection: Connection, rejected: int) -> Report:
    """All numbers as they stand; ``rejected`` comes from the log."""
    seen = overview.read(connection)
    touchpoints: int = connection.execute(select(func.count()).select_from(timeline)).scalar_one()
    return Report(
        events=seen.events,
        rejected=rejected,
        decisions=seen.decisions,
        suppressions=seen.suppressions,
        messages=seen.messages,
        cases=sum(seen.cases.values()),
        touchpoints=touchpoints,
    )


def shortfall(report: Report) -> str | None:
    """What no demo that worked comes to; ``None`` where all is well."""
    return None if report.events else "no event of the simulated machines has arrived"


def as_json(report: Report) -> bytes:
    """Readable, with a line end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def as_table(report: Report) -> Table:
    """For the terminal."""
    table = Table(show_header=False, box=None, padding=(0, 2))
    rows: list[tuple[str, Any]] = [
        ("events", f"{report.events:,}"),
        ("rejected", f"{report.rejected:,}"),
        ("decisions", _counts(report.decisions)),
        ("kept silent", _counts(report.suppressions)),
        *((named(channel), _counts(states)) for channel, states in sorted(report.messages.items())),
        ("cases", f"{report.cases:,}"),
        ("touchpoints", f"{report.touchpoints:,}"),
    ]
    for name, value in rows:
        table.add_row(f"[dim]{name}[/]", value)
    return table


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
