"""Frequency caps look at a customer's newest messages; what is spent is counted by day."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Index messages by customer and time, and count spending."""
    op.create_index("messages_customer_newest", "messages", ["customer_id", "created_at"])
    op.drop_index("messages_customer", "messages")
    op.create_table(
        "spending",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", "key"),
    )
