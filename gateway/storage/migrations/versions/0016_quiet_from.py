"""When the quiet hours of a message's customer begin: it does not leave from then on, however long it waited."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column; what is queued now may leave at any time, as it might before."""
    op.execute("ALTER TABLE messages ADD COLUMN quiet_from TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX messages_rest ON messages (quiet_from) WHERE state = 'queued' AND quiet_from IS NOT NULL")
