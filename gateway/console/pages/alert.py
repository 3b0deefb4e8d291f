"""One alert: why it fires, what became of it, and a person's word on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from devices.event import Millis
from gateway.api.access import Caller, caller_of
from gateway.api.problems import Problem
from gateway.api.routes.alerts import say
from gateway.console import entries
from gateway.console.frame import AWAY, Console, crumb, html, missing_page, page, reading, show
from gateway.console.markup import NOTHING, H, ago, chip, day_and_clock, empty, facts, joined, words, zone_of
from gateway.console.pages.alerts import standing
from gateway.console.session import may
from gateway.storage import alerts_read, customers, decisions_read
from gateway.storage.alerts_read import Alert, Happening
from gateway.storage.customers import Customer
from gateway.storage.decisions_read import Made
from rules.duration import DAY, HOUR

REFRESH_SECONDS = 2.0
_SNOOZES: Final = (("1 h", HOUR), ("8 h", 8 * HOUR), ("1 day", DAY))
_WORDS: Final = {
    "acknowledge": "acknowledged",
    "snooze": "snoozed",
    "inhibit": "kept quiet",
    "release": "no longer kept quiet",
}
_TELLING: Final = ("firing", "raised")
"""Transitions whose explanation says why the alert stands as it does."""

Action = Literal["acknowledge", "snooze", "resolve"]


class Read(NamedTuple):
    """What the page shows."""

    alert: Alert
    history: list[Happening]
    made: Made | None
    """The newest decision that says why."""
    customer: Customer | None


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/alerts/{alert_id}")
    async def one(request: Request, alert_id: str) -> None:
        caller = caller_of(request)
        read = await reading(_read, console.api.engine, alert_id)
        if read is AWAY or read is None:
            missing_page(console, caller, "alerts", read, "alert", alert_id)
            return
        with page(console, caller, "alerts", read.alert.summary):
            Sheet(console, caller, read)


class Sheet:
    """The page's content, read again every few seconds and after each word."""

    def __init__(self, console: Console, caller: Caller, read: Read) -> None:
        self._console = console
        self._caller = caller
        self._alert_id = read.alert.id
        self._top = html(NOTHING)
        with ui.element("div").classes("grid"):
            with ui.element("div").classes("c7 stack"):
                self._why = html(NOTHING, classes="stack")
            with ui.element("div").classes("c5 stack"):
                with ui.element("section").classes("card"):
                    html(H("<h2>About it</h2>"), tag="header")
                    with ui.element("div").classes("body"):
                        self._about = html(NOTHING)
                        self._deeds = self._make_deeds()
                self._history = html(NOTHING, tag="section", classes="card")
        self._show(read)
        ui.timer(REFRESH_SECONDS, self._again)

    def _make_deeds(self) -> ui.element:
        with ui.element("div").classes("actions") as deeds:
            if not may(self._caller, "POST", "/v1/alerts/{alert_id}/acknowledge"):
                html(H('<p class="muted small">This key may read only.</p>'))
                return deeds
            self._button("Acknowledge", partial(self._say, "acknowledge"), "primary")
            for label, length in _SNOOZES:
                self._button(f"Snooze {label}", partial(self._say, "snooze", length), "plain")
            self._button("Resolve", partial(self._say, "resolve"), "plain")
        return deeds

    @staticmethod
    def _button(label: str, deed: Callable[[], Awaitable[None]], tone: str) -> None:
        ui.button(label, on_click=deed, color=None).props("unelevated").classes(tone)

    async def _say(self, action: Action, length: Millis | None = None) -> None:
        api = self._console.api
        until = None if length is None else api.now_ms() + length
        try:
            await say(api, self._caller, self._alert_id, action, until)
        except Problem as problem:
            ui.notify(str(problem), type="warning")
        else:
            ui.notify("Noted. It shows in a moment.", type="positive")
        await self._again()

    async def _again(self) -> None:
        read = await reading(_read, self._console.api.engine, self._alert_id)
        if read is not AWAY and read is not None:
            self._show(read)

    def _show(self, read: Read) -> None:
        now = datetime.now(UTC)
        zone = zone_of(read.customer.time_zone) if read.customer else UTC
        show(
            (self._top, _top(read.alert, now)),
            (self._why, _why(read.made)),
            (self._about, _about(read, zone, now)),
            (self._history, _history(read.history, zone, now)),
        )
        self._deeds.set_visibility(read.alert.state == "firing")


def _read(engine: Engine, alert_id: str) -> Read | None:
    if "\x00" in alert_id:
        return None
    with engine.connect() as connection:
        alert = alerts_read.get(connection, alert_id)
        if alert is None:
            return None
        history = alerts_read.history(connection, alert_id)
        telling = [each.decision_id for each in history if each.decision_id and each.what in _TELLING]
        made = decisions_read.get(connection, telling[-1]) if telling else None
        customer = customers.get(connection, alert.customer_id) if alert.customer_id else None
        return Read(alert, history, made, customer)


def _top(alert: Alert, now: datetime) -> Markup:
    state = chip("firing", "accent") if alert.state == "firing" else NOTHING
    return H('<div class="top">{}<h1>{}</h1><span class="chips">{}{}</span></div>').format(
        crumb("alerts"), alert.summary, state, standing(alert, now)
    )


def _why(made: Made | None) -> Markup:
    if made is None:
        return H('<section class="card">{}</section>').format(
            empty("Its decision is not stored", "It was made before decisions were kept, or has been erased.")
        )
    more = H('<p class="more"><a href="/console/decisions/{}">The whole decision, and what followed</a></p>').format(
        made.id
    )
    why = entries.why(made.explanation)
    return H(
        '<section class="card"><header><h2>Why</h2><span class="aside">{}</span></header><div class="body">{}{}</div>'
        '</section><section class="card"><header><h2>What mattered</h2></header><div class="body">{}</div></section>'
    ).format(f"rule version {made.rule_version}", why, more, facts(made.values.items()))


def _about(read: Read, zone: tzinfo, now: datetime) -> Markup:
    alert = read.alert
    who: Any = None
    if alert.customer_id:
        name = read.customer.name if read.customer and read.customer.name else alert.customer_id
        who = H('<a href="/console/customers/{}">{}</a>').format(alert.customer_id, name)

    def shown(at: int | None) -> str | None:
        if at is None:
            return None
        moment = datetime.fromtimestamp(at / 1000, UTC)
        return f"{day_and_clock(moment, zone, now)} ({ago(moment, now)})"

    return facts(
        [
            ("rule", H('<a href="/console/rules/{}">{}</a>').format(alert.rule_id, alert.rule_id)),
            ("device", alert.subject),
            ("customer", who),
            ("purpose", alert.purpose),
            ("fired", shown(alert.fired_at)),
            ("severity rose", shown(alert.raised_at)),
            ("acknowledged", shown(alert.acknowledged_at)),
            ("by", alert.acknowledged_by),
            ("kept quiet by", alert.inhibited_by),
            ("over", shown(alert.resolved_at)),
        ]
    )


def _history(history: list[Happening], zone: tzinfo, now: datetime) -> Markup:
    rows = joined(_happening(each, zone, now) for each in reversed(history))
    return H('<header><h2>What became of it</h2></header><div class="rows">{}</div>').format(rows)


def _happening(each: Happening, zone: tzinfo, now: datetime) -> Markup:
    moment = datetime.fromtimestamp(each.at / 1000, UTC)
    what = f"{_WORDS.get(each.what, words(each.what))}{f' by {each.by}' if each.by else ''}"
    if each.until is not None:
        what += f" until {day_and_clock(datetime.fromtimestamp(each.until / 1000, UTC), zone, now)}"
    mark = (
        chip(each.severity, each.severity)
        if each.severity and each.what in {"firing", "raised", "lowered"}
        else NOTHING
    )
    inner = H(
        '<span><span class="title">{}</span> {}<br><span class="sub">{}</span></span><span class="end">{}</span>'
    ).format(what, mark, each.summary or "", day_and_clock(moment, zone, now))
    if each.decision_id is None:
        return H('<div class="row brief">{}</div>').format(inner)
    return H('<a class="row brief" href="/console/decisions/{}">{}</a>').format(each.decision_id, inner)
