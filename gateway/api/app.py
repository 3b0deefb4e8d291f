"""The HTTP application: routes, gates and background work, put together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import Engine

from devices.event import Millis
from gateway import __version__
from gateway.api import access, problems
from gateway.api.access import Identify, KeyRing
from gateway.api.backtests import Backtests, event_log
from gateway.api.bodies import BodyLimit, JsonUnlessSaid
from gateway.api.context import Api, Log
from gateway.api.inventory_feed import InventoryFeed
from gateway.api.listening import listen, running
from gateway.api.routes import (
    alerts,
    backtest,
    cases,
    customers,
    decisions,
    devices,
    events,
    explain,
    health,
    inbox,
    lift,
    messages,
    offer_codes,
    rules,
    stores,
    templates,
)
from gateway.delivery import providers
from gateway.delivery.means import policy_of
from gateway.delivery.trial_sends import TrialSends, from_all_together
from gateway.delivery.wording import Wording
from gateway.ingress.core import Core
from gateway.settings import Settings
from gateway.storage import wake

ROUTERS = (
    events,
    devices,
    customers,
    inbox,
    stores,
    rules,
    backtest,
    explain,
    lift,
    alerts,
    decisions,
    messages,
    offer_codes,
    cases,
    templates,
)

_SUMMARY = "Devices in, the right word to the right person once, every touchpoint on one timeline."


def now_ms() -> Millis:
    """The machine's clock."""
    return time.time_ns() // 1_000_000


def create_app(
    settings: Settings,
    engine: Engine,
    log: Log,
    *,
    hooks: Sequence[APIRouter] = (),
    console: bool = True,
    clock: Callable[[], Millis] = now_ms,
) -> FastAPI:
    """The whole application; the caller has migrated the database and made the log's streams.

    Args:
        settings: as resolved at start.
        engine: the database. Requests run on a pool of threads, so its pool wants about as many connections.
        log: connected on the loop that will run the app.
        hooks: routers that need no key because they check who calls by themselves.
        console: with the pages under ``/console``. One app a process can have them.
        clock: now, ms.
    """
    api = _api(settings, engine, log, clock)
    app = FastAPI(
        title="Kizashi",
        version=__version__,
        summary=_SUMMARY,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.api = api
    app.state.listeners = []
    app.state.jobs = [api.backtests.until_stopped]
    problems.install(app)
    for module in ROUTERS:
        app.include_router(module.router, dependencies=[Depends(access.allow)])
    app.include_router(health.router)
    for router in hooks:
        app.include_router(router)
    if console:
        from gateway.console.mount import mount

        mount(app, api, settings)
    app.add_middleware(JsonUnlessSaid)
    app.add_middleware(BodyLimit)
    app.add_middleware(Identify, ring=api.ring)
    return app


def _api(settings: Settings, engine: Engine, log: Log, clock: Callable[[], Millis]) -> Api:
    """What the routes work with."""
    bootstrap = settings.api.bootstrap_key
    partitions, policy = settings.log.partitions, policy_of(settings)
    take = from_all_together(engine)
    return Api(
        engine=engine,
        log=log,
        core=Core(log, partitions),
        ring=KeyRing(engine, bootstrap.get_secret_value() if bootstrap else None),
        partitions=partitions,
        now_ms=clock,
        wording=Wording(engine, settings.templates.dir),
        trials=TrialSends(lambda: providers.build(settings), policy.sms_regions, take=take),
        backtests=Backtests(event_log(settings), clock),
        policy=policy,
        events_kept=settings.retention.events,
        rules_dir=settings.rules.dir,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the registry's rows flowing into the log, and tell the console what changed."""
    api: Api = app.state.api
    feed = InventoryFeed(
        api.engine, api.log, partitions=api.partitions, loop=asyncio.get_running_loop(), now_ms=api.now_ms
    )
    api.running_feed = feed

    def heard(channel: str, payload: str) -> None:
        if channel == wake.INVENTORY:
            feed.wake()
        for listener in app.state.listeners:
            listener(channel, payload)

    hearing = asyncio.create_task(listen(api.engine, [wake.INVENTORY, wake.TIMELINE], heard))
    sweeping = asyncio.create_task(feed.keep_sweeping())
    others = [asyncio.create_task(job()) for job in app.state.jobs]
    async with running(hearing, sweeping, *others):
        yield
    api.running_feed = None
