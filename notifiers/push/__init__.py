"""Push notifications by Firebase Cloud Messaging (HTTP v1)."""
