"""What waits for a support agent."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.frame import AWAY, AWAY_NOTE, Console, live, page, reading
from gateway.console.markup import NOTHING, H, ago, chip, empty, joined
from gateway.console.pulse import names_of
from gateway.storage import cases
from gateway.storage.cases import Case, State
from gateway.storage.cursors import CursorError
from gateway.storage.paging import Page

LIMIT = 50
REFRESH_SECONDS = 2.0

_TABS: tuple[tuple[str, str, State | None], ...] = (
    ("open", "Open", "open"),
    ("resolved", "Resolved", "resolved"),
    ("all", "All", None),
)


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/cases")
    async def waiting(request: Request, state: str = "open", cursor: str | None = None) -> None:
        tab = state if state in {name for name, _, _ in _TABS} else "open"
        wanted = next(each for name, _, each in _TABS if name == tab)

        async def render() -> Markup | None:
            read = await reading(_read, console.api.engine, wanted, cursor)
            return None if read is AWAY else _whole(tab, *read)

        first = await render() or AWAY_NOTE
        with page(console, caller_of(request), "cases", "Cases"):
            live(render, seconds=REFRESH_SECONDS, first=first)


def _read(engine: Engine, state: State | None, cursor: str | None) -> tuple[Page[Case], dict[str, int], dict[str, str]]:
    with engine.connect() as connection:
        try:
            found = cases.page(connection, state=state, cursor=cursor, limit=LIMIT)
        except CursorError:
            found = cases.page(connection, state=state, limit=LIMIT)
        names = names_of(connection, {case.customer_id for case in found.items if case.customer_id})
        return found, cases.counts(connection), names


def _whole(tab: str, found: Page[Case], counts: dict[str, int], names: dict[str, str]) -> Markup:
    totals = {**counts, "all": sum(counts.values())}
    tabs = joined(
        H('<a href="/console/cases?state={}"{}>{}<span class="n">{}</span></a>').format(
            name, H(' aria-current="page"') if name == tab else NOTHING, label, totals.get(name, 0)
        )
        for name, label, _ in _TABS
    )
    top = H(
        '<div class="top"><h1>Cases</h1><span class="grow"></span><nav class="tabs" aria-label="State">{}</nav></div>'
    ).format(tabs)
    return H('{}<div class="card rows">{}</div>').format(top, _list(tab, found, names))


def _list(tab: str, found: Page[Case], names: dict[str, str]) -> Markup:
    if not found.items:
        hints = {"open": "Nothing waits. A rule with a case action opens one, and so can you by the API."}
        return empty("No open cases" if tab == "open" else "No cases", hints.get(tab, "None stands in this state."))
    now = datetime.now(UTC)
    rows = joined(_row(case, names, now) for case in found.items)
    if found.next is None:
        return rows
    older = urlencode({"state": tab, "cursor": found.next})
    return H('{}<div class="older"><a href="/console/cases?{}">Older cases</a></div>').format(rows, older)


def _row(case: Case, names: dict[str, str], now: datetime) -> Markup:
    who = names.get(case.customer_id or "", case.customer_id or "no customer")
    chips = [chip(case.severity, case.severity)] if case.severity else []
    if case.priority in {"high", "urgent"}:
        chips.append(chip(f"{case.priority} priority", "accent"))
    if case.recovered_at and case.state == "open":
        chips.append(chip("recovered", "good"))
    if case.state == "resolved":
        chips.append(chip("resolved", "good"))
    about = " · ".join(filter(None, (who, case.device_id)))
    return H(
        '<a class="row case" href="/console/cases/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span>'
        '<span class="chips">{}</span><span class="sub two"><span>{}</span><span>{}</span></span>'
        '<span class="end">{}</span></a>'
    ).format(
        case.id,
        case.title,
        about,
        joined(chips),
        case.queue,
        case.assignee or "nobody yet",
        ago(case.opened_at or now, now),
    )
