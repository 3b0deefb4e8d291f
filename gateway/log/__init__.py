"""The event log on JetStream."""
