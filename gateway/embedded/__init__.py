"""Start and supervise the bundled NATS and PostgreSQL."""
