"""The texts that come from templates.dir: each set that held, so that all processes speak with the same words."""

from alembic import op

revision = "0015"
down_revision = "0012"


def upgrade() -> None:
    """Make the table."""
    op.execute("""
        CREATE TABLE template_sets (
            version TEXT NOT NULL,
            files JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
            PRIMARY KEY (version)
        )
    """)
