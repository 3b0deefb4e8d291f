"""The migrations make the schema that ``gateway.storage.tables`` describes."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, inspect, text

from gateway.storage.database import migrate
from gateway.storage.tables import metadata

COMPARED = {"compare_type": True, "compare_server_default": True}


def differences(connection: Connection, wanted: MetaData) -> list[object]:
    found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=COMPARED), wanted)
    return found


def test_the_migrated_schema_is_that_of_the_tables(connection: Connection) -> None:
    assert differences(connection, metadata) == []


def test_a_difference_would_be_seen(connection: Connection) -> None:
    more = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(more)
    Table("forgotten", more, Column("id", Text, primary_key=True))
    more.tables["customers"].append_column(Column("forgotten", Text))
    assert len(differences(connection, more)) == 2


def test_indexes_are_those_of_the_tables(connection: Connection) -> None:
    """Alembic passes over indexes of expressions; their names and definitions are compared here."""
    for table in metadata.tables.values():
        made = {index["name"] for index in inspect(connection).get_indexes(table.name)}
        made -= {constraint["name"] for constraint in inspect(connection).get_unique_constraints(table.name)}
        assert made == {index.name for index in table.indexes}, table.name


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        assert differences(connection, metadata) == []
        heads = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    assert len(heads) == 1
