"""What the operations team was told."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table."""
    op.execute("""
        CREATE TABLE troubles (
            id TEXT NOT NULL,
            summary TEXT NOT NULL,
            began_at TIMESTAMP WITH TIME ZONE NOT NULL,
            seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
            told_at TIMESTAMP WITH TIME ZONE,
            PRIMARY KEY (id)
        )
    """)
