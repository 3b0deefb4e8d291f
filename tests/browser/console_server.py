"""The console as a program of its own: NiceGUI has one set of pages a process.

``python -m tests.browser.console_server DATABASE_URL DATA_DIR`` prints its port.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from pydantic import SecretStr

from gateway.api.app import create_app
from gateway.api.run import listening_socket, serve
from gateway.log import RejectedRecord
from gateway.settings import Api, Settings
from gateway.storage.database import connect
from tests.api_fixture import BOOTSTRAP, NOW, RememberingLog


async def main(database_url: str, data_dir: str) -> None:
    """Serve on a free port, which is printed, until SIGTERM."""
    log = RememberingLog()
    detail = "temperature: null is no value; leave the metric out"
    log.rejected = [RejectedRecord(NOW, "mqtt", "devices/w1/telemetry", "bad_value", detail, '{"temperature": null}')]
    settings = Settings(data_dir=Path(data_dir), api=Api(bootstrap_key=SecretStr(BOOTSTRAP)))
    app = create_app(settings, connect(database_url, pool_size=10), log)
    listening = listening_socket("127.0.0.1:0")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print(listening.getsockname()[1], flush=True)
    await serve(app, listening, stop)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
