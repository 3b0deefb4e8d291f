"""Messages: those that came to nothing first, for a person to look at and send again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from sqlalchemy import Engine
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.console.frame import AWAY, AWAY_NOTE, Console, live, page, reading
from gateway.console.markup import NOTHING, H, ago, chip, empty, joined, words
from gateway.console.pulse import names_of
from gateway.delivery.entries import named
from gateway.storage import messages_read
from gateway.storage.cursors import CursorError
from gateway.storage.messages_read import Message, State
from gateway.storage.paging import Page

LIMIT = 50
REFRESH_SECONDS = 2.0

_TABS: Final[tuple[tuple[str, str, State | None], ...]] = (
    ("failed", "Failed", "failed"),
    ("unknown", "In doubt", "unknown"),
    ("queued", "Waiting", "queued"),
    ("all", "All", None),
)
_HINTS: Final = {
    "failed": "A message that was refused, or ran out of tries, stands here until it is sent again.",
    "unknown": "When a provider's answer is lost, the message stands here until it is known what became of it.",
    "queued": "Nothing waits to be sent.",
}
_TONES: Final = {
    "failed": "critical",
    "unknown": "warning",
    "expired": "warning",
    "delivered": "good",
    "read": "good",
    "clicked": "good",
}


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/messages")
    async def messages(request: Request, state: str = "failed", cursor: str | None = None) -> None:
        tab = state if state in {name for name, _, _ in _TABS} else "failed"
        wanted = next(each for name, _, each in _TABS if name == tab)

        async def render() -> Markup | None:
            read = await reading(_read, console.api.engine, wanted, cursor)
            return None if read is AWAY else _whole(tab, *read)

        first = await render() or AWAY_NOTE
        with page(console, caller_of(request), "messages", "Messages"):
            live(render, seconds=REFRESH_SECONDS, first=first)


def standing(message: Message) -> Markup:
    """Channel and state, as chips."""
    return joined([chip(named(message.channel)), chip(words(message.state), _TONES.get(message.state, ""))])


def _read(engine: Engine, state: State | None, cursor: str | None) -> tuple[Page[Message], dict[str, str]]:
    with engine.connect() as connection:
        try:
            found = messages_read.page(connection, state=state, cursor=cursor, limit=LIMIT)
        except CursorError:
            found = messages_read.page(connection, state=state, limit=LIMIT)
        return found, names_of(connection, {message.customer_id for message in found.items})


def _whole(tab: str, found: Page[Message], names: dict[str, str]) -> Markup:
    tabs = joined(
        H('<a href="/console/messages?state={}"{}>{}</a>').format(
            name, H(' aria-current="page"') if name == tab else NOTHING, label
        )
        for name, label, _ in _TABS
    )
    top = H(
        '<div class="top"><h1>Messages</h1><span class="grow"></span>'
        '<nav class="tabs" aria-label="State">{}</nav></div>'
    ).format(tabs)
    return H('{}<div class="card rows">{}</div>').format(top, _list(tab, found, names))


def _list(tab: str, found: Page[Message], names: dict[str, str]) -> Markup:
    if not found.items:
        return empty("No such messages", _HINTS.get(tab, "What customers are told stands here."))
    now = datetime.now(UTC)
    rows = joined(_row(message, names, now) for message in found.items)
    if found.next is None:
        return rows
    older = urlencode({"state": tab, "cursor": found.next})
    return H('{}<div class="older"><a href="/console/messages?{}">Older messages</a></div>').format(rows, older)


def _row(message: Message, names: dict[str, str], now: datetime) -> Markup:
    who = names.get(message.customer_id, message.customer_id)
    about = " · ".join(filter(None, (who, message.reason, message.provider)))
    title = message.title or message.body or "(not kept any more)"
    return H(
        '<a class="row alert" href="/console/messages/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="chips">{}</span><span class="end">{}</span></a>'
    ).format(message.id, title, about, standing(message), ago(message.created_at, now))
