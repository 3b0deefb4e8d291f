"""Rules and templates as they were read from their folders."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_LIST, at, made, metadata

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("version", Text, primary_key=True),
    Column("files", JSONB, nullable=False),
    made(),
    # Set when every partition's log has it.
    at("published_at"),
)

template_sets = Table(
    "template_sets",
    metadata,
    Column("version", Text, primary_key=True),
    # Those of templates.dir alone; the shipped ones come with the program.
    Column("files", JSONB, nullable=False),
    made(),
)

rule_folders = Table(
    "rule_folders",
    metadata,
    # What was last made of rules.dir, and of templates.dir. Each row is named after its setting.
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    # Of the newest set from it that could be used; NULL: there was none.
    Column("version", Text),
    # What is wrong with it now; what held before still does.
    Column("problems", JSONB, nullable=False, server_default=EMPTY_LIST),
    made("looked_at"),
)
