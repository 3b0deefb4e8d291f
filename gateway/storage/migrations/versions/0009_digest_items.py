"""What a customer's next digest tells."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table."""
    op.execute("""
        CREATE TABLE digest_items (
            customer_id TEXT NOT NULL,
            decision_id TEXT NOT NULL,
            alert_id TEXT NOT NULL,
            purpose TEXT NOT NULL,
            summary TEXT NOT NULL,
            request JSONB NOT NULL,
            expires_at TIMESTAMP WITH TIME ZONE,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            PRIMARY KEY (customer_id, decision_id)
        )
    """)
    op.execute("CREATE INDEX digest_items_due ON digest_items (due_at)")
