"""Fixtures of the integration tests; a module with other needs has its own of the same name."""

from __future__ import annotations

from tests.integration.delivery_fixture import engine, stand_in_process, stand_ins
from tests.integration.worker_fixture import log, nats_server

__all__ = ["engine", "log", "nats_server", "stand_in_process", "stand_ins"]
