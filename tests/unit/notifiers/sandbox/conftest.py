"""Fixtures of the sandbox's tests."""

from __future__ import annotations

from tests.unit.notifiers.sandbox.hearing import gateway

__all__ = ["gateway"]
