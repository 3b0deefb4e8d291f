"""What fires now, and what fired. Offers, such as a visit that one goes with, stand apart: they are no trouble."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.frame import AWAY, AWAY_NOTE, Console, live, page, reading
from gateway.console.markup import NOTHING, H, ago, chip, empty, joined
from gateway.console.pulse import names_of
from gateway.storage import alerts_read
from gateway.storage.alerts_read import Alert, State
from gateway.storage.cursors import CursorError
from gateway.storage.paging import Page

LIMIT = 50
REFRESH_SECONDS = 2.0


class _Tab(NamedTuple):
    name: str
    label: str
    state: State | None
    offers: bool
    nothing: tuple[str, str]
    """What to say where there is none."""


_HOLDS = "When a rule's condition holds, its alert stands here."
_TABS: Final = (
    _Tab("firing", "Firing", "firing", offers=False, nothing=("Nothing fires", _HOLDS)),
    _Tab("resolved", "Over", "resolved", offers=False, nothing=("No alerts", _HOLDS)),
    _Tab("all", "All", None, offers=False, nothing=("No alerts", _HOLDS)),
    _Tab(
        "offers", "Offers", None, offers=True,
        nothing=("No occasions for offers", "When a rule of purpose offers holds, such as a visit, that stands here."),
    ),
)  # fmt: skip
_ENDED = {"time": "ended by time", "withdrawn": "rule gone", "passed": "passed"}


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/alerts")
    async def alerts(request: Request, state: str = "firing", cursor: str | None = None) -> None:
        tab = next((each for each in _TABS if each.name == state), _TABS[0])

        async def render() -> Markup | None:
            read = await reading(_read, console.api.engine, tab, cursor)
            return None if read is AWAY else _whole(tab, *read)

        first = await render() or AWAY_NOTE
        with page(console, caller_of(request), "alerts", "Alerts"):
            live(render, seconds=REFRESH_SECONDS, first=first)


def _read(engine: Engine, tab: _Tab, cursor: str | None) -> tuple[Page[Alert], dict[str, str]]:
    with engine.connect() as connection:
        try:
            found = alerts_read.page(connection, state=tab.state, offers=tab.offers, cursor=cursor, limit=LIMIT)
        except CursorError:
            found = alerts_read.page(connection, state=tab.state, offers=tab.offers, limit=LIMIT)
        return found, names_of(connection, {alert.customer_id for alert in found.items if alert.customer_id})


def _whole(tab: _Tab, found: Page[Alert], names: dict[str, str]) -> Markup:
    tabs = joined(
        H('<a href="/console/alerts?state={}"{}>{}</a>').format(
            each.name, H(' aria-current="page"') if each == tab else NOTHING, each.label
        )
        for each in _TABS
    )
    top = H(
        '<div class="top"><h1>Alerts</h1><span class="grow"></span><nav class="tabs" aria-label="State">{}</nav></div>'
    ).format(tabs)
    return H('{}<div class="card rows">{}</div>').format(top, _list(tab, found, names))


def _list(tab: _Tab, found: Page[Alert], names: dict[str, str]) -> Markup:
    if not found.items:
        return empty(*tab.nothing)
    now = datetime.now(UTC)
    rows = joined(_row(alert, names, now) for alert in found.items)
    if found.next is None:
        return rows
    older = urlencode({"state": tab.name, "cursor": found.next})
    return H('{}<div class="older"><a href="/console/alerts?{}">Older alerts</a></div>').format(rows, older)


def _row(alert: Alert, names: dict[str, str], now: datetime) -> Markup:
    who = names.get(alert.customer_id or "", alert.customer_id or "")
    about = " · ".join(filter(None, (alert.rule_id, alert.subject, who)))
    since = datetime.fromtimestamp(alert.fired_at / 1000, UTC)
    return H(
        '<a class="row alert" href="/console/alerts/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="chips">{}</span><span class="end">{}</span></a>'
    ).format(alert.id, alert.summary, about, standing(alert, now), ago(since, now))


def standing(alert: Alert, now: datetime) -> Markup:
    """Severity, and what else stands about it, as chips."""
    chips = [chip(alert.severity, alert.severity)]
    if alert.state == "resolved":
        return joined([*chips, chip(_over(alert), "good")])
    if alert.acknowledged_by is not None:
        chips.append(chip(f"with {alert.acknowledged_by}", "accent"))
    if alert.snoozed_until is not None and alert.snoozed_until > now.timestamp() * 1000:
        until = datetime.fromtimestamp(alert.snoozed_until / 1000, UTC)
        chips.append(chip(f"snoozed until {until:%H:%M} UTC"))
    if alert.inhibited_by is not None:
        chips.append(chip(f"kept quiet by {alert.inhibited_by}"))
    return joined(chips)


def _over(alert: Alert) -> str:
    if alert.ended_by is None:
        return "recovered"
    return _ENDED.get(alert.ended_by, f"ended by {alert.ended_by}")
