from tests.api_fixture import app, call, engine, log
from tests.postgres_fixture import database_url, postgres

__all__ = ["app", "call", "database_url", "engine", "log", "postgres"]
