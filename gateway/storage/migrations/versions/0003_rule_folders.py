"""What was last made of rules.dir: the version in force from it, or what is wrong with it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.execute("""
        CREATE TABLE rule_folders (
            id TEXT NOT NULL,
            place TEXT NOT NULL,
            version TEXT,
            problems JSONB DEFAULT '[]'::jsonb NOT NULL,
            looked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            PRIMARY KEY (id)
        )
    """)
