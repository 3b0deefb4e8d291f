"""Messages that a person sends again, and lists of messages; the numbers that a provider is asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add what the outbox and its lists need."""
    op.add_column("messages", sa.Column("forgiven", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_index("messages_newest", "messages", ["created_at", "id"])
    op.create_index(
        "messages_ended_badly", "messages", ["created_at", "id"], postgresql_where=sa.text("state = 'failed'")
    )
    op.create_index("messages_numbers", "messages", ["address"], postgresql_where=sa.text("channel = 'sms'"))
