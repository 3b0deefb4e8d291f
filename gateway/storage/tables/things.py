"""Devices and the stores they may stand in."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.storage.tables.columns import EMPTY_LIST, EMPTY_OBJECT, made, metadata

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False, server_default=""),
    Column("profile", Text, nullable=False, server_default=""),
    Column("owner", Text),
    Column("store", Text),
    Column("tags", JSONB, nullable=False, server_default=EMPTY_LIST),
    Column("attributes", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    # False until the log has this version of the row: the log is what rules read.
    Column("logged", Boolean, nullable=False, server_default=text("false")),
    made(),
    made("updated_at"),
    Index("devices_owner", "owner"),
    Index("devices_unlogged", "id", postgresql_where=text("NOT logged")),
)

device_credentials = Table(
    "device_credentials",
    metadata,
    Column("device_id", Text, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    # "sha256:" and hex: enough for a generated password of 256 bits.
    Column("password_hash", Text, nullable=False),
    made(),
)

stores = Table(
    "stores",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("geofence", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("tags", JSONB, nullable=False, server_default=EMPTY_LIST),
    Column("opening_hours", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("logged", Boolean, nullable=False, server_default=text("false")),
    made(),
    made("updated_at"),
)
