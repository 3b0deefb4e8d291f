"""The first schema."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables. Frozen: later changes are later migrations."""
    for statement in SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)


SCHEMA = """
CREATE TABLE alerts (
    id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    customer_id TEXT,
    severity TEXT NOT NULL,
    purpose TEXT NOT NULL,
    summary TEXT NOT NULL,
    state TEXT NOT NULL,
    fired_at BIGINT NOT NULL,
    resolved_at BIGINT,
    PRIMARY KEY (id)
);

CREATE INDEX alerts_fired ON alerts (fired_at);

CREATE INDEX alerts_open ON alerts (customer_id) WHERE state = 'firing';

CREATE TABLE api_keys (
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (key_hash)
);

CREATE TABLE cases (
    id TEXT NOT NULL,
    alert_id TEXT,
    customer_id TEXT,
    device_id TEXT,
    title TEXT NOT NULL,
    queue TEXT DEFAULT 'support' NOT NULL,
    priority TEXT DEFAULT 'normal' NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    assignee TEXT,
    severity TEXT,
    evidence JSONB DEFAULT '{}'::jsonb NOT NULL,
    recovered_at TIMESTAMP WITH TIME ZONE,
    opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (alert_id)
);

CREATE INDEX cases_customer ON cases (customer_id);

CREATE INDEX cases_open_device ON cases (device_id) WHERE state = 'open';

CREATE INDEX cases_state ON cases (state, opened_at);

CREATE TABLE contacts (
    id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    state TEXT NOT NULL,
    request JSONB NOT NULL,
    context JSONB NOT NULL,
    steps JSONB DEFAULT '[]'::jsonb NOT NULL,
    step INTEGER DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX contacts_alert ON contacts (alert_id);

CREATE INDEX contacts_customer ON contacts (customer_id);

CREATE INDEX contacts_due ON contacts (due_at) WHERE due_at IS NOT NULL;

CREATE INDEX contacts_rule_customer ON contacts (rule_id, customer_id, created_at);

CREATE TABLE customers (
    id TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    locale TEXT DEFAULT 'en' NOT NULL,
    time_zone TEXT DEFAULT 'UTC' NOT NULL,
    addresses JSONB DEFAULT '{}'::jsonb NOT NULL,
    preferred_channels JSONB DEFAULT '[]'::jsonb NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX customers_sms ON customers (regexp_replace(addresses->>'sms', '[^0-9+]', '', 'g'));

CREATE TABLE decisions (
    id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    rule_version TEXT NOT NULL,
    subject TEXT NOT NULL,
    customer_id TEXT,
    store_id TEXT,
    transition TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    severity TEXT NOT NULL,
    purpose TEXT NOT NULL,
    summary TEXT NOT NULL,
    at BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    index INTEGER NOT NULL,
    values JSONB NOT NULL,
    explanation JSONB NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX decisions_rule_customer ON decisions (rule_id, customer_id);

CREATE INDEX decisions_subject ON decisions (subject, at);

CREATE TABLE devices (
    id TEXT NOT NULL,
    model TEXT DEFAULT '' NOT NULL,
    profile TEXT DEFAULT '' NOT NULL,
    owner TEXT,
    store TEXT,
    tags JSONB DEFAULT '[]'::jsonb NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    logged BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX devices_owner ON devices (owner);

CREATE INDEX devices_unlogged ON devices (id) WHERE NOT logged;

CREATE TABLE faults (
    id TEXT NOT NULL,
    count BIGINT DEFAULT 1 NOT NULL,
    rule_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    partition INTEGER NOT NULL,
    seq BIGINT NOT NULL,
    error TEXT NOT NULL,
    trace TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE partitions (
    partition SERIAL NOT NULL,
    seq BIGINT NOT NULL,
    events BIGINT DEFAULT 0 NOT NULL,
    shared BYTEA NOT NULL,
    clock BIGINT NOT NULL,
    newest_at BIGINT DEFAULT 0 NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (partition)
);

CREATE TABLE provider_alarms (
    provider TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (provider)
);

CREATE TABLE rule_sets (
    version TEXT NOT NULL,
    files JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (version)
);

CREATE TABLE secrets (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE stores (
    id TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    geofence JSONB DEFAULT '{}'::jsonb NOT NULL,
    tags JSONB DEFAULT '[]'::jsonb NOT NULL,
    opening_hours JSONB DEFAULT '{}'::jsonb NOT NULL,
    time_zone TEXT DEFAULT 'UTC' NOT NULL,
    logged BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE subject_states (
    partition INTEGER NOT NULL,
    subject TEXT NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (partition, subject)
);

CREATE TABLE timeline (
    id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT,
    direction TEXT,
    summary TEXT NOT NULL,
    device_id TEXT,
    store_id TEXT,
    rule_id TEXT,
    decision_id TEXT,
    message_id TEXT,
    case_id TEXT,
    reason TEXT,
    detail JSONB DEFAULT '{}'::jsonb NOT NULL,
    ordinal BIGINT GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (id)
);

CREATE INDEX timeline_newest ON timeline (ordinal);

CREATE INDEX timeline_page ON timeline (customer_id, at DESC, ordinal DESC);

CREATE INDEX timeline_reason ON timeline (reason) WHERE reason IS NOT NULL;

CREATE TABLE workers (
    id TEXT NOT NULL,
    backend_pid INTEGER NOT NULL,
    process_id INTEGER NOT NULL,
    partitions JSONB DEFAULT '[]'::jsonb NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE case_comments (
    id TEXT NOT NULL,
    case_id TEXT NOT NULL,
    author TEXT NOT NULL,
    body TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE
);

CREATE INDEX case_comments_case ON case_comments (case_id, at);

CREATE TABLE consents (
    customer_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    channel TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    source TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (customer_id, purpose, channel),
    FOREIGN KEY(customer_id) REFERENCES customers (id) ON DELETE CASCADE
);

CREATE TABLE device_credentials (
    device_id TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (device_id),
    FOREIGN KEY(device_id) REFERENCES devices (id) ON DELETE CASCADE
);

CREATE TABLE messages (
    id TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    step INTEGER NOT NULL,
    address TEXT NOT NULL,
    purpose TEXT NOT NULL,
    template TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    html TEXT,
    state TEXT NOT NULL,
    reason TEXT,
    provider TEXT,
    provider_id TEXT,
    attempts INTEGER DEFAULT 0 NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE,
    lease_owner TEXT,
    first_sent_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(contact_id) REFERENCES contacts (id) ON DELETE CASCADE
);

CREATE INDEX messages_contact ON messages (contact_id, step);

CREATE INDEX messages_customer ON messages (customer_id);

CREATE INDEX messages_due ON messages (channel, due_at) WHERE state = 'queued';

CREATE INDEX messages_leased ON messages (lease_until) WHERE state IN ('sending', 'unknown');

CREATE TABLE receipts (
    message_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    status TEXT NOT NULL,
    detail JSONB DEFAULT '{}'::jsonb NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (message_id, provider_id, status),
    FOREIGN KEY(message_id) REFERENCES messages (id) ON DELETE CASCADE
);
"""
