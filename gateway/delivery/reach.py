"""How a customer can be reached, and how that changes: dead addresses, opting out, opting in again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from gateway.delivery import entries
from gateway.storage import bad_addresses as marks
from gateway.storage import timeline
from gateway.storage.tables import bad_addresses, consents, customers
from notifiers.policy import Customer
from notifiers.policy.stages.addresses import CHECKS, as_text, masked

PURPOSES = ("offers", "maintenance", "service", "safety")
"""Those that a STOP must name even where nothing was said before: for some of them silence is consent."""
_WAS: Final = {None: "unsaid", True: "granted", False: "refused"}


# Built once: each decision asks them, and building costs more than asking.
_MARK: Final = func.jsonb_build_array(bad_addresses.c.channel, bad_addresses.c.address, bad_addresses.c.reason)
_BAD: Final = select(func.jsonb_agg(_MARK)).where(bad_addresses.c.customer_id == customers.c.id).scalar_subquery()
_WORD: Final = func.jsonb_build_array(consents.c.purpose, consents.c.channel, consents.c.granted)
_SAID: Final = select(func.jsonb_agg(_WORD)).where(consents.c.customer_id == customers.c.id).scalar_subquery()
_FIELDS: Final = ("id", "name", "locale", "time_zone", "addresses", "preferred_channels", "attributes")
_VALUES: Final[Mapping[str, ColumnElement[Any]]] = {
    **{name: customers.c[name] for name in _FIELDS},
    "bad": _BAD,
    "said": _SAID,
}
_NAMED: Final = tuple(chain.from_iterable((literal_column(f"'{name}'"), value) for name, value in _VALUES.items()))
REACHED: Final = (
    select(func.jsonb_build_object(*_NAMED, type_=JSONB))
    .where(customers.c.id == bindparam("customer_id"))
    .scalar_subquery()
)
"""A column that asks for the customer ``customer_id``, for ``customer_in`` to read."""
_CUSTOMER: Final = select(REACHED)


def load(connection: Connection, customer_id: str) -> Customer | None:
    """The customer with addresses and consents as the policy wants them; ``None`` where there is nobody.

    Everybody has an inbox; its address is their id.
    """
    return customer_in(connection.execute(_CUSTOMER, {"customer_id": customer_id}).scalar_one())


def customer_in(row: Mapping[str, Any] | None) -> Customer | None:
    """The customer in what ``REACHED`` found; ``None`` where that is nobody."""
    if row is None:
        return None
    said: dict[str, Any] = {}
    for purpose, channel, granted in row["said"] or ():
        said.setdefault(purpose, {})[channel] = granted
    bad: dict[str, dict[str, str]] = {}
    for channel, address, reason in row["bad"] or ():
        bad.setdefault(channel, {})[address] = reason
    return Customer(
        id=row["id"],
        name=row["name"],
        locale=row["locale"],
        time_zone=row["time_zone"],
        addresses={**row["addresses"], "inbox": row["id"]},
        bad_addresses=bad,
        preferred_channels=tuple(row["preferred_channels"]),
        consents=said,
        attributes=row["attributes"],
    )


def drop_address(
    connection: Connection, customer_id: str, channel: str, address: str, *, reason: str, message_id: str, at: datetime
) -> None:
    """Remove an address that the provider says is dead, and say so on the timeline."""
    query = select(customers.c.addresses).where(customers.c.id == customer_id).with_for_update(key_share=True)
    addresses: dict[str, Any] | None = connection.execute(query).scalar_one_or_none()
    if addresses is None or channel not in addresses:
        return
    kept = without(addresses[channel], channel, address)
    if kept == addresses[channel]:
        return
    changed = {**addresses, channel: kept}
    if not kept:
        del changed[channel]
    connection.execute(
        update(customers).where(customers.c.id == customer_id).values(addresses=changed, updated_at=func.now())
    )
    summary = f"{entries.named(channel)} address {masked(address)} removed: {reason}"
    note = entries.of_note(
        customer_id, at, summary, "address_dropped", message_id, channel=channel, message_id=message_id
    )
    timeline.add(connection, [note])


def mark_bad(
    connection: Connection, customer_id: str, channel: str, address: str, *, reason: str, message_id: str, at: datetime
) -> None:
    """Use the address no more, and say so on the timeline; it stays on the customer's record for a person to mend."""
    if marks.mark(connection, customer_id, channel, address, reason):
        summary = f"{entries.named(channel)} address {masked(address)} is not used any more: {reason}"
        note = entries.of_note(
            customer_id, at, summary, "bad_address", message_id, channel=channel, message_id=message_id
        )
        timeline.add(connection, [note])


def without(recorded: Any, channel: str, address: str) -> Any:
    """What was recorded for ``channel`` (one address or a list) less ``address``, however that is written there."""
    check = CHECKS.get(channel)

    def is_it(one: Any) -> bool:
        text = as_text(one)
        return text == address or (check is not None and check(text).address == address)

    if isinstance(recorded, list):
        return [one for one in recorded if not is_it(one)]
    return None if is_it(recorded) else recorded


def opt_out(connection: Connection, customer_id: str, channel: str, *, source: str) -> dict[str, bool | None]:
    """Record a "no" to every purpose on ``channel``.

    Returns what was said before, ``None`` where nothing was; nothing at all where the customer is gone.

    What stood there before is kept in the row's ``source``, so that opting in again restores that and no more.
    """
    if connection.execute(select(customers.c.id).where(customers.c.id == customer_id)).first() is None:
        return {}  # erased meanwhile
    before = _said(connection, customer_id, channel)
    for purpose in dict.fromkeys([*before, *PURPOSES]):
        was = _WAS[before.get(purpose)]
        values = {"granted": False, "source": f"{source}; before: {was}", "at": func.now(), "revoked_at": func.now()}
        connection.execute(
            insert(consents)
            .values(customer_id=customer_id, purpose=purpose, channel=channel, **values)
            .on_conflict_do_update(
                index_elements=["customer_id", "purpose", "channel"],
                set_=values,
                where=or_(consents.c.granted, consents.c.revoked_at.is_(None)),
            )
        )
    return {purpose: before.get(purpose) for purpose in dict.fromkeys([*before, *PURPOSES])}


def opt_in(connection: Connection, customer_id: str, channel: str, *, source: str) -> list[str]:
    """Undo an ``opt_out`` on ``channel``: give back what it took, and nothing else; returns the purposes."""
    mine = (consents.c.customer_id == customer_id, consents.c.channel == channel, consents.c.granted.is_(False))
    unsaid = delete(consents).where(*mine, consents.c.source.endswith("; before: unsaid")).returning(consents.c.purpose)
    before = {"source": source, "at": func.now(), "revoked_at": None}
    granted = (
        update(consents)
        .where(*mine, consents.c.source.endswith("; before: granted"))
        .values(granted=True, **before)
        .returning(consents.c.purpose)
    )
    # It was a no before, and is one still; but no longer one that they have sent themselves.
    connection.execute(update(consents).where(*mine, consents.c.source.endswith("; before: refused")).values(before))
    found: Iterable[str] = [*connection.execute(granted).scalars(), *connection.execute(unsaid).scalars()]
    return sorted(found)


def with_number(connection: Connection, number: str) -> list[str]:
    """Customers whose telephone number is ``number`` (E.164), however it is written in their record."""
    plain = func.regexp_replace(customers.c.addresses["sms"].astext, "[^0-9+]", "", "g")
    found = list(connection.execute(select(customers.c.id).where(plain == number)).scalars())
    if found:
        return sorted(found)
    several = func.jsonb_typeof(customers.c.addresses["sms"]) == "array"
    holds = customers.c.addresses["sms"].contains([number])
    return sorted(connection.execute(select(customers.c.id).where(several, holds)).scalars())


def _said(connection: Connection, customer_id: str, channel: str) -> dict[str, bool]:
    rows = connection.execute(
        select(consents.c.purpose, consents.c.granted)
        .where(consents.c.customer_id == customer_id, consents.c.channel == channel)
        .with_for_update()
    )
    return {row.purpose: row.granted for row in rows}
