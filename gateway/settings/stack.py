"""The parts of the gateway itself: where each is, and how much it does at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from gateway.settings.values import Section


class Http(Section):
    """The API, the webhooks and the console."""

    bind: str = "127.0.0.1:8080"


class Database(Section):
    """PostgreSQL; without ``url`` the embedded one."""

    url: SecretStr | None = None


class Log(Section):
    """NATS JetStream; without ``url`` the embedded one."""

    url: SecretStr | None = None
    partitions: int = Field(default=8, ge=1, le=1024)


class Mqtt(Section):
    """The embedded listener (``bind``), or somebody else's broker (``url``)."""

    bind: str = "127.0.0.1:1883"
    url: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    issuer_seed: SecretStr | None = None
    """Signs what devices may do on the embedded server; ``serve`` makes it and hands it to the ingress."""


class Api(Section):
    """``bootstrap_key``: a bearer key that works before any other was made."""

    bootstrap_key: SecretStr | None = None


class Influx(Section):
    """Raw telemetry, where wanted (not written yet)."""

    url: str | None = None
    token: SecretStr | None = None
    org: str | None = None
    bucket: str | None = None


class Rules(Section):
    """Where the rule files (``*.yaml``) are."""

    dir: Path | None = None


class Templates(Section):
    """Where a deployment's own templates are; they come before the shipped ones."""

    dir: Path | None = None


class Worker(Section):
    """How many worker processes ``serve --role all`` starts, and how often each writes its checkpoint."""

    processes: int = Field(default=1, ge=1, le=64)
    checkpoint_seconds: float = Field(default=3.0, gt=0, le=60)


class Delivery(Section):
    """The outbox: senders at once, how long a claim lasts, and how long *unknown* waits for a receipt."""

    threads: int = Field(default=32, ge=1, le=256)
    lease_seconds: float = Field(default=30.0, ge=1)
    settle_seconds: float = Field(default=30.0, ge=0)
    max_attempts: int = Field(default=8, ge=1)
    rate: dict[str, Annotated[float, Field(gt=0)]] = Field(default={})
    """The most messages a second, by channel, to each of its providers, from all deliver processes together."""
