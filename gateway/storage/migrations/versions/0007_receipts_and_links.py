"""Short links, offer codes, addresses whose mail came back, and the channel of each receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_NOW = sa.text("now()")


def upgrade() -> None:
    """Add them; receipts of before get the channel of their message."""
    op.add_column("messages", sa.Column("link", sa.Text))
    op.add_column("receipts", sa.Column("channel", sa.Text))
    op.execute("UPDATE receipts SET channel = m.channel FROM messages AS m WHERE m.id = receipts.message_id")
    op.alter_column("receipts", "channel", nullable=False)
    op.create_index("receipts_counted", "receipts", ["channel", "status"])
    _links()
    _offer_codes()
    _bad_addresses()


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("links_message", "links", ["message_id"])


def _offer_codes() -> None:
    op.create_table(
        "offer_codes",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("decision_id", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.Column("redeemed_at", sa.DateTime(timezone=True)),
        sa.Column("order_id", sa.Text),
        sa.Column("amount", sa.Numeric),
        sa.Column("currency", sa.Text),
        sa.Column("store_id", sa.Text),
    )
    op.create_index("offer_codes_decision", "offer_codes", ["decision_id", "customer_id"], unique=True)
    op.create_index("offer_codes_customer", "offer_codes", ["customer_id"])
    op.create_index("offer_codes_rule", "offer_codes", ["rule_id", "made_at"])


def _bad_addresses() -> None:
    op.create_table(
        "bad_addresses",
        sa.Column("customer_id", sa.Text, sa.ForeignKey("customers.id", ondelete="CASCADE"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("customer_id", "channel", "address"),
    )
