"""Which broker to talk to, and as whom."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerError(ValueError):
    """The broker's URL or the credentials file can't be used."""


@dataclass(frozen=True, slots=True)
class Login:
    """MQTT user name and password."""

    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens; ``ca_file`` is trusted beside nothing else, without it the system's authorities are."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None


def parse_broker(url: str, ca_file: Path | None = None) -> Broker:
    """``mqtt://host[:port]`` or ``mqtts://host[:port]``.

    Raises:
        BrokerError: anything else.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerError(f"broker {url!r}: {error}") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.path.strip("/") or parts.username:
        raise BrokerError(f"broker {url!r}: write mqtt://host:port or mqtts://host:port")
    if ca_file is not None and parts.scheme != "mqtts":
        raise BrokerError(f"a CA file is only used with TLS: write mqtts:// instead of {url!r}")
    return Broker(parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.scheme == "mqtts", ca_file)


def read_credentials(path: Path) -> dict[str, Login]:
    """Read ``{device_id: {"username": …, "password": …}}``.

    Raises:
        BrokerError: the file can't be read or has another shape.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BrokerError(f"credentials {path}: {error}") from error
    if not isinstance(document, dict):
        raise BrokerError(f'credentials {path}: write {{"device-id": {{"username": …, "password": …}}}}')
    return {device_id: _login(path, device_id, entry) for device_id, entry in document.items()}


def _login(path: Path, device_id: str, entry: Any) -> Login:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("username", "password")):
        raise BrokerError(f'credentials {path}: {device_id} needs {{"username": …, "password": …}}, both texts')
    return Login(entry["username"], entry["password"])
