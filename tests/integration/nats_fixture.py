"""A real nats-server with JetStream and an MQTT listener, on loopback, that a test may kill and start again."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import free_port

PROGRAM = Path(sys.executable).parent / "nats-server"

CONFIGURATION = """
server_name: test
listen: 127.0.0.1:{port}
max_payload: 8MB
jetstream {{ store_dir: "{folder}/store" }}
mqtt {{ listen: "127.0.0.1:{mqtt_port}", max_ack_pending: {max_ack_pending}, ack_wait: "{ack_wait}" }}
"""


class NatsServer:
    """One server on one data folder; its ports stay the same over restarts."""

    def __init__(self, folder: Path, *, max_ack_pending: int = 6500, ack_wait: str = "30s") -> None:
        self.port, self.mqtt_port = free_port(), free_port()
        self._folder = folder
        self._file = folder / "nats.conf"
        folder.mkdir(parents=True, exist_ok=True)
        self._file.write_text(
            CONFIGURATION.format(
                port=self.port,
                mqtt_port=self.mqtt_port,
                folder=folder,
                max_ack_pending=max_ack_pending,
                ack_wait=ack_wait,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def mqtt_url(self) -> str:
        return f"mqtt://127.0.0.1:{self.mqtt_port}"

    def start(self, *, within: float = 60.0) -> None:
        log = self._folder / "nats.log"
        self._process = subprocess.Popen([PROGRAM, "-c", self._file, "-l", log])
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if _listens(self.port) and _listens(self.mqtt_port):
                return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"nats-server does not start:\n{log.read_text()}")

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nats_server(folder: Path, *, max_ack_pending: int = 6500, ack_wait: str = "30s") -> Iterator[NatsServer]:
    """A started server, ended at the end."""
    server = NatsServer(folder, max_ack_pending=max_ack_pending, ack_wait=ack_wait)
    try:
        server.start()
        yield server
    finally:
        server.kill()
