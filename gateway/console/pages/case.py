"""One case: its evidence, what was written on it, and what to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from gateway.api.access import Caller, caller_of
from gateway.console import entries
from gateway.console.frame import AWAY, Console, crumb, html, missing_page, page, reading, show
from gateway.console.markup import NOTHING, H, ago, chip, day_and_clock, facts, joined, zone_of
from gateway.console.session import may
from gateway.storage import cases, customers, unanswered_cases
from gateway.storage.cases import AlreadyResolvedError, Case, Comment
from gateway.storage.customers import Customer
from gateway.storage.unanswered_cases import EVIDENCE, InVain, Tried

REFRESH_SECONDS = 2.0
_EVIDENCE_SHOWN = {"values", "explanation"}

Read = tuple[Case, list[Comment], Customer | None]


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/cases/{case_id}")
    async def one(request: Request, case_id: str) -> None:
        caller = caller_of(request)
        read = await reading(_read, console.api.engine, case_id)
        if read is AWAY or read is None:
            missing_page(console, caller, "cases", read, "case", case_id)
            return
        with page(console, caller, "cases", read[0].title):
            Sheet(console.api.engine, caller, read)


class Sheet:
    """The page's content, read again every few seconds and after each deed."""

    def __init__(self, engine: Engine, caller: Caller, read: Read) -> None:
        self._engine = engine
        self._caller = caller
        self._case_id = read[0].id
        self._one_at_a_time = asyncio.Lock()
        """Deeds happen in the order of the presses."""
        self._top = html(NOTHING)
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("c7 stack"):
                self._evidence = html(NOTHING, classes="stack")
            with ui.element("div").classes("c5 stack"), ui.element("section").classes("card"):
                html(H("<h2>Comments</h2>"), tag="header")
                with ui.element("div").classes("body"):
                    self._comments = html(NOTHING)
                    self._deeds = self._make_deeds()
        self._show(read)
        ui.timer(REFRESH_SECONDS, self._again)

    def _make_deeds(self) -> ui.element:
        """Write, assign, resolve; only what the caller's key may."""
        allowed = may(self._caller, "POST", "/v1/cases/{case_id}/comments")
        with ui.element("div") as deeds:
            if not allowed:
                html(H('<p class="muted small">This key may read only.</p>'))
                return deeds
            text = ui.textarea(placeholder="Write what happened, or how it ended").props("outlined autogrow dense")
            text.style("width:100%;margin-top:12px").mark("comment")
            with ui.element("div").classes("actions"):
                ui.button("Comment", on_click=lambda: self._comment(text), color=None).props("unelevated").classes(
                    "plain"
                )
                self._resolving = ui.button("Resolve", on_click=lambda: self._resolve(text), color=None)
                self._resolving.props("unelevated").classes("primary")
            with ui.element("div").classes("actions") as self._assigning:
                name = ui.input(placeholder="Who takes it").props("outlined dense").mark("assignee")
                ui.button("Assign", on_click=lambda: self._assign(name), color=None).props("unelevated").classes(
                    "plain"
                )
                ui.button("Take it", on_click=lambda: self._do_assign(self._caller.name), color=None).props(
                    "unelevated"
                ).classes("plain")
        return deeds

    async def _comment(self, text: ui.textarea) -> None:
        body = _taken(text)
        if body and not await self._do(lambda c: cases.comment(c, self._case_id, author=self._caller.name, body=body)):
            _give_back(text, body)

    async def _resolve(self, text: ui.textarea) -> None:
        ending = _taken(text)
        if not await self._do(lambda c: cases.resolve(c, self._case_id, by=self._caller.name, resolution=ending)):
            _give_back(text, ending)

    async def _assign(self, name: ui.input) -> None:
        assignee = _taken(name)
        if assignee and not await self._do_assign(assignee[:200]):
            _give_back(name, assignee)

    async def _do_assign(self, assignee: str) -> bool:
        return await self._do(lambda c: cases.assign(c, self._case_id, assignee=assignee, by=self._caller.name))

    async def _do(self, deed: Callable[[Connection], object]) -> bool:
        """Carry ``deed`` out in one transaction, say what went wrong, and show the case as it is now."""

        def in_transaction() -> None:
            with self._engine.begin() as connection:
                deed(connection)

        try:
            async with self._one_at_a_time:
                await asyncio.to_thread(in_transaction)
        except AlreadyResolvedError:
            ui.notify("The case is resolved already.", type="warning")
            return False
        except SQLAlchemyError:
            ui.notify("The database can't be reached; nothing was changed.", type="negative")
            return False
        finally:
            await self._again()
        return True

    async def _again(self) -> None:
        read = await reading(_read, self._engine, self._case_id)
        if read is not AWAY and read is not None:
            self._show(read)

    def _show(self, read: Read) -> None:
        case, comments, customer = read
        now = datetime.now(UTC)
        show(
            (self._top, _top(case)),
            (self._evidence, _evidence(case, customer, now)),
            (self._comments, _written(comments, now)),
        )
        if may(self._caller, "POST", "/v1/cases/{case_id}/comments"):
            self._resolving.set_visibility(case.state == "open")
            self._assigning.set_visibility(case.state == "open")


def _taken(field: ui.input | ui.textarea) -> str:
    """What was typed, which leaves the field at once: a second press finds nothing, and what is typed next stays."""
    typed = (field.value or "").replace("\x00", "").strip()[:10_000]
    field.set_value("")
    return typed


def _give_back(field: ui.input | ui.textarea, typed: str) -> None:
    """Nothing came of it, so it need not be typed again."""
    if not field.value:
        field.set_value(typed)


def _read(engine: Engine, case_id: str) -> Read | None:
    if "\x00" in case_id:
        return None
    with engine.connect() as connection:
        case = cases.get(connection, case_id)
        if case is None:
            return None
        customer = customers.get(connection, case.customer_id) if case.customer_id else None
        return case, cases.comments(connection, case_id), customer


def _top(case: Case) -> Markup:
    chips = [chip("open", "accent") if case.state == "open" else chip("resolved", "good")]
    if case.severity:
        chips.append(chip(case.severity, case.severity))
    chips.append(chip(f"{case.priority} priority"))
    if case.recovered_at:
        chips.append(chip("recovered by itself", "good"))
    return H('<div class="top">{}<h1>{}</h1><span class="chips">{}</span></div>').format(
        crumb("cases"), case.title, joined(chips)
    )


def _evidence(case: Case, customer: Customer | None, now: datetime) -> Markup:
    zone = zone_of(customer.time_zone) if customer else UTC
    who: Any = None
    if case.customer_id:
        name = customer.name if customer and customer.name else case.customer_id
        who = H('<a href="/console/customers/{}">{}</a>').format(case.customer_id, name)
    about = facts(
        [
            ("customer", who),
            ("device", case.device_id),
            ("queue", case.queue),
            ("assigned to", case.assignee or "nobody yet"),
            (
                "opened",
                f"{day_and_clock(case.opened_at, zone, now)} ({ago(case.opened_at, now)})" if case.opened_at else None,
            ),
            ("recovered", day_and_clock(case.recovered_at, zone, now) if case.recovered_at else None),
            ("resolved", day_and_clock(case.resolved_at, zone, now) if case.resolved_at else None),
        ]
    )
    values = facts((case.evidence.get("values") or {}).items())
    reasons = entries.why(case.evidence.get("explanation") or {})
    in_vain = unanswered_cases.read(case.evidence)
    shown = _EVIDENCE_SHOWN if in_vain is None else {*_EVIDENCE_SHOWN, EVIDENCE}
    rest = facts((name, value) for name, value in case.evidence.items() if name not in shown)
    cards = (
        ("Nobody was reached", _in_vain(in_vain, zone, now)),
        ("About", about),
        ("What mattered", values),
        ("Why the rule concluded this", reasons),
        ("Where it comes from", rest),
    )
    return joined(_card(title, content) for title, content in cards if content)


def _in_vain(told: InVain | None, zone: tzinfo, now: datetime) -> Markup:
    """What was tried on which channel, when, and how it ended."""
    if told is None:
        return NOTHING
    rows = facts((entries.CHANNELS.get(each.channel or "", "nobody"), _ended(each, zone, now)) for each in told.tried)
    if told.times < 2:  # noqa: PLR2004 once is not worth a word
        return rows
    return rows + H('<p class="muted small">In vain {} times; what stands here is the last.</p>').format(told.times)


def _ended(one: Tried, zone: tzinfo, now: datetime) -> str:
    return f"not used: {one.said}" if one.at is None else f"{day_and_clock(one.at, zone, now)}: {one.said}"


def _card(title: str, content: Markup) -> Markup:
    return H('<section class="card"><header><h2>{}</h2></header><div class="body">{}</div></section>').format(
        title, content
    )


def _written(comments: list[Comment], now: datetime) -> Markup:
    if not comments:
        return H('<p class="muted">Nobody has written anything yet.</p>')
    return joined(
        H('<div class="comment"><div class="by"><b>{}</b><span>{}</span></div>{}</div>').format(
            comment.author, ago(comment.at, now), comment.body
        )
        for comment in comments
    )
