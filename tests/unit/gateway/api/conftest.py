from tests.api_fixture import app, call, engine, log

__all__ = ["app", "call", "engine", "log"]
