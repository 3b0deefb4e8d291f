"""One rule: what it says, how often it spoke, what it speaks of now."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.asking import Asking
from gateway.console.frame import AWAY, Console, crumb, html, live, missing_page, page, reading
from gateway.console.markup import NOTHING, H, ago, chip, empty, facts, joined, span
from gateway.console.pages.rules import usable
from gateway.console.spark import days
from gateway.console.trying import Trying
from gateway.storage import alerts_read, rule_activity, rule_sets
from gateway.storage.alerts_read import Alert
from gateway.storage.rule_activity import QUIET, Activity
from notifiers.channel_names import within
from rules.excerpt import Excerpt, excerpt
from rules.rule import Rule

DAYS = 30
SHOWN = 20
REFRESH_SECONDS = 5.0


class Read(NamedTuple):
    """What the page shows."""

    rule: Rule
    source: Excerpt | None
    active: Activity
    firing: list[Alert]
    files: dict[str, str]
    """The whole set that holds."""


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/rules/{rule_id}")
    async def one(request: Request, rule_id: str) -> None:
        caller = caller_of(request)
        read = await reading(_read, console.api.engine, rule_id)
        if read is AWAY or read is None:
            missing_page(console, caller, "rules", read, "rule", rule_id)
            return

        async def activity() -> Markup | None:
            again = await reading(_read, console.api.engine, rule_id)
            return None if again is AWAY or again is None else _activity(again)

        with page(console, caller, "rules", read.rule.name or rule_id):
            html(_top(read.rule))
            with ui.element("div").classes("grid"):
                with ui.element("div").classes("c7 stack"):
                    html(_said(read), tag="section", classes="card")
                    if read.source is not None:
                        Trying(console, caller, rule_id, read.source, read.files)
                    Asking(console, rule_id, read.firing[0].subject if read.firing else "")
                with ui.element("div").classes("c5 stack"):
                    live(activity, seconds=REFRESH_SECONDS, first=_activity(read), classes="stack")


def _read(engine: Engine, rule_id: str) -> Read | None:
    with engine.connect() as connection:
        held = rule_sets.newest(connection)
        rule = next((each for each in usable(held)[0] if each.id == rule_id), None)
        if held is None or rule is None:
            return None
        now = int(time.time() * 1000)
        active = rule_activity.activity(connection, now=now, days=DAYS, rule_id=rule_id).get(rule_id, QUIET)
        firing = alerts_read.firing(connection, rule_id=rule_id, limit=SHOWN) if active.firing else []
        return Read(rule, excerpt(held.files, rule_id), active, firing, held.files)


def _top(rule: Rule) -> Markup:
    chips = joined([chip(rule.severity, rule.severity), chip(rule.purpose), chip(f"version {rule.version}")])
    return H('<div class="top">{}<h1>{}</h1><span class="chips">{}</span></div>').format(
        crumb("rules"), rule.name or rule.id, chips
    )


def _said(read: Read) -> Markup:
    """The rule's own text with the numbers of its lines, and what follows from it."""
    source = read.source
    aside = H('<span class="aside">{}</span>').format(f"{source.file}, line {source.line}") if source else NOTHING
    text = numbered(source.text, source.line) if source else H('<p class="muted">Its file can\'t be read.</p>')
    return H('<header><h2>What it says</h2>{}</header><div class="body">{}{}</div>').format(
        aside, text, facts(_follows(read.rule))
    )


def _follows(rule: Rule) -> list[tuple[str, object]]:
    said: list[tuple[str, object]] = [("watches", ", ".join(rule.metrics))]
    if rule.notify is not None:
        channels = ", ".join(within(channel) for channel in rule.notify.channels) or "as the customer prefers"
        said.append(("tells", f"{rule.notify.template} by {channels}"))
    if rule.case is not None:
        said.append(("opens a case in", f"{rule.case.queue}, {rule.case.priority} priority"))
    said += [
        (name, span(duration))
        for name, duration in (("again every", rule.repeat_every_ms), ("cooldown", rule.cooldown_ms))
        if duration is not None
    ]
    return said


def numbered(text: str, first: int) -> Markup:
    """Lines of a file with their numbers, which are not copied along."""
    lines = joined(
        H('<span class="l" data-n="{}">{}\n</span>').format(first + place, line)
        for place, line in enumerate(text.splitlines())
    )
    return H('<pre class="source">{}</pre>').format(lines)


def _activity(read: Read) -> Markup:
    now = datetime.now(UTC)
    total = sum(read.active.daily)
    counts = read.active.daily or (0,) * DAYS
    chart = days([("alerts", "bar", counts)], now.date())
    by_day = H(
        '<section class="card"><header><h2>Alerts by day</h2><span class="aside">{} in {} days, UTC</span></header>'
        '<div class="body">{}</div></section>'
    ).format(total, DAYS, chart)
    if not read.firing:
        rows = empty("Nothing fires", "What it finds stands here until it is over.")
    else:
        rows = joined(_row(alert, now) for alert in read.firing)
    aside = H('<span class="aside">{}</span>').format(read.active.firing) if read.firing else NOTHING
    firing = H(
        '<section class="card"><header><h2>Firing now</h2>{}</header><div class="rows">{}</div></section>'
    ).format(aside, rows)
    return by_day + firing


def _row(alert: Alert, now: datetime) -> Markup:
    since = datetime.fromtimestamp(alert.fired_at / 1000, UTC)
    return H(
        '<a class="row brief" href="/console/alerts/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="end">{}</span></a>'
    ).format(alert.id, alert.summary, alert.subject, ago(since, now))
