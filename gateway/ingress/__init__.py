"""From the wire into the log."""
