"""One customer: who they are, and every touchpoint, as it happens."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo

import msgspec
from markupsafe import Markup
from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console import entries
from gateway.console.entries import CHANNELS
from gateway.console.frame import AWAY, AWAY_NOTE, Console, crumb, html, page, reading, show
from gateway.console.markup import NOTHING, H, chip, day_name, empty, facts, joined, words, zone_of
from gateway.console.their_data import TheirData
from gateway.storage import alerts_read, cases, consents, customers, decisions_read, devices, timeline
from gateway.storage.alerts_read import Alert
from gateway.storage.cases import Case
from gateway.storage.consents import Consents
from gateway.storage.customers import Customer
from gateway.storage.decisions_read import Made
from gateway.storage.devices import Device
from gateway.storage.paging import Page
from gateway.storage.timeline import Entry

LIMIT = 50
TICK_SECONDS = 0.5
POLL_SECONDS = 5.0
"""Without a notification: one may be lost."""
EVERYBODYS = ("push", "sms", "email")
"""Channels of which one wants to see that a customer lacks them; of others only what there is."""


class Known(msgspec.Struct, frozen=True):
    """What stands beside the timeline."""

    customer: Customer
    consents: Consents
    devices: list[Device]
    alerts: list[Alert]
    cases: list[Case]


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/customers/{customer_id}")
    async def customer(request: Request, customer_id: str) -> None:
        caller = caller_of(request)
        mark = console.changes.mark(customer_id)
        engine = console.api.engine
        known = await reading(_known, engine, customer_id)
        first = await reading(_page, engine, customer_id, None)
        if known is AWAY or known is None or first is AWAY:
            with page(console, caller, "customers", "Customer"):
                html(crumb("customers"))
                nobody = empty("There is no such customer", f"Nobody has the id {customer_id}.")
                html(nobody if known is None else AWAY_NOTE, classes="card")
            return
        zone = zone_of(known.customer.time_zone)
        with page(console, caller, "customers", known.customer.name or customer_id):
            html(_top(known))
            with ui.element("div").classes("grid"):
                with ui.element("section").classes("c8 card"):
                    shown = Shown(engine, customer_id, zone, first)
                with ui.element("div").classes("c4 stack"):
                    beside = html(_beside(known), classes="stack")
                    TheirData(console, caller, customer_id)
        _keep_live(console, customer_id, shown, beside, mark)


def _keep_live(console: Console, customer_id: str, shown: Shown, beside: ui.html, mark: int) -> None:
    """Look again when PostgreSQL says that this timeline changed, and now and then without being told."""
    seen, looked = mark, time.monotonic()

    async def tick() -> None:
        nonlocal seen, looked
        present = console.changes.mark(customer_id)
        if present == seen and time.monotonic() - looked < POLL_SECONDS:
            return
        seen, looked = present, time.monotonic()
        newest = await reading(_page, console.api.engine, customer_id, None)
        known = await reading(_known, console.api.engine, customer_id)
        if newest is not AWAY:
            shown.take(newest)
        if known is not AWAY and known is not None:
            show((beside, _beside(known)))

    ui.timer(TICK_SECONDS, tick)


class Shown:
    """The entries on the page, by day, newest first. New ones are put where they belong."""

    def __init__(self, engine: Engine, customer_id: str, zone: tzinfo, first: Page[Entry]) -> None:
        self._engine = engine
        self._customer_id = customer_id
        self._zone = zone
        self._cursor = first.next
        self._days: dict[str, tuple[Element, list[str]]] = {}
        self._keys: set[str] = set()
        self._list = ui.element("div")
        self._older = ui.element("div").classes("older")
        with self._older:
            ui.button("Older", on_click=self._more, color=None).props("flat no-caps").classes("plain")
        with self._list:
            self._nothing = html(empty("Nothing yet", "Everything that concerns this customer will stand here."))
        self._place(first.items, fresh=False)
        self._settle()

    def take(self, newest: Page[Entry]) -> None:
        """Show what is new among the newest entries."""
        if self._keys and newest.items and not any(entry.id in self._keys for entry in newest.items):
            ui.navigate.reload()  # more has happened than a page holds
            return
        self._place(newest.items, fresh=True)
        self._settle()

    async def _more(self) -> None:
        older = await reading(_page, self._engine, self._customer_id, self._cursor)
        if older is not AWAY:
            self._cursor = older.next
            self._place(older.items, fresh=False)
            self._settle()

    def _settle(self) -> None:
        self._nothing.set_visibility(not self._keys)
        self._older.set_visibility(self._cursor is not None)

    def _place(self, items: list[Entry], *, fresh: bool) -> None:
        before: dict[str, str] = {}
        for entry in items:
            day = entry.at.astimezone(self._zone).date().isoformat()
            if entry.id not in self._keys:
                self._keys.add(entry.id)
                container, order = self._day(day, entry.at)
                index = order.index(before[day]) + 1 if day in before else 0 if fresh else len(order)
                order.insert(index, entry.id)
                with container:
                    self._entry(entry, fresh=fresh).move(target_index=index)
            before[day] = entry.id

    def _day(self, day: str, at: datetime) -> tuple[Element, list[str]]:
        if day not in self._days:
            position = sum(1 for other in self._days if other > day)
            with self._list:
                section = ui.element("section")
                section.move(target_index=position + 1)  # behind the note that there is nothing
            with section:
                html(H("{}").format(day_name(at, self._zone, datetime.now(UTC))), classes="day", tag="h2")
                self._days[day] = (ui.element("div"), [])
        return self._days[day]

    def _entry(self, entry: Entry, *, fresh: bool) -> Element:
        row = ui.element("details").classes("entry fresh" if fresh else "entry").mark("entry")
        with row:
            html(entries.head(entry, self._zone), tag="summary")
            more = html(H('<span class="muted">Reading…</span>'), classes="more")
        opened = False

        async def open_once() -> None:
            nonlocal opened
            if not opened:
                opened = True
                made = await reading(_made, self._engine, entry.decision_id) if entry.decision_id else None
                more.set_content(entries.behind(entry, None if made is AWAY else made))

        row.on("toggle", open_once)
        return row


def _known(engine: Engine, customer_id: str) -> Known | None:
    if "\x00" in customer_id:
        return None
    with engine.connect() as connection:
        found = customers.get(connection, customer_id)
        if found is None:
            return None
        return Known(
            found,
            consents.get(connection, customer_id),
            devices.page(connection, owner=customer_id, limit=20).items,
            alerts_read.firing(connection, customer_id=customer_id, limit=20),
            cases.page(connection, customer_id=customer_id, limit=10).items,
        )


def _page(engine: Engine, customer_id: str, cursor: str | None) -> Page[Entry]:
    if "\x00" in customer_id:
        return Page([], None)
    with engine.connect() as connection:
        return timeline.page(connection, customer_id, cursor=cursor, limit=LIMIT)


def _made(engine: Engine, decision_id: str) -> Made | None:
    with engine.connect() as connection:
        return decisions_read.get(connection, decision_id)


def _top(known: Known) -> Markup:
    who = known.customer
    zone = zone_of(who.time_zone)
    there = datetime.now(UTC).astimezone(zone).strftime("%H:%M")
    about = chip(f"{there} there · {who.time_zone}") + chip(who.locale)
    return H(
        '<div class="top">{}<h1>{}</h1><span class="chips">{}</span><span class="grow"></span>'
        '<span class="live">live</span></div>'
    ).format(crumb("customers"), who.name or who.id, about)


def _beside(known: Known) -> Markup:
    who = known.customer
    cards = [
        _card("Needs attention", joined(_alert(each) for each in known.alerts if each.purpose != "offers")),
        _card("Cases", joined(_case(each) for each in known.cases)),
        _card("How to reach them", _addresses(known)),
        _card("Devices", joined(_device(each) for each in known.devices)),
        _card("About", facts([("id", who.id), *who.attributes.items()])),
    ]
    return joined(card for card in cards if card)


def _card(title: str, content: Markup) -> Markup:
    if not content:
        return NOTHING
    return H('<section class="card"><header><h2>{}</h2></header><div class="body">{}</div></section>').format(
        title, content
    )


def _alert(alert: Alert) -> Markup:
    return H('<div class="block">{} <span>{}</span><div class="muted small">{} · rule {}</div></div>').format(
        chip(alert.severity, alert.severity), alert.summary, alert.subject, alert.rule_id
    )


def _case(case: Case) -> Markup:
    state = chip("open", "accent") if case.state == "open" else chip("resolved")
    return H(
        '<div class="block"><a href="/console/cases/{}">{}</a><div class="muted small">{} {} · {}</div></div>'
    ).format(case.id, case.title, state, case.queue, case.assignee or "nobody assigned")


def _addresses(known: Known) -> Markup:
    addresses = known.customer.addresses
    order = [*known.customer.preferred_channels, *CHANNELS]
    rows = []
    for channel in dict.fromkeys(order):
        where = addresses.get(channel)
        tokens = len(where) if isinstance(where, list) else 0
        named = f"{tokens} device{'' if tokens == 1 else 's'}" if tokens else where or "—"
        agreed = [
            chip(words(purpose), "good" if by[channel] else "")
            for purpose, by in known.consents.granted.items()
            if by.get(channel)
        ]
        if not (where or agreed) and channel not in EVERYBODYS:
            continue
        said = joined(agreed) if agreed else H('<span class="muted small">no consent</span>')
        rows.append((CHANNELS.get(channel, channel), H('{}<div class="chips">{}</div>').format(named, said)))
    source = known.consents.source
    return H("{}{}").format(
        facts(rows, narrow=True),
        H('<p class="muted small" style="margin-top:10px">Consents by: {}</p>').format(source) if source else NOTHING,
    )


def _device(device: Device) -> Markup:
    return H('<div class="block"><b>{}</b><div class="muted small">{}</div></div>').format(
        device.id, " · ".join(filter(None, (device.model, device.store and f"store {device.store}"))) or "no model"
    )
