"""What retention finds old rows by, whom it has erased, and when it last ran."""

from alembic import op

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    """Make the tables and the indexes."""
    op.execute("""
        CREATE TABLE erasures (
            digest BYTEA PRIMARY KEY,
            at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL
        )
    """)
    op.execute("""
        CREATE TABLE chores (
            id TEXT PRIMARY KEY,
            done_at TIMESTAMP WITH TIME ZONE NOT NULL,
            report JSONB DEFAULT '{}'::jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX timeline_at ON timeline (at)")
    op.execute("CREATE INDEX contacts_made ON contacts (created_at)")
    op.execute("CREATE INDEX messages_worded ON messages (created_at) WHERE address <> ''")
    op.execute("CREATE INDEX decisions_made ON decisions (made_at)")
    op.execute("CREATE INDEX decisions_customer ON decisions (customer_id) WHERE customer_id IS NOT NULL")
    op.execute("CREATE INDEX offer_codes_made ON offer_codes (made_at)")
