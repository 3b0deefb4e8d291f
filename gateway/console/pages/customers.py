"""Finding a customer."""

from __future__ import annotations

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine, func, select
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.entries import CHANNELS
from gateway.console.frame import AWAY, AWAY_NOTE, Away, Console, html, page, reading
from gateway.console.icons import icon
from gateway.console.markup import NOTHING, H, chip, empty, joined
from gateway.storage import customers
from gateway.storage.cursors import CursorError
from gateway.storage.customers import Customer
from gateway.storage.paging import Page
from gateway.storage.tables import alerts

LIMIT = 50


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/customers")
    async def found(request: Request, q: str = "", cursor: str | None = None) -> None:
        search = q.replace("\x00", "").strip()[:200]
        read = await reading(_read, console.api.engine, search, cursor)
        with page(console, caller_of(request), "customers", "Customers"):
            html(_top(search))
            html(_list(read, search), classes="card rows")


def _read(engine: Engine, search: str, cursor: str | None) -> tuple[Page[Customer], dict[str, int]]:
    with engine.connect() as connection:
        try:
            found = customers.page(connection, cursor=cursor, limit=LIMIT, search=search)
        except CursorError:
            found = customers.page(connection, limit=LIMIT, search=search)
        ids = [customer.id for customer in found.items]
        firing = connection.execute(
            select(alerts.c.customer_id, func.count())
            .where(alerts.c.state == "firing", alerts.c.customer_id.in_(ids))
            .group_by(alerts.c.customer_id)
        )
        return found, {customer_id: count for customer_id, count in firing if customer_id is not None}


def _top(search: str) -> Markup:
    return H(
        '<div class="top"><h1>Customers</h1><span class="grow"></span>'
        '<form class="search" method="get" role="search">{}'
        '<input name="q" value="{}" placeholder="Name, id, number or mailbox" '
        'aria-label="Search customers" autocomplete="off">'
        "</form></div>"
    ).format(icon("search"), search)


def _list(read: tuple[Page[Customer], dict[str, int]] | Away, search: str) -> Markup:
    if read is AWAY:
        return AWAY_NOTE
    found, firing = read
    if not found.items:
        if search:
            return empty("Nobody found", f"No customer's name, id, number or mailbox contains “{search}”.")
        return empty("No customers yet", "PUT /v1/customers/{id} or `kizashi import customers` adds them.")
    rows = joined(_row(customer, firing.get(customer.id, 0)) for customer in found.items)
    return H("{}{}").format(rows, _more(search, found.next))


def _row(customer: Customer, firing: int) -> Markup:
    ways = joined(chip(CHANNELS[channel]) for channel in CHANNELS if customer.addresses.get(channel))
    alarm = chip(f"{firing} firing", "major") if firing else NOTHING
    return H(
        '<a class="row customer" href="/console/customers/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="chips">{}</span><span class="sub">{}</span>'
        '<span class="end">{}</span></a>'
    ).format(customer.id, customer.name or customer.id, customer.id, ways, customer.time_zone, alarm)


def _more(search: str, cursor: str | None) -> Markup:
    if cursor is None:
        return NOTHING
    from urllib.parse import urlencode

    return H('<div class="older"><a href="/console/customers?{}">More customers</a></div>').format(
        urlencode({"q": search, "cursor": cursor})
    )
