"""Signed calls of a customer's own HTTPS endpoint (Standard Webhooks)."""
