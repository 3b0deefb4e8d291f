"""The life of an alert: how serious it became, who took notice, what speaks for it, and how it ended."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, and the table of what people said."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)


SCHEMA = """
ALTER TABLE alerts
    ADD COLUMN raised_at BIGINT,
    ADD COLUMN acknowledged_at BIGINT,
    ADD COLUMN acknowledged_by TEXT,
    ADD COLUMN snoozed_until BIGINT,
    ADD COLUMN inhibited_by TEXT,
    ADD COLUMN ended_by TEXT;

CREATE INDEX alerts_subject ON alerts (subject, fired_at);

CREATE INDEX alerts_rule ON alerts (rule_id, fired_at);

CREATE INDEX alerts_customer ON alerts (customer_id, fired_at);

CREATE INDEX decisions_alert ON decisions (alert_id);

CREATE TABLE interventions (
    id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    action TEXT NOT NULL,
    by TEXT NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT,
    PRIMARY KEY (id),
    FOREIGN KEY(alert_id) REFERENCES alerts (id) ON DELETE CASCADE
);

CREATE INDEX interventions_alert ON interventions (alert_id);
"""
