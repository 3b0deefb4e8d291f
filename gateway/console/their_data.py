"""A card on a customer's page: everything on record of them in a file, or nothing left of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from gateway.api.access import Caller
from gateway.console.frame import Console, html
from gateway.console.markup import H
from gateway.console.session import may
from gateway.retention.erase import erase
from gateway.retention.export import document

_IN_FULL = "`kizashi export` and GET /v1/customers/{customer_id}/export give it"
_AWAY = "The database can't be reached. Try again in a moment."


class TheirData:
    """What the caller's role may do with it; nothing is shown to who may do nothing."""

    def __init__(self, console: Console, caller: Caller, customer_id: str) -> None:
        self._engine = console.api.engine
        self._events_kept = console.api.events_kept
        self._customer_id = customer_id
        exports = may(caller, "GET", "/v1/customers/{customer_id}/export")
        erases = may(caller, "DELETE", "/v1/customers/{customer_id}")
        if not (exports or erases):
            return
        with ui.element("section").classes("card"):
            html(H("<h2>Their data</h2>"), tag="header")
            with ui.element("div").classes("body"):
                with ui.element("div").classes("actions first"):
                    if exports:
                        ui.button("Export", on_click=self._export, color=None).props("unelevated").classes("plain")
                    if erases:
                        ui.button("Erase…", on_click=self._ask, color=None).props("unelevated").classes("plain")
                if erases:
                    self._make_question()

    def _make_question(self) -> None:
        """Hidden until it is asked for; the id has to be typed, so that no slip erases anybody."""
        with ui.element("div") as self._question:
            html(
                H(
                    '<p class="muted small">Everything that speaks of this customer is removed, for good. '
                    "Devices stay, without an owner. To go on, type the id <b>{}</b>.</p>"
                ).format(self._customer_id)
            )
            with ui.element("div").classes("actions"):
                self._typed = ui.input(placeholder="Id").props("outlined dense").mark("erase-id")
                button = ui.button("Erase for good", on_click=self._erase, color=None).props("unelevated")
                button.classes("primary")
        self._question.set_visibility(False)

    def _ask(self) -> None:
        self._question.set_visibility(True)

    async def _export(self) -> None:
        try:
            content = await asyncio.to_thread(self._whole)
        except SQLAlchemyError:
            ui.notify(_AWAY, type="warning")
        else:
            ui.download.content(content, "customer.json", "application/json")

    def _whole(self) -> bytes:
        """Without the events: they may be many, and a browser is given it in one piece."""
        now, kept = datetime.now(UTC), self._events_kept
        return b"".join(document(self._engine, self._customer_id, now, kept=kept, why_not=_IN_FULL))

    async def _erase(self) -> None:
        if (self._typed.value or "").strip() != self._customer_id:
            ui.notify(f"Type {self._customer_id} to erase this customer.", type="warning")
            return
        try:
            await asyncio.to_thread(erase, self._engine, self._customer_id)
        except SQLAlchemyError:
            ui.notify(_AWAY, type="warning")
        else:
            ui.navigate.to("/customers")
