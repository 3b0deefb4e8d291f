"""Everything together in one event loop: two listening sockets, HTTP and SMTP, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import uvicorn
from fastapi import Depends, FastAPI

from notifiers.sandbox import control, fcm, mail, pages, twilio, webhook, webpush
from notifiers.sandbox.acts import Person, Ways
from notifiers.sandbox.answering import Connections
from notifiers.sandbox.customers import Customers
from notifiers.sandbox.faults import Faults
from notifiers.sandbox.guard import guard
from notifiers.sandbox.outbound import Outbound
from notifiers.sandbox.record import Record

START_TIMEOUT_S = 15.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to run the sandbox."""

    host: str = "127.0.0.1"
    http_port: int = 0
    """0: any free port."""
    smtp_port: int = 0
    twilio_auth_token: str = "sandbox"  # noqa: S105 - a stand-in's
    twilio_account_sid: str | None = None
    """Where given, other accounts are refused."""
    webhook_secret: str | None = None
    """``whsec_…``; where given, calls of ``/webhook/…`` with another signature are refused."""
    webpush_key: str | None = None
    """The ``applicationServerKey`` to which browsers subscribed; where given, pushes of another are refused."""
    callback_base: str | None = None
    """Send callbacks and acknowledgements there, whatever scheme, host and port their URLs have."""
    inbound_url: str | None = None
    """The webhook of our number, for replies; left out: ``/hooks/twilio/inbound`` where the status callbacks go."""
    bounce_command: tuple[str, ...] = ()
    """The program into which returned mail is piped, such as ``kizashi bounces read``; left out: nothing comes back."""
    brand: str = "Kizashi"
    """What the app is called that shows pushes on the phone."""
    requests_file: Path | None = None


class Server(uvicorn.Server):
    """uvicorn, leaving the signals to whoever runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class Sandbox:
    """The running stand-ins. Start and stop in one event loop."""

    def __init__(self, options: Options) -> None:
        """Nothing is opened yet.

        Raises:
            OSError: the requests file cannot be opened.
        """
        self.options = options
        self.record = Record(options.requests_file)
        self.faults = Faults()
        self.customers = Customers()
        self.outbound = Outbound(options.callback_base)
        self.http_port = 0
        self.smtp_port = 0
        self._connections = Connections()

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: a port is taken.
        """
        self._smtp = await asyncio.get_running_loop().create_server(
            partial(mail.protocol, self.record, self.faults), self.options.host, self.options.smtp_port
        )
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        listening = _listen(self.options.host, self.options.http_port)
        self.http_port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app(),
            http=self._connections.protocol(),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._http = Server(config)
        self._serving = asyncio.create_task(self._http.serve(sockets=[listening]))
        self.outbound.start()
        while not self._http.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop listening and close what is open."""
        self._http.should_exit = True
        self._smtp.close()
        await self.outbound.stop()
        await self._serving
        self.record.close()

    def _app(self) -> FastAPI:
        app = FastAPI(title="Kizashi sandbox", docs_url=None, redoc_url=None, openapi_url=None)
        account = twilio.Account(self.options.twilio_auth_token, self.options.twilio_account_sid)
        person = Person(
            account, self.record, self.outbound, Ways(self.options.inbound_url, self.options.bounce_command)
        )
        own = [
            control.router(self.record, self.faults, self.outbound),
            control.people(self.record, self.faults, self.outbound, self.customers, person, self.options.brand),
            pages.router(self.record, self.outbound),
            webpush.subscribing(),
        ]
        for routes in own:
            app.include_router(routes, dependencies=[Depends(guard(self.options.host))])
        app.include_router(fcm.router(self.record, self.faults, self._connections, self.outbound))
        app.include_router(twilio.router(account, self.record, self.faults, self._connections, self.outbound))
        receiver = webhook.Receiver(self.options.webhook_secret)
        app.include_router(webhook.router(receiver, self.record, self.faults, self._connections))
        app.include_router(
            webpush.router(self.options.webpush_key, self.record, self.faults, self._connections, self.outbound)
        )
        return app


def _listen(host: str, port: int) -> socket.socket:
    """Listen on TCP by name: asyncio turns Nagle's delay off only where the protocol is not left to be guessed."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


@contextlib.contextmanager
def running(options: Options) -> Iterator[Sandbox]:
    """Run the sandbox in a thread of its own while the block runs.

    Raises:
        OSError: a port is taken, or the requests file cannot be opened.
        TimeoutError: it did not start.
    """
    sandbox = Sandbox(options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(START_TIMEOUT_S)
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(_stop(sandbox), loop).result(START_TIMEOUT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(sandbox: Sandbox) -> None:
    """Stop, and end what still waits (a silent provider, a slow one)."""
    await sandbox.stop()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
