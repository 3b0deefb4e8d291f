"""Consents: what a customer took back themselves. Rules' failures: how many there were, however old."""

from alembic import op

revision = "0018"
down_revision = "0016"


def upgrade() -> None:
    """Add both; what was taken back before is known by where it came from."""
    op.execute("ALTER TABLE consents ADD COLUMN revoked_at TIMESTAMP WITH TIME ZONE")
    op.execute(r"""
        UPDATE consents SET revoked_at = at
        WHERE NOT granted AND (
            source = 'unsubscribe link' OR source LIKE 'spam complaint (%'
            OR source LIKE '%; before: unsaid' OR source LIKE '%; before: granted'
        )
    """)
    op.execute("""
        CREATE TABLE fault_counts (
            partition INTEGER PRIMARY KEY,
            count BIGINT NOT NULL
        )
    """)
    op.execute("INSERT INTO fault_counts SELECT partition, sum(count) FROM faults GROUP BY partition")
