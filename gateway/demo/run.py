"""``kizashi demo``: starts everything, brings the cast in, and tells what happens until told to stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from sqlalchemy import Engine

from gateway import logs
from gateway.commands.stack import loaded_settings
from gateway.commands.terminal import fail
from gateway.demo import inventory
from gateway.demo import report as reports
from gateway.demo.narrator import Narrator, events_so_far
from gateway.embedded.child import Child
from gateway.embedded.data_dir import DataDir
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.private_file import write_private
from gateway.settings import Settings
from gateway.storage.database import connect
from gateway.whole import Gateway

SCENARIO: Final = "demo"
RULES: Final = Path(__file__).parent / "rules"
CREDENTIALS: Final = "device-credentials.json"
LOOK_SECONDS: Final = 0.5
SETTLE_SECONDS: Final = 10.0
CHECKPOINT_SECONDS: Final = 2.0
"""After so long what was heard is checkpointed, and what was sent is received."""
SPEAK_UP_SECONDS: Final = 10.0


def run(*, seconds: int | None, report: Path | None, seed: int) -> None:
    """Run the demo; exit 1 with one line where it can't."""
    console = Console(highlight=False)
    if report is not None and not report.absolute().parent.is_dir():
        fail(f"{report} can't be written: {report.absolute().parent} is not a folder")
    logs.configure(role="demo", level=logging.WARNING)
    stage = _Stage(console)
    try:
        stage.set_up(seed, seconds)
        result = stage.play(seconds)
    except EmbeddedError as error:
        fail(str(error))
    except KeyboardInterrupt:
        return
    finally:
        stage.clear()
    console.print("\n[bold]What it came to[/]")
    console.print(reports.as_table(result))
    if report is not None:
        report.write_bytes(reports.as_json(result))
        console.print(f"[dim]written to {report}[/]")
    if seconds is not None and (missing := reports.shortfall(result)) is not None:
        fail(f"{missing}: look at the logs in {loaded_settings().data_dir / 'log'}")


class _Stage:
    """The demo's gateway with its stand-ins and its cast."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._key = f"kz_admin_{secrets.token_urlsafe(16)}"
        self._gateway: Gateway | None = None
        self._started = 0.0

    def set_up(self, seed: int, seconds: int | None) -> None:
        """Start the gateway, the sandbox and the simulation, and bring the inventory in."""
        begun = time.monotonic()
        os.environ.update(_environment(self._key))
        settings = _settings()
        _start_afresh(settings.data_dir)
        cast = inventory.of_scenario(SCENARIO)
        self._gateway = gateway = Gateway(settings)
        with self._console.status("Starting NATS, PostgreSQL and the gateway …"):
            gateway.start()
        with self._console.status(f"Bringing in {len(cast['devices'])} devices and their owners …"):
            if gateway.sandbox is not None:
                inventory.give_browsers(cast["customers"], gateway.sandbox.browser)
            credentials = inventory.bring_in(cast, settings.public_url, self._key)
            if gateway.sandbox is not None:
                gateway.sandbox.introduce(cast["customers"])
            path = settings.data_dir / "run" / CREDENTIALS
            write_private(path, json.dumps(credentials))
        self._introduce(settings, cast, time.monotonic() - begun)
        gateway.start_children([_simulation(settings, path, seed, seconds)])
        self._started = time.monotonic()

    def play(self, seconds: int | None) -> reports.Report:
        """Tell what happens for ``seconds`` of traffic, or until a signal; then wait for what is under way."""
        assert self._gateway is not None
        assert self._gateway.addresses is not None
        engine = connect(self._gateway.addresses.database_url, pool_size=1)
        try:
            self._narrate(engine, seconds)
            return self._settle(engine, self._gateway.addresses.log_url)
        finally:
            engine.dispose()

    def clear(self) -> None:
        """Stop everything that was started."""
        if self._gateway is not None:
            with self._console.status("Stopping …"):
                self._gateway.stop()

    def _introduce(self, settings: Settings, cast: dict[str, dict[str, object]], took: float) -> None:
        say = partial(self._console.print, soft_wrap=True)
        say(f"\n[bold]Kizashi 兆し[/]  ready in {took:.1f} s\n")
        say(f"  Console   {settings.public_url}/console")
        say(f"  Key       {self._key}   [dim](sign in with it; it is the API's bearer key too)[/]")
        if self._gateway is not None and self._gateway.sandbox is not None:
            say(f"  Sandbox   {self._gateway.sandbox.url}   [dim](the customers' phones and mailboxes)[/]")
        say(f"  MQTT      {settings.mqtt.bind}   [dim](credentials in {settings.data_dir}/run/{CREDENTIALS})[/]")
        say(
            f"\n  {len(cast['devices'])} devices of {len(cast['customers'])} customers, {len(cast['stores'])} stores. "
            "A chiller loses its refrigerant, a bearing wears out,\n  a filter clogs, and shoppers walk past. "
            "[dim]Ctrl-C ends it.[/]\n"
        )

    def _narrate(self, engine: Engine, seconds: int | None) -> None:
        assert self._gateway is not None
        narrator, last_word = Narrator(self._console), 0.0
        while True:
            elapsed = time.monotonic() - self._started
            with engine.connect() as connection:
                told = narrator.tell(connection, elapsed)
                if not told and elapsed - last_word > SPEAK_UP_SECONDS:
                    self._console.print(f"[dim]{elapsed:6.1f} s  {events_so_far(connection):,} events so far[/]")
                    told = 1
            last_word = elapsed if told else last_word
            left = LOOK_SECONDS if seconds is None else min(LOOK_SECONDS, seconds - elapsed)
            if left <= 0 or self._gateway.wait(left):
                return

    def _settle(self, engine: Engine, log_url: str) -> reports.Report:
        """The numbers once the last checkpoint is written and no message is under way, or time is up.

        The machines go on meanwhile: their silence would be one more thing to tell of.
        """
        end = time.monotonic() + SETTLE_SECONDS
        rejected = asyncio.run(_rejected(log_url))
        while True:
            time.sleep(CHECKPOINT_SECONDS)
            with engine.connect() as connection:
                now = reports.read(connection, rejected)
            if (now.events and not now.under_way) or time.monotonic() > end:
                return now


def _environment(key: str) -> dict[str, str]:
    """The settings that make a gateway a demo, for all of its processes."""
    return {
        "KIZASHI_SANDBOX": "true",
        "KIZASHI_API__BOOTSTRAP_KEY": key,
        "KIZASHI_LOG__PARTITIONS": "4",
        "KIZASHI_WORKER__CHECKPOINT_SECONDS": "1",
        "KIZASHI_DELIVERY__SETTLE_SECONDS": "5",
        "KIZASHI_RULES__DIR": str(RULES),
    }


def _settings() -> Settings:
    """The demo's settings. It never touches the servers that a configuration names: it brings its own."""
    own = loaded_settings()
    data_dir = own.data_dir / "demo"
    os.environ["KIZASHI_DATA_DIR"] = str(data_dir)
    configured = [
        name
        for name, value in (("database.url", own.database.url), ("log.url", own.log.url), ("mqtt.url", own.mqtt.url))
        if value is not None
    ]
    if configured:
        fail(f"the demo starts servers of its own: leave {', '.join(configured)} out for it")
    return own.model_copy(update={"data_dir": data_dir})


def _start_afresh(data_dir: Path) -> None:
    """Remove what an earlier demo left: its offers would count as made already."""
    if not data_dir.exists():
        return
    with DataDir(data_dir):
        for path in data_dir.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _simulation(settings: Settings, credentials: Path, seed: int, seconds: int | None) -> Child:
    limit = ("--seconds", str(seconds + round(SETTLE_SECONDS))) if seconds is not None else ()
    return Child(
        name="simulation",
        argv=(
            *(sys.executable, "-P", "-m", "firmware_sim.cli", SCENARIO),
            *("--broker", f"mqtt://{settings.mqtt.bind}"),
            *("--credentials", str(credentials)),
            *("--seed", str(seed)),
            *limit,
        ),
        restart=False,
    )


async def _rejected(log_url: str) -> int:
    from gateway.log import EventLog

    event_log = await EventLog.connect(log_url, name="demo")
    try:
        return await event_log.rejected_count()
    finally:
        await event_log.close()
