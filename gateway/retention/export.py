"""Everything on record of one customer, as one JSON document that is written row by row.

The document: ``format``, ``exported_at``, ``customer`` (``null``: not on record, but something speaks of them), then a
list for each of ``SECTIONS``, oldest first. Rows have the names of the columns; times are RFC 3339 in UTC. What lets
its bearer act for the customer (unsubscribe and click tokens) is left out, and so is how the gateway works inside.
Then ``events``, which ``export_events`` reads from the event log, and ``event_log``: what they are, and if all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Select,
    Table,
    Text,
    bindparam,
    exists,
    or_,
    select,
)

from gateway.storage import tables
from gateway.storage.tables import alerts, cases, contacts, customers, decisions, devices, messages, timeline
from rules.duration import parse_duration, spoken

FORMAT: Final = "kizashi-export/1"
ROWS_AT_ONCE: Final = 200

_CUSTOMER: Final[BindParameter[str]] = bindparam("customer_id", type_=Text())
_TOKEN: Final = re.compile(r"(/[uc]/)[A-Za-z0-9_.-]{20,}")
"""Of unsubscribe and click links, in what messages say."""
_WORDS: Final = ("title", "body", "html")


class Section(NamedTuple):
    """One list of the document: whose rows, in which order, without which columns."""

    table: Table
    whose: ColumnElement[bool]
    order: tuple[str, ...]
    without: frozenset[str] = frozenset()


def _of(table: Table, *order: str, without: str = "") -> Section:
    """Rows that name the customer."""
    return Section(table, table.c.customer_id == _CUSTOMER, order, frozenset(["customer_id", *without.split()]))


def _below(table: Table, column: str, parent: Table, *order: str, without: str = "") -> Section:
    """Rows that belong to a row that names the customer."""
    theirs = select(parent.c.id).where(parent.c.customer_id == _CUSTOMER)
    return Section(table, table.c[column].in_(theirs), order, frozenset(without.split()))


SECTIONS: Final[Mapping[str, Section]] = {
    "consents": _of(tables.consents, "at", "purpose", "channel"),
    "devices": Section(devices, devices.c.owner == _CUSTOMER, ("id",), frozenset(["owner", "logged"])),
    "timeline": _of(timeline, "at", "ordinal", without="ordinal"),
    "decisions": _of(decisions, "made_at", "id"),
    "alerts": _of(alerts, "fired_at", "id"),
    "interventions": _below(tables.interventions, "alert_id", alerts, "at", "id"),
    "contacts": _of(contacts, "created_at", "id"),
    "messages": _of(messages, "created_at", "id", without="lease_owner lease_until forgiven link"),
    "receipts": _below(tables.receipts, "message_id", messages, "at", "message_id"),
    "links": _below(tables.links, "message_id", messages, "expires_at", "message_id", without="token"),
    "offer_codes": _of(tables.offer_codes, "made_at", "code"),
    "bad_addresses": _of(tables.bad_addresses, "at", "address"),
    "digest_items": _of(tables.digest_items, "at", "decision_id"),
    "cases": _of(cases, "opened_at", "id"),
    "case_comments": _below(tables.case_comments, "case_id", cases, "at", "id"),
    "faults": Section(
        tables.faults,
        tables.faults.c.subject.in_(select(devices.c.id).where(devices.c.owner == _CUSTOMER)),
        ("at", "id"),
        frozenset(["trace", "partition", "seq"]),
    ),
}
"""By their names in the document."""

LEFT_OUT: Final = {"charges": "what each message cost, of which messages and their units are told already"}
"""Tables that hang on a customer's rows and are not exported, and why."""


def is_known(connection: Connection, customer_id: str) -> bool:
    """Whether there is anything to export."""
    named = [exists().where(table.c.customer_id == _CUSTOMER) for table in (timeline, contacts, decisions, cases)]
    there = or_(exists().where(customers.c.id == _CUSTOMER), exists().where(devices.c.owner == _CUSTOMER), *named)
    return bool(connection.execute(select(there), {"customer_id": customer_id}).scalar_one())


def document(engine: Engine, customer_id: str, now: datetime, *, kept: str, why_not: str) -> Iterator[bytes]:
    """The document in pieces, without the events; it says ``why_not``, and how long they are ``kept``."""
    yield from recorded(engine, customer_id, now)
    yield b',\n"events": []' + about_the_log(kept, (), why_not) + b"\n}\n"


def about_the_log(kept: str, device_ids: Sequence[str], why_not: str) -> bytes:
    """What the document says of the event log, ``kept`` so long. ``why_not``: why events are missing; empty: none."""
    span = spoken(parse_duration(kept))
    if why_not:
        note = f"What devices said is kept in the event log for {span}, then deleted. Not all of it is here: {why_not}."
    else:
        note = (
            f"What these devices said in the last {span}, as far as the event log shows that they were this customer's."
            " Whatever is older is deleted."
        )
    return _line(",", "event_log", {"complete": not why_not, "kept_for": kept, "devices": device_ids, "note": note})


def recorded(engine: Engine, customer_id: str, now: datetime) -> Iterator[bytes]:
    """What the database has, as of one moment, the document left open; a few hundred rows are in memory at a time."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield _line("{", "format", FORMAT)
        yield _line(",", "exported_at", now.astimezone(UTC))
        yield _line(",", "customer", _customer(connection, customer_id))
        for name, section in SECTIONS.items():
            yield f',\n"{name}": ['.encode()
            before = b"\n"
            for row in _rows(connection, section, customer_id):
                yield before + msgspec.json.encode(row)
                before = b",\n"
            yield b"]"


def _line(before: str, name: str, value: object) -> bytes:
    return f'{before}\n"{name}": '.encode() + msgspec.json.encode(value)


def _customer(connection: Connection, customer_id: str) -> dict[str, Any] | None:
    row = connection.execute(select(customers).where(customers.c.id == customer_id)).mappings().one_or_none()
    return None if row is None else {name: _told(value) for name, value in row.items()}


def _rows(connection: Connection, section: Section, customer_id: str) -> Iterator[dict[str, Any]]:
    columns = [column for column in section.table.columns if column.name not in section.without]
    in_ms = {column.name for column in columns if isinstance(column.type, BigInteger) and _is_time(column.name)}
    query: Select[Any] = (
        select(*columns).where(section.whose).order_by(*(section.table.c[name] for name in section.order))
    )
    found = connection.execute(query, {"customer_id": customer_id}, execution_options={"yield_per": ROWS_AT_ONCE})
    for row in found.mappings():
        yield {name: _moment(value) if name in in_ms else _told(value, name) for name, value in row.items()}


def _is_time(name: str) -> bool:
    return name in {"at", "until", "snoozed_until"} or name.endswith("_at")


def _moment(value: int | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


def _told(value: Any, name: str = "") -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if name in _WORDS and isinstance(value, str):
        return _TOKEN.sub(r"\1…", value)
    return value
