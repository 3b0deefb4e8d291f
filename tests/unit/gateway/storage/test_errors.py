"""What is logged of a statement that failed."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError


def test_an_error_does_not_show_what_was_to_be_written(connection: Connection) -> None:
    with pytest.raises(SQLAlchemyError) as failed:
        connection.execute(text("SELECT 1 FROM nowhere WHERE name = :name"), {"name": "canary-name"})
    assert "nowhere" in str(failed.value)
    assert "canary-name" not in str(failed.value)
