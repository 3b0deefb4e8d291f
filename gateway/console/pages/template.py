"""One template: all its channels side by side, as its readers would see them, and a test to oneself."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui
from pydantic import ValidationError
from starlette.requests import Request

from gateway.api.access import Caller, caller_of
from gateway.api.context import Api
from gateway.api.problems import Problem
from gateway.api.routes.templates import sent, shown
from gateway.api.shapes.templates import MAX_ADDRESS, PreviewBody, SendTestBody
from gateway.console.frame import Console, crumb, html, page
from gateway.console.markup import NOTHING, H, chip, empty, joined
from gateway.console.session import may
from gateway.delivery.trial_sends import CHANNELS
from notifiers.templates import EXAMPLES, Preview

ORDER: Final = ("push", "sms", "email", "webpush", "webhook", "inbox")
WHERE: Final = (
    "A push token, a number such as +819012345678, a mailbox, or a browser's subscription as JSON. It is marked as a"
    " test; nobody else is told of it."
)
_LONGEST = 200


class Asked(NamedTuple):
    """What the address of the page asks for."""

    name: str
    language: str
    example: str = "example"
    decision: str = ""

    @property
    def about(self) -> dict[str, str]:
        """The body of a preview, less its channel."""
        said = {"language": self.language, "example": self.example}
        return {**said, "decision_id": self.decision} if self.decision else said

    def link(self, **other: str) -> str:
        """The same page with something else."""
        asked = self._replace(**other)
        query = {"language": asked.language, "example": asked.example, "decision": asked.decision}
        return f"/console/templates/{asked.name}?{urlencode({name: one for name, one in query.items() if one})}"


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/templates/{name}")
    async def one(request: Request, name: str, language: str = "", example: str = "", decision: str = "") -> None:
        caller, texts = caller_of(request), console.api.texts
        if name not in texts.names():
            with page(console, caller, "templates", "Template"):
                html(crumb("templates"))
                html(empty("There is no such template", f"None is called {name[:_LONGEST]}."), classes="card")
            return
        spoken = texts.languages(name)
        asked = Asked(
            name,
            language if language in spoken else texts.default_language if "en" not in spoken else "en",
            example if example in EXAMPLES else EXAMPLES[0],
            decision.strip()[:_LONGEST],
        )
        seen = await asyncio.to_thread(_seen, console.api, asked)
        with page(console, caller, "templates", name):
            html(_top(asked, spoken))
            _about(asked)
            html(H('<div class="texts">{}</div>').format(joined(seen)))
            if may(caller, "POST", "/v1/templates/{name}/send-test"):
                SendTest(console.api, caller, asked)


def _seen(api: Api, asked: Asked) -> list[Markup]:
    """A card for each channel with a text, and for browsers, where there is another limit to one that is borrowed."""
    texts = api.texts
    channels = texts.channels(asked.name) | ({"webpush"} & set(texts.spoken(asked.name)))
    order = [*(each for each in ORDER if each in channels), *sorted(channels - set(ORDER))]
    return [_card(api, asked, channel) for channel in order]


def _card(api: Api, asked: Asked, channel: str) -> Markup:
    try:
        found = shown(api, asked.name, PreviewBody.model_validate({"channel": channel, **asked.about}))
    except (Problem, ValidationError) as problem:
        why = problem.detail if isinstance(problem, Problem) else "That is no decision's id."
        body, aside = H('<div class="notice">{}</div>').format(why), ""
    else:
        borrowed = f"text of {found.text_of} · " if found.text_of != channel else ""
        body, aside = _device(found), borrowed + _size(found)
    return H(
        '<section class="card {}"><header><h2>{}</h2><span class="aside">{}</span></header>'
        '<div class="body">{}</div></section>'
    ).format(channel, channel, aside, body)


def _size(found: Preview) -> str:
    if found.sms is not None:
        size = found.sms
        cost = "" if size.cost is None else f" · costs {size.cost:g}"
        parts = f"{size.segments} segment{'s' if size.segments > 1 else ''}"
        return f"{parts} · {size.units} units of {size.encoding.upper()}{cost}"
    if found.push is not None:
        return f"{found.push.bytes:,} of {found.push.limit:,} bytes"
    return f"{len((found.html or found.text).encode()):,} bytes"


def _device(found: Preview) -> Markup:
    warned = joined(H('<div class="notice below">{}</div>').format(each) for each in found.warnings)
    if found.html is not None:
        return _mail(found) + warned
    title = H('<b class="bubble-title">{}</b>').format(found.title) if found.title else NOTHING
    return H('<div class="bubble" lang="{}">{}<span class="bubble-text">{}</span></div>{}').format(
        found.locale, title, found.text, warned
    )


def _mail(found: Preview) -> Markup:
    """The mail in a frame that may run nothing, send nothing and load nothing."""
    return H(
        '<p class="mail-subject" lang="{}">{}</p>'
        '<iframe class="mail" title="The email as HTML" sandbox="" referrerpolicy="no-referrer" srcdoc="{}"></iframe>'
        '<details class="plain-mail"><summary>As plain text</summary><pre>{}</pre></details>'
    ).format(found.locale, found.title, found.html, found.text)


def _top(asked: Asked, spoken: tuple[str, ...]) -> Markup:
    languages = joined(_switch(asked, "language", each, asked.language) for each in spoken)
    examples = joined(_switch(asked, "example", each, asked.example) for each in EXAMPLES)
    return H(
        '<div class="top">{}<h1>{}</h1><span class="grow"></span><nav class="chips" aria-label="Language">{}</nav>'
        '<nav class="chips" aria-label="Example">{}</nav></div>'
    ).format(crumb("templates"), asked.name, languages, examples)


def _switch(asked: Asked, what: str, value: str, now: str) -> Markup:
    current = H(' aria-current="true"') if value == now else NOTHING
    return H('<a href="{}"{}>{}</a>').format(
        asked.link(**{what: value}), current, chip(value, "accent" if value == now else "")
    )


def _about(asked: Asked) -> None:
    """A field for a decision that was really made."""

    def show() -> None:
        ui.navigate.to(asked.link(decision=(field.value or "").strip()[:_LONGEST]).removeprefix("/console"))

    with ui.element("div").classes("actions first"):
        field = ui.input(placeholder="A decision's id, for a real event", value=asked.decision)
        field.props("outlined dense").on("keydown.enter", show).mark("decision")
        ui.button("Show", on_click=show, color=None).props("unelevated").classes("plain")


class SendTest:
    """A card that sends one of the texts to an address of one's own."""

    def __init__(self, api: Api, caller: Caller, asked: Asked) -> None:
        self._api = api
        self._caller = caller
        self._asked = asked
        channels = [each for each in CHANNELS if each in api.texts.spoken(asked.name)]
        with ui.element("section").classes("card below"):
            html(H("<h2>Send a test to yourself</h2>"), tag="header")
            with ui.element("div").classes("body"):
                with ui.element("div").classes("actions first"):
                    self._channel = ui.select(channels, value=channels[0]).props("outlined dense").mark("test-channel")
                    self._to = ui.input(placeholder="Address").props("outlined dense").mark("test-to")
                    self._button = ui.button("Send", on_click=self._send, color=None).props("unelevated")
                    self._button.classes("primary")
                html(H('<p class="muted small">{}</p>').format(WHERE))
                self._answer = html(NOTHING)

    async def _send(self) -> None:
        if "loading" in self._button.props:
            return  # pressed twice: one test is enough
        self._button.props("loading")
        try:
            said = await asyncio.to_thread(self._sent)
        finally:
            self._button.props(remove="loading")
        self._answer.set_content(H('<div class="notice below">{}</div>').format(said))

    def _sent(self) -> str:
        address = {"channel": self._channel.value, "to": (self._to.value or "")[:MAX_ADDRESS]}
        try:
            body = SendTestBody.model_validate({**address, **self._asked.about})
            return sent(self._api, self._caller, self._asked.name, body).outcome.capitalize() + "."
        except Problem as problem:
            return problem.detail
        except ValidationError as error:
            return f"That can't be sent: {error.errors(include_url=False)[0]['msg']}."
