"""One decision: why it was taken, what the rule said then, and what followed."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console import entries
from gateway.console.frame import AWAY, Console, html, live, missing, page, reading
from gateway.console.icons import icon
from gateway.console.markup import NOTHING, H, chip, clock, day_and_clock, facts, joined, words, zone_of
from gateway.console.pages.rule import numbered
from gateway.rule_text import RuleText, text_of
from gateway.storage import consequences, customers, decisions_read
from gateway.storage.consequences import Consequences, MessageSent
from gateway.storage.customers import Customer
from gateway.storage.decisions_read import Made
from gateway.storage.inquiries import Said

REFRESH_SECONDS = 3.0


class Read(NamedTuple):
    """What the page shows."""

    made: Made
    text: RuleText | None
    followed: Consequences
    customer: Customer | None


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/decisions/{decision_id}")
    async def one(request: Request, decision_id: str) -> None:
        caller = caller_of(request)
        read = await reading(_read, console.api.engine, decision_id)
        if read is AWAY or read is None:
            with page(console, caller, "alerts", "Decision"):
                html(missing(read, "decision", decision_id), classes="card")
            return

        async def followed() -> Markup | None:
            again = await reading(_read, console.api.engine, decision_id)
            return None if again is AWAY or again is None else _followed(again)

        with page(console, caller, "alerts", read.made.summary):
            html(_top(read.made))
            with ui.element("div").classes("grid"):
                with ui.element("div").classes("c7 stack"):
                    html(_why(read), classes="stack")
                with ui.element("div").classes("c5 stack"):
                    live(followed, seconds=REFRESH_SECONDS, first=_followed(read), classes="stack")


def _read(engine: Engine, decision_id: str) -> Read | None:
    if "\x00" in decision_id:
        return None
    with engine.connect() as connection:
        made = decisions_read.get(connection, decision_id)
        if made is None:
            return None
        text = text_of(connection, made.rule_id, made.rule_version, made.made_at)
        customer = customers.get(connection, made.customer_id) if made.customer_id else None
        return Read(made, text, consequences.of(connection, made), customer)


def _top(made: Made) -> Markup:
    crumb = H('<a class="crumb" href="/console/alerts/{}">{}The alert</a>').format(made.alert_id, icon("back"))
    chips = joined([chip(made.transition, "accent"), chip(made.severity, made.severity), chip(made.purpose)])
    return H('<div class="top">{}<h1>{}</h1><span class="chips">{}</span></div>').format(crumb, made.summary, chips)


def _card(title: str, content: Markup, aside: str = "") -> Markup:
    said = H('<span class="aside">{}</span>').format(aside) if aside else NOTHING
    return H('<section class="card"><header><h2>{}</h2>{}</header><div class="body">{}</div></section>').format(
        title, said, content
    )


def _why(read: Read) -> Markup:
    made = read.made
    rule = H('<p class="muted">No rule set that is kept has this version of the rule.</p>')
    aside = f"version {made.rule_version}"
    if read.text is not None:
        rule = numbered(read.text.excerpt.text, read.text.excerpt.line)
        aside = f"{read.text.excerpt.file}, version {made.rule_version}"
    return joined(
        [
            _card("Why", entries.why(made.explanation)),
            _card("What the rule said", rule, aside),
            _card("What mattered", facts(made.values.items())),
        ]
    )


def _followed(read: Read) -> Markup:
    made, followed = read.made, read.followed
    zone = zone_of(read.customer.time_zone) if read.customer else UTC
    now = datetime.now(UTC)
    who: Any = None
    if made.customer_id:
        name = read.customer.name if read.customer and read.customer.name else made.customer_id
        who = H('<a href="/console/customers/{}">{}</a>').format(made.customer_id, name)
    case: Any = None
    if followed.case is not None:
        case = H('<a href="/console/cases/{}">{}</a>').format(followed.case.id, followed.case.title)
    about = facts(
        [
            ("device", made.subject),
            ("customer", who),
            ("store", made.store_id),
            ("happened", day_and_clock(datetime.fromtimestamp(made.at / 1000, UTC), zone, now)),
            ("decided", clock(made.made_at, zone)),
            ("case", case),
            ("log position", f"{made.seq}, {made.index}"),
            ("id", made.id),
        ]
    )
    return joined([_card("About it", about), _card("Who was told, and why not", _told(followed, zone))])


def _told(followed: Consequences, zone: tzinfo) -> Markup:
    if not followed.said and not followed.messages:
        return H('<p class="muted">The rule tells nobody at this step.</p>')
    sent = joined(_message(each, zone) for each in followed.messages)
    said = joined(_said(each, zone) for each in followed.said)
    return H('<div class="rows bare">{}{}</div>').format(sent, said)


def _message(message: MessageSent, zone: tzinfo) -> Markup:
    state = chip(message.state, entries.MESSAGE_TONES.get(message.state, ""))
    why = f" · {entries.reason_words(message.reason)}" if message.reason else ""
    return H(
        '<div class="row brief"><span>{} <span class="title">{}</span> {}<br><span class="sub">{}{}</span></span>'
        '<span class="end">{}</span></div>'
    ).format(
        icon(message.channel),
        entries.CHANNELS.get(message.channel, message.channel),
        state,
        message.title or message.template,
        why,
        clock(message.created_at, zone),
    )


def _said(said: Said, zone: tzinfo) -> Markup:
    reason = chip(words(said.reason)) if said.reason else NOTHING
    return H(
        '<div class="row brief"><span>{} {}<br><span class="sub">{}</span></span><span class="end">{}</span></div>'
    ).format(
        H('<span class="title">{}</span>').format("Not told" if said.kind == "suppression" else "Decided"),
        reason,
        said.summary,
        clock(said.at, zone),
    )
