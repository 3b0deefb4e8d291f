"""What every table is made with: the one metadata, and the columns and defaults that recur."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, text

metadata = MetaData()

EMPTY_OBJECT = text("'{}'::jsonb")
EMPTY_LIST = text("'[]'::jsonb")


def at(name: str, *, nullable: bool = True) -> Column[object]:
    """Return a moment, in the database's time zone-aware type."""
    return Column(name, DateTime(timezone=True), nullable=nullable)


def made(name: str = "created_at") -> Column[object]:
    """Return the moment at which the database wrote the row, where nobody says another."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=text("now()"))
