"""What every page stands in: the bar with the places to go, and who is logged in."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Final, ParamSpec, TypeVar

import structlog
from markupsafe import Markup
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from gateway.api.access import Caller
from gateway.api.context import Api
from gateway.console.changes import Changes
from gateway.console.icons import icon
from gateway.console.markup import H, empty, joined
from gateway.console.pulse import Pulse

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)

PLACES: Final = (
    ("overview", "Overview", "/console/"),
    ("customers", "Customers", "/console/customers"),
    ("alerts", "Alerts", "/console/alerts"),
    ("cases", "Cases", "/console/cases"),
    ("messages", "Messages", "/console/messages"),
    ("rules", "Rules", "/console/rules"),
    ("templates", "Templates", "/console/templates"),
    ("rejected", "Rejected", "/console/rejected"),
)
_WAYS: Final = {place: (href, label) for place, label, href in PLACES}
_HEAD: Final = (
    '<script src="/console/assets/theme.js"></script>'
    '<script src="/console/assets/early.js?v={version}"></script>'
    '<link rel="stylesheet" href="/console/assets/console.css?v={version}">'
)


@dataclasses.dataclass(frozen=True)
class Console:
    """What the pages work with."""

    api: Api
    pulse: Pulse
    changes: Changes
    version: str


@contextlib.contextmanager
def page(console: Console, caller: Caller, place: str, title: str) -> Iterator[None]:
    """A page of the console; what is made inside stands in its content."""
    ui.page_title(f"{title} · Kizashi")
    ui.add_head_html(_HEAD.format(version=console.version))
    with ui.element("div").classes("shell"):
        html(_side(caller, place))
        with ui.element("main").classes("content"):
            yield


class Fragment(ui.html, component="assets/fragment.js"):
    """HTML of which the browser replaces only what differs: a press or a focus outlives the next refresh."""


def html(content: Markup, *, tag: str = "div", classes: str = "") -> ui.html:
    """A fragment whose values are escaped already."""
    return Fragment(content, sanitize=False, tag=tag).classes(classes)


def show(*fragments: tuple[ui.html, Markup]) -> None:
    """Let each fragment say what it should say now; the browser is sent those alone that differ."""
    for element, content in fragments:
        if element.content != content:
            element.set_content(content)


class Away(Enum):
    """The database can't be reached just now (which is not the same as finding nothing)."""

    AWAY = "away"


AWAY: Final = Away.AWAY
AWAY_NOTE: Final = empty("The database can't be reached", "It is tried again by itself; or reload in a moment.")


async def reading(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Away:
    """Read the database on a thread; ``AWAY`` when it can't be reached just now."""
    try:
        return await asyncio.to_thread(read, *args, **kwargs)
    except SQLAlchemyError as error:
        _log.warning("console.read_failed", error=type(error).__name__)
        return AWAY


def missing(read: Away | None, what: str, wanted: str) -> Markup:
    """What the page of one thing says where that is not found, or can't be looked for just now."""
    return AWAY_NOTE if read is AWAY else empty(f"There is no such {what}", f"None has the id {wanted}.")


def missing_page(console: Console, caller: Caller, place: str, read: Away | None, what: str, wanted: str) -> None:
    """The whole page of one thing that is ``missing``."""
    with page(console, caller, place, what.capitalize()):
        html(crumb(place))
        html(missing(read, what, wanted), classes="card")


def crumb(place: str) -> Markup:
    """The way back to the list that a page belongs to."""
    href, label = _WAYS[place]
    return H('<a class="crumb" href="{}">{}{}</a>').format(href, icon("back"), label)


def live(
    render: Callable[[], Awaitable[Markup | None]], *, seconds: float, first: Markup, classes: str = ""
) -> ui.html:
    """A fragment that is rendered again every few seconds and sent when it differs."""
    element = html(first, classes=classes)

    async def again() -> None:
        content = await render()
        if content is not None:
            show((element, content))

    ui.timer(seconds, again)
    return element


def _side(caller: Caller, place: str) -> Markup:
    links = joined(
        H('<a href="{}"{}>{}<span>{}</span></a>').format(
            href, H(' aria-current="page"') if name == place else H(), icon(name), label
        )
        for name, label, href in PLACES
    )
    return H(
        '<div class="side"><a class="brand" href="/console/"><span class="mark" lang="ja">兆</span>'
        '<span class="brand-name">Kizashi</span></a><nav class="nav" aria-label="Pages">{}</nav>'
        '<div class="who"><div class="who-name"><b>{}</b><br><span class="muted small">{}</span></div>'
        '<button class="quiet" type="button" onclick="nextTheme()" title="Light, dark or as the system">{}</button>'
        '<form method="post" action="/console/logout"><button class="quiet" title="Log out">{}</button></form>'
        "</div></div>"
    ).format(links, caller.name, caller.role, icon("theme"), icon("leave"))
