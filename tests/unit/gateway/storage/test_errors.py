"""What is logged of a statement that failed."""

from __future__ import annotations

import traceback

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from gateway.storage import customers
from gateway.storage.customers import Customer
from gateway.worker.pipelined import pipelined


def test_an_error_does_not_show_what_was_to_be_written(connection: Connection) -> None:
    with pytest.raises(SQLAlchemyError) as failed:
        connection.execute(text("SELECT 1 FROM nowhere WHERE name = :name"), {"name": "canary-name"})
    assert "nowhere" in str(failed.value)
    assert "canary-name" not in str(failed.value)


CANARY = "canary-name"


def whole(failed: pytest.ExceptionInfo[BaseException]) -> str:
    """As a log or a fault's trace has it."""
    return "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "INSERT INTO customers (id) VALUES (:value)",
            'duplicate key value violates unique constraint "customers_pkey"',
        ),
        ("INSERT INTO customers (id, name) VALUES (:value, NULL)", 'null value in column "name"'),
        (
            "INSERT INTO consents (customer_id, purpose, channel, granted) VALUES (:value || 'x', 'p', 'sms', true)",
            'violates foreign key constraint "consents_customer_id_fkey"',
        ),
        ("SELECT CAST(:value AS integer)", 'invalid input syntax for type integer: "…"'),
        ("SELECT CAST(:value AS jsonb)", "invalid input syntax for type json"),
    ],
)
def test_neither_does_the_rest_of_what_the_database_says(connection: Connection, statement: str, said: str) -> None:
    customers.put(connection, Customer(id=CANARY))
    with pytest.raises(SQLAlchemyError) as failed:
        connection.execute(text(statement), {"value": CANARY})
    assert said in str(failed.value)
    assert statement.partition(":")[0] in str(failed.value)
    assert CANARY not in whole(failed)


def written_twice(engine: Engine) -> None:
    with engine.begin() as connection, pipelined(connection):
        for _ in range(2):
            connection.execute(text("INSERT INTO customers (id, name) VALUES (:value, :value)"), {"value": CANARY})


def test_nor_does_a_failure_in_a_pipeline_that_nobody_waited_for(engine: Engine) -> None:
    with pytest.raises(psycopg.Error) as failed:
        written_twice(engine)
    assert 'violates unique constraint "customers_pkey"' in str(failed.value)
    assert CANARY not in whole(failed)


def test_what_helps_to_mend_and_quotes_no_row_stays(connection: Connection) -> None:
    with pytest.raises(SQLAlchemyError) as failed:
        connection.execute(text("SELECT nam FROM customers"))
    assert "LINE 1: SELECT nam FROM customers" in str(failed.value)
