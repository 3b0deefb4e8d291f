"""Tells what happens while it happens: each new touchpoint is a line, with whom it concerns and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text
from sqlalchemy import Connection, RowMapping, func, select

from gateway.storage.tables import customers, partitions, timeline

STYLES: Final[dict[str, tuple[str, str]]] = {
    "alert": ("alert", "bold red"),
    "decision": ("decided", "cyan"),
    "suppression": ("silent", "yellow"),
    "message": ("message", "green"),
    "receipt": ("receipt", "green dim"),
    "reply": ("reply", "magenta"),
    "case": ("case", "bold blue"),
    "event": ("event", "white"),
    "status": ("status", "white dim"),
}
LOOK_BACK: Final = 500
"""Transactions commit out of order: entries a little older than the newest one may still appear."""


class Narrator:
    """Reads the timelines forward. Keeps the ids of the latest entries, so that each is told once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._newest = 0
        self._told: dict[str, None] = {}

    def tell(self, connection: Connection, elapsed: float) -> int:
        """Print what is new; returns how many lines."""
        count = 0
        for row in self._fresh(connection):
            self._console.print(line(row, elapsed), soft_wrap=True)
            count += 1
        return count

    def _fresh(self, connection: Connection) -> Iterator[RowMapping]:
        query = (
            select(timeline, customers.c.name.label("customer"))
            .join(customers, customers.c.id == timeline.c.customer_id, isouter=True)
            .where(timeline.c.ordinal > self._newest - LOOK_BACK)
            .order_by(timeline.c.ordinal)
        )
        for row in connection.execute(query).mappings():
            if row["id"] not in self._told:
                self._told[row["id"]] = None
                self._newest = max(self._newest, row["ordinal"])
                yield row
        while len(self._told) > 4 * LOOK_BACK:
            del self._told[next(iter(self._told))]


def line(row: RowMapping, elapsed: float) -> Text:
    """One touchpoint as a line: when, what kind, whom, and the sentence."""
    name, style = STYLES.get(row["kind"], (row["kind"], "white"))
    if row["kind"] == "alert" and row["detail"].get("transition") == "resolved":
        name, style = "resolved", "bold green"
    elif row["kind"] == "alert" and row["detail"].get("purpose") == "offers":
        name, style = "visit", "bold magenta"
    text = Text()
    text.append(f"{elapsed:6.1f} s  ", "dim")
    text.append(f"{name:<9}", style)
    text.append(f"{row['customer'] or row['customer_id']:<18} ", "dim")
    text.append(row["summary"])
    if row["reason"]:
        text.append(f"  [{row['reason']}]", "yellow")
    return text


def events_so_far(connection: Connection) -> int:
    """Events of devices that are folded and checkpointed."""
    total: int = connection.execute(select(func.coalesce(func.sum(partitions.c.events), 0))).scalar_one()
    return total
