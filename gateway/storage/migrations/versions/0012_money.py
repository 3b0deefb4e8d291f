"""Rates that all processes share, and what messages took out of the day's budget."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the tables."""
    op.execute("""
        CREATE TABLE rates (
            name TEXT PRIMARY KEY,
            saved DOUBLE PRECISION NOT NULL,
            at TIMESTAMP WITH TIME ZONE NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE charges (
            message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
            day DATE NOT NULL,
            units INTEGER NOT NULL,
            charged BOOLEAN NOT NULL,
            counted BOOLEAN NOT NULL
        )
    """)
    op.execute("CREATE INDEX charges_pending ON charges (day) WHERE charged <> counted")
