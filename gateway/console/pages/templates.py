"""The templates that rules may name, and what is wrong with them."""

from __future__ import annotations

import asyncio

from markupsafe import Markup
from nicegui import ui
from starlette.requests import Request

from gateway.api.access import caller_of
from gateway.api.context import Api
from gateway.console.frame import Console, html, page
from gateway.console.markup import NOTHING, H, chip, joined
from gateway.storage import template_sets
from gateway.storage.template_sets import Folder
from notifiers.templates import Problem, Templates

SHOWN_PROBLEMS = 8


def register(console: Console) -> None:
    """Add the page."""

    @ui.page("/templates")
    async def all_of_them(request: Request) -> None:
        seen = await asyncio.to_thread(_looked_at, console.api)
        with page(console, caller_of(request), "templates", "Templates"):
            html(_whole(*seen))


def _looked_at(api: Api) -> tuple[Templates, Folder | None, list[Problem], list[Problem]]:
    texts = api.texts
    with api.engine.connect() as connection:
        folder = template_sets.folder(connection)
    return texts, folder, texts.check(), texts.warnings()


def _whole(texts: Templates, folder: Folder | None, problems: list[Problem], warnings: list[Problem]) -> Markup:
    said = H('<span class="muted small">version {}</span>').format(texts.version)
    top = H('<div class="top"><h1>Templates</h1><span class="grow"></span>{}</div>').format(said)
    rows = joined(_row(texts, name) for name in sorted(texts.names()))
    return H('{}{}{}{}<div class="card rows">{}</div>').format(
        top,
        refused(folder, holds=not problems),
        notice(problems, "wrong: the plain text goes out where one can't be sent", "critical"),
        notice(warnings, "probably not meant", ""),
        rows,
    )


def refused(folder: Folder | None, *, holds: bool) -> Markup:
    """Why what is in the folder now does not hold, if it does not."""
    if folder is None or not folder.problems or not holds:
        return NOTHING  # where what holds has the same faults, those are told
    places = joined(H("<li>{}</li>").format(str(each)) for each in folder.problems[:SHOWN_PROBLEMS])
    return H(
        '<div class="notice critical"><b>What is in {} was refused; the texts before still hold.</b>'
        '<ul class="reasons">{}</ul></div>'
    ).format(folder.place, places)


def notice(found: list[Problem], about: str, tone: str) -> Markup:
    """Faults with their places, if there are any."""
    if not found:
        return NOTHING
    places = joined(H("<li>{}</li>").format(str(each)) for each in found[:SHOWN_PROBLEMS])
    return H('<div class="notice {}"><b>{} {}.</b><ul class="reasons">{}</ul></div>').format(
        tone, "One thing is" if len(found) == 1 else f"{len(found)} things are", about, places
    )


def _row(texts: Templates, name: str) -> Markup:
    channels = joined(chip(channel) for channel in sorted(texts.channels(name)))
    return H(
        '<a class="row brief" href="/console/templates/{}"><span><span class="title">{}</span><br>'
        '<span class="sub">{}</span></span><span class="chips">{}</span></a>'
    ).format(name, name, ", ".join(texts.languages(name)), channels)
