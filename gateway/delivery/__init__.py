"""The outbox: claim, send, settle, retry, escalate."""
