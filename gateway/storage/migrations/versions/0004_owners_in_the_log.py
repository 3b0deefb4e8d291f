"""Devices are logged with what rules may ask of their owners: those that were logged without are logged anew."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Have owned devices logged again."""
    op.execute("UPDATE devices SET logged = false WHERE owner IS NOT NULL")
