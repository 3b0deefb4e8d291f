"""One message: what it said, what befell it, and a person's word to send it again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from gateway.api.access import Caller, caller_of
from gateway.api.problems import Problem
from gateway.api.routes.messages import send_again
from gateway.console.frame import AWAY, Console, crumb, html, missing_page, page, reading, show
from gateway.console.markup import NOTHING, H, ago, chip, day_and_clock, empty, facts, joined, zone_of
from gateway.console.pages.messages import standing
from gateway.console.session import may
from gateway.storage import customers, messages_read
from gateway.storage.customers import Customer
from gateway.storage.messages_read import Happening, Message
from notifiers.policy.stages.addresses import masked

REFRESH_SECONDS = 2.0
_AGAIN = ("failed", "unknown")
"""States in which a person may want it sent again."""


class Read(NamedTuple):
    """What the page shows."""

    message: Message
    history: list[Happening]
    customer: Customer | None


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/messages/{message_id}")
    async def one(request: Request, message_id: str) -> None:
        caller = caller_of(request)
        read = await reading(_read, console.api.engine, message_id)
        if read is AWAY or read is None:
            missing_page(console, caller, "messages", read, "message", message_id)
            return
        with page(console, caller, "messages", read.message.title or "Message"):
            Sheet(console, caller, read)


class Sheet:
    """The page's content, read again every few seconds and after the deed."""

    def __init__(self, console: Console, caller: Caller, read: Read) -> None:
        self._console = console
        self._caller = caller
        self._message_id = read.message.id
        self._top = html(NOTHING)
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("c7 stack"):
                self._said = html(NOTHING, tag="section", classes="card")
                self._history = html(NOTHING, tag="section", classes="card")
            with ui.element("div").classes("c5 stack"), ui.element("section").classes("card"):
                html(H("<h2>About it</h2>"), tag="header")
                with ui.element("div").classes("body"):
                    self._about = html(NOTHING)
                    self._deeds = self._make_deeds()
        self._show(read)
        ui.timer(REFRESH_SECONDS, self._again)

    def _make_deeds(self) -> ui.element:
        with ui.element("div").classes("actions") as deeds:
            if may(self._caller, "POST", "/v1/messages/{message_id}/resend"):
                ui.button("Send again", on_click=self._resend, color=None).props("unelevated").classes("primary")
            else:
                html(H('<p class="muted small">This key may read only.</p>'))
        return deeds

    async def _resend(self) -> None:
        try:
            await asyncio.to_thread(send_again, self._console.api, self._caller, self._message_id)
        except Problem as problem:
            ui.notify(str(problem), type="warning")
        except SQLAlchemyError:
            ui.notify("The database can't be reached. Try again in a moment.", type="warning")
        else:
            ui.notify("It is on its way again.", type="positive")
        await self._again()

    async def _again(self) -> None:
        read = await reading(_read, self._console.api.engine, self._message_id)
        if read is not AWAY and read is not None:
            self._show(read)

    def _show(self, read: Read) -> None:
        now = datetime.now(UTC)
        zone = zone_of(read.customer.time_zone) if read.customer else UTC
        show(
            (self._top, _top(read.message)),
            (self._said, _said(read.message)),
            (self._about, _about(read, zone, now)),
            (self._history, _history(read.history, zone, now)),
        )
        self._deeds.set_visibility(read.message.state in _AGAIN)


def _read(engine: Engine, message_id: str) -> Read | None:
    if "\x00" in message_id:
        return None
    with engine.connect() as connection:
        message = messages_read.get(connection, message_id)
        if message is None:
            return None
        customer = customers.get(connection, message.customer_id)
        return Read(message, messages_read.history_of(connection, message), customer)


def _top(message: Message) -> Markup:
    title = message.title or message.body or "A message"
    return H('<div class="top">{}<h1>{}</h1><span class="chips">{}</span></div>').format(
        crumb("messages"), title, standing(message)
    )


def _said(message: Message) -> Markup:
    if not message.address:
        gone = empty("Not kept any more", "Its text and address were deleted for their age.")
        return H("<header><h2>What it says</h2></header>{}").format(gone)
    lines = joined((H("{}").format(line) for line in message.body.splitlines()), "<br>")
    return H('<header><h2>What it says</h2></header><div class="body said"><p>{}</p></div>').format(lines)


def _about(read: Read, zone: tzinfo, now: datetime) -> Markup:
    message = read.message
    name = read.customer.name if read.customer and read.customer.name else message.customer_id

    def shown(moment: datetime | None) -> str | None:
        return None if moment is None else f"{day_and_clock(moment, zone, now)} ({ago(moment, now)})"

    def due(moment: datetime | None) -> str | None:
        return None if moment is None else day_and_clock(moment, zone, now)

    return facts(
        [
            ("customer", H('<a href="/console/customers/{}">{}</a>').format(message.customer_id, name)),
            # A subscription's keys say nothing to a person.
            ("to", masked(message.address) if message.channel == "webpush" else message.address),
            ("purpose", message.purpose),
            ("template", message.template),
            ("reason", message.reason),
            ("provider", message.provider),
            ("tries", message.attempts),
            ("made", shown(message.created_at)),
            ("first sent", shown(message.first_sent_at)),
            ("worth something until", due(message.expires_at)),
            ("why", H('<a href="/console/decisions/{}">the decision</a>').format(message.decision_id)),
        ]
    )


def _history(history: list[Happening], zone: tzinfo, now: datetime) -> Markup:
    rows = joined(_happening(each, zone, now) for each in reversed(history))
    return H('<header><h2>What befell it</h2></header><div class="rows">{}</div>').format(
        rows or empty("Nothing yet", "Each try stands here.")
    )


def _happening(each: Happening, zone: tzinfo, now: datetime) -> Markup:
    mark = chip(f"try {each.attempt}") if each.attempt else NOTHING
    return H(
        '<div class="row brief"><span><span class="title">{}</span> {}</span><span class="end">{}</span></div>'
    ).format(each.summary, mark, day_and_clock(each.at, zone, now))
