"""Web push: notifications to the browser of a person who allowed them, without an app (RFC 8030, 8291, 8292)."""
