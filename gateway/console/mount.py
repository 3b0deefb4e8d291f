"""Putting the console onto the application: session, login, assets and pages under ``/console``."""

from __future__ import annotations

import hashlib

from fastapi import FastAPI
from nicegui import ui
from nicegui.storage import Storage
from starlette.middleware.sessions import SessionMiddleware
from starlette.staticfiles import StaticFiles

from gateway import __version__
from gateway.api.context import Api
from gateway.console import login
from gateway.console.changes import Changes
from gateway.console.frame import Console
from gateway.console.login import ASSETS
from gateway.console.pages import (
    alert,
    alerts,
    case,
    cases,
    customer,
    customers,
    decision,
    message,
    messages,
    overview,
    rejected,
    rule,
    rules,
    template,
    templates,
)
from gateway.console.pulse import Pulse
from gateway.console.session import SESSION_COOKIE, SESSION_SECONDS, SessionGate
from gateway.settings import Settings
from gateway.storage import secrets

PAGES = (
    overview,
    customers,
    customer,
    alerts,
    alert,
    cases,
    case,
    messages,
    message,
    rules,
    rule,
    templates,
    template,
    decision,
    rejected,
)


def mount(app: FastAPI, api: Api, settings: Settings) -> None:
    """Add the console to ``app``. Once a process: NiceGUI keeps its pages in one place."""
    with api.engine.begin() as connection:
        secret = secrets.shared(connection, secrets.CONSOLE)
    console = Console(api, Pulse(api.engine, api.log), Changes(), _assets_version())
    app.include_router(login.router(api.ring))
    app.mount("/console/assets", StaticFiles(directory=ASSETS), name="console-assets")
    app.add_middleware(SessionGate, ring=api.ring)
    app.add_middleware(
        SessionMiddleware,
        secret_key=secret,
        session_cookie=SESSION_COOKIE,
        max_age=SESSION_SECONDS,
        path="/console",
        same_site="lax",
        https_only=settings.public_url.startswith("https://"),
    )
    # NiceGUI writes nothing for us (sessions are cookies), but should it ever, then among our data.
    Storage.path = settings.data_dir.resolve() / "console"
    for page in PAGES:
        page.register(console)
    ui.run_with(
        app,
        mount_path="/console",
        title="Kizashi",
        favicon=ASSETS / "mark.svg",
        storage_secret=secret,
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=10.0,
    )
    app.state.listeners.append(console.changes.heard)
    app.state.jobs.append(console.pulse.keep_sampling)


def _assets_version() -> str:
    digest = hashlib.blake2b(__version__.encode(), digest_size=6)
    for path in sorted(ASSETS.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()
