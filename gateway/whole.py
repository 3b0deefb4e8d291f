"""The whole gateway on one machine: the embedded parts that are wanted, and one process for each role."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import OperationalError

from gateway.addresses import Addresses
from gateway.embedded.child import Child
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.ports import LOOPBACK, free_port, parse_bind, why_not
from gateway.embedded.stack import EmbeddedStack
from gateway.http_probe import answers
from gateway.prepare import prepare_database
from gateway.sandbox import Sandbox, pointed_at, wanted
from gateway.settings import Settings
from gateway.storage.database import DatabaseUnfitError, connect

log = structlog.get_logger()


class Gateway:
    """Starts everything, stops everything. The processes themselves are ``kizashi serve --role …``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = EmbeddedStack(
            settings.data_dir,
            settings.mqtt.bind,
            want_nats=settings.log.url is None,
            want_postgres=settings.database.url is None,
        )
        self.addresses: Addresses | None = None
        self._taken: set[int] = set()
        self.sandbox: Sandbox | None = None
        """The providers' stand-ins, where this gateway has its own."""

    def start(self) -> Addresses:
        """Start all parts and return once each is ready.

        Raises:
            EmbeddedError: a part can't run; one line says why and what to do.
            NoRulesError, RuleErrors: ``rules.dir`` can't be used, and no rules held before.
        """
        self._check_http_port()
        self.addresses = self._find_addresses()
        self._prepare_database(self.addresses)
        env = {**os.environ, **self.addresses.environment()}
        children = []
        if wanted(self._settings):
            self.sandbox = Sandbox(self._settings.public_url, pointed_at(self._settings))
            env |= self.sandbox.environment()
            children.append(self.sandbox.child(env))
        self.start_children([*children, *self._role_children(env)])
        return self.addresses

    def start_children(self, children: Sequence[Child]) -> None:
        """Start ``children`` beside the others and look after them.

        Raises:
            EmbeddedError: one can't be started.
        """
        self._stack.supervisor.start(children)

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until a signal to stop, or for ``seconds``. Returns whether it was a signal."""
        return self._stack.supervisor.wait_for_signal(seconds) is not None

    def stop(self) -> None:
        """Stop all parts, last started first. May be called twice, and before ``start``."""
        self._stack.stop()

    def _check_http_port(self) -> None:
        """Before anything is started: the commonest mishap deserves the quickest answer."""
        bind = parse_bind(self._settings.http.bind, "http.bind")
        if (reason := why_not(bind)) is not None:
            raise EmbeddedError(
                f"{bind} can't be used for the API and the console: {reason}; stop what uses it, or set http.bind"
            )

    def _find_addresses(self) -> Addresses:
        started = self._stack.start()
        settings = self._settings
        password = settings.mqtt.password.get_secret_value() if settings.mqtt.password else None
        foreign_broker = settings.mqtt.url is not None
        database_url = settings.database.url.get_secret_value() if settings.database.url else started.database_url
        log_url = settings.log.url.get_secret_value() if settings.log.url else started.log_url
        mqtt_url = settings.mqtt.url or started.mqtt_url
        if mqtt_url is None:
            raise EmbeddedError("log.url is set, so no MQTT listener is embedded: set mqtt.url to your broker")
        assert database_url is not None
        assert log_url is not None
        return Addresses(
            database_url=database_url,
            log_url=log_url,
            mqtt_url=mqtt_url,
            mqtt_username=settings.mqtt.username if foreign_broker else started.mqtt_username,
            mqtt_password=password if foreign_broker else started.mqtt_password,
            mqtt_ca_file=str(settings.mqtt.ca_file) if settings.mqtt.ca_file else None,
            issuer_seed=started.issuer_seed,
        )

    def _prepare_database(self, found: Addresses) -> None:
        engine = connect(found.database_url)
        try:
            prepare_database(engine, self._settings)
        except DatabaseUnfitError as error:
            raise EmbeddedError(str(error)) from error
        except OperationalError as error:
            reason = str(error.orig).splitlines()[0]
            raise EmbeddedError(f"the database does not answer ({reason}): look at database.url") from error
        finally:
            engine.dispose()

    def _role_children(self, env: dict[str, str]) -> list[Child]:
        workers = [f"worker-{n}" for n in range(1, self._settings.worker.processes + 1)]
        names = {"ingress": "ingress", **dict.fromkeys(workers, "worker"), "deliver": "deliver", "api": "api"}
        return [self._role_child(name, role, env) for name, role in names.items()]

    def _role_child(self, name: str, role: str, env: dict[str, str]) -> Child:
        # -P: a rules.py in the operator's working folder is no module of ours.
        argv = (sys.executable, "-P", "-m", "gateway.cli", "serve", "--role", role)
        if role == "api":
            return Child(name=name, argv=argv, env=env, ready=self._api_ready)
        port = free_port(None, self._taken)
        probe = f"http://{LOOPBACK}:{port}/readyz"
        return Child(name=name, argv=(*argv, "--probes-port", str(port)), env=env, ready=lambda: answers(probe))

    def _api_ready(self) -> bool:
        return answers(f"http://{_reachable(self._settings.http.bind)}/readyz")


def _reachable(bind: str) -> str:
    """An address that a client on this machine can use for what is bound to ``bind``."""
    parts = urlsplit(f"//{bind}")
    host = parts.hostname or "127.0.0.1"
    wildcard = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = wildcard.get(host, host)
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{parts.port}"
