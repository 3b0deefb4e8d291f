"""The console: one module per page."""
