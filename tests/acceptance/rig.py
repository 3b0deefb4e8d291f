"""A whole gateway in processes of its own, with the sandbox beside it; tests speak to it from outside only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.ports import free_port

KEY = "kz_admin_acceptance"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
ANSWER_SECONDS = 60.0
"""Patience with a machine that is busy with other things; where all goes well nobody waits for so long."""


def eventually(check: Callable[[], Any], *, within: float, every: float = 0.2, what: str = "") -> Any:
    """The first truthy answer of ``check``; fails with its last one after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what or check}; last answer: {answer!r}")
        time.sleep(every)


class Rig:
    """Paths, ports and doors of one gateway."""

    def __init__(self, folder: Path, rules: str, settings: dict[str, str]) -> None:
        self.data_dir = folder / "data"
        self.rules_dir = folder / "rules"
        self.rules_dir.mkdir()
        (self.rules_dir / "rules.yaml").write_text(rules, encoding="utf-8")
        self.http_port, self.mqtt_port = free_port(), free_port()
        self.sandbox_http, self.sandbox_smtp = free_port(), free_port()
        self.requests_file = folder / "provider-requests.jsonl"
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_http}"
        self._settings = settings
        self._processes: list[subprocess.Popen[bytes]] = []
        self._serving: subprocess.Popen[bytes] | None = None
        self.log = folder / "serve.log"

    @property
    def environment(self) -> dict[str, str]:
        """The settings, as environment variables."""
        sandbox = self.sandbox_url
        return {
            **os.environ,
            "KIZASHI_DATA_DIR": str(self.data_dir),
            "KIZASHI_PUBLIC_URL": self.url,
            "KIZASHI_HTTP__BIND": f"127.0.0.1:{self.http_port}",
            "KIZASHI_MQTT__BIND": f"127.0.0.1:{self.mqtt_port}",
            "KIZASHI_LOG__PARTITIONS": "4",
            "KIZASHI_RULES__DIR": str(self.rules_dir),
            "KIZASHI_API__BOOTSTRAP_KEY": KEY,
            "KIZASHI_SANDBOX": "true",
            "KIZASHI_TWILIO__ACCOUNT_SID": "AC" + "0" * 32,
            "KIZASHI_TWILIO__AUTH_TOKEN": "acceptance",
            "KIZASHI_TWILIO__FROM": "+815012345678",
            "KIZASHI_TWILIO__BASE_URL": sandbox,
            "KIZASHI_FCM__PROJECT_ID": "acceptance",
            "KIZASHI_FCM__BASE_URL": sandbox,
            "KIZASHI_SMTP__HOST": "127.0.0.1",
            "KIZASHI_SMTP__PORT": str(self.sandbox_smtp),
            "KIZASHI_SMTP__STARTTLS": "false",
            "KIZASHI_SMTP__FROM": "Kizashi <care@kizashi.example>",
            **self._settings,
        }

    def start_sandbox(self) -> None:
        """Start the providers' stand-ins."""
        self._start(
            *("-m", "notifiers.sandbox", "--http-port", str(self.sandbox_http)),
            *("--smtp-port", str(self.sandbox_smtp), "--requests-file", str(self.requests_file)),
            *("--twilio-auth-token", "acceptance", "--callback-base", self.url),
        )
        eventually(lambda: _answers(f"{self.sandbox_url}/sandbox/healthz"), within=START_SECONDS)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the gateway and wait until it is ready."""
        self._serving = process = self._start("-m", "gateway.cli", "serve")
        eventually(
            lambda: _answers(f"{self.url}/readyz") or process.poll() is not None,
            within=START_SECONDS,
            what=f"the gateway; see {self.log}",
        )
        assert process.poll() is None, self.log.read_text(encoding="utf-8", errors="replace")[-3000:]
        return process

    @property
    def serving(self) -> subprocess.Popen[bytes]:
        """The gateway as it was started last."""
        assert self._serving is not None
        return self._serving

    def stop(self) -> None:
        """End everything that this rig started, the gateway gracefully."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._processes.clear()

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen([sys.executable, *arguments], env=self.environment, stdout=log, stderr=log)
        self._processes.append(process)
        return process

    def api(self) -> httpx.Client:
        """A client with an administrator's key."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=ANSWER_SECONDS)

    def put(self, path: str, body: dict[str, Any]) -> Any:
        """PUT, and fail loudly."""
        with self.api() as api:
            answer = api.put(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        try:
            listed = json.loads((self.data_dir / "run" / "processes.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return {}
        return {child["name"]: child["pid"] for child in listed["children"] if child["pid"] is not None}

    def kill(self, name: str) -> bool:
        """``kill -9`` the process of that name; False where it does not run at this moment."""
        pid = self.pids().get(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def addresses(self) -> dict[str, str]:
        """Where the embedded servers are, credentials included."""
        text = (self.data_dir / "run" / "addresses.json").read_text(encoding="utf-8")
        found: dict[str, str] = json.loads(text)
        return found

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows straight from the database, past the code under test."""
        url = self.addresses()["database_url"].replace("+psycopg", "")
        with psycopg.connect(url) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def provider_requests(self) -> list[dict[str, Any]]:
        """Everything that the stand-in providers were ever asked, in order."""
        if not self.requests_file.exists():
            return []
        # What is behind the last line end is just being written.
        whole, _, _ = self.requests_file.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]


@contextmanager
def rig(folder: Path, rules: str, settings: dict[str, str] | None = None) -> Iterator[Rig]:
    """A gateway and its sandbox, started; everything is stopped at the end."""
    made = Rig(folder, rules, settings or {})
    try:
        made.start_sandbox()
        made.start()
        yield made
    finally:
        made.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False
