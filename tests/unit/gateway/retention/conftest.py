from tests.api_fixture import engine

__all__ = ["engine"]
