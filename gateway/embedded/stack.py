"""The embedded stack: NATS and PostgreSQL on one data folder, started, watched and stopped as one."""

from __future__ import annotations

from pathlib import Path

from gateway.embedded.addresses import StackAddresses, publish_addresses, running_addresses, withdraw_addresses
from gateway.embedded.child import Child
from gateway.embedded.data_dir import DataDir
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity, load_identity, save_identity
from gateway.embedded.nats import GATEWAY_USER, NatsServer
from gateway.embedded.ports import LOOPBACK, Bind, free_port, parse_bind
from gateway.embedded.postgres import PostgresServer
from gateway.embedded.supervise import STOP_SECONDS, Supervisor

__all__ = ["EmbeddedStack", "StackAddresses", "running_addresses"]


class EmbeddedStack:
    """Holds the data folder while it runs; its ``supervisor`` takes further children as later stages."""

    def __init__(self, data_dir: Path, mqtt_bind: str, want_nats: bool, want_postgres: bool) -> None:
        self._data_dir = DataDir(data_dir)
        self._mqtt_bind = mqtt_bind
        self._want_nats = want_nats
        self._want_postgres = want_postgres
        self.supervisor = Supervisor(self._data_dir.run, self._data_dir.log)

    def start(self) -> StackAddresses:
        """Take the data folder, start what is wanted, and return when it answers.

        Blocks for about a second; from a coroutine call it by ``asyncio.to_thread``.

        Raises:
            EmbeddedError: anything in the way; nothing is left running and the folder is free again.
        """
        self._data_dir.lock()
        try:
            return self._start_children()
        except OSError as error:
            self.stop()
            raise EmbeddedError(f"data folder {self._data_dir.path} can't be used: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End all children, also those that others gave to ``supervisor``, and give the folder back.

        May be called twice, and after a ``start`` that failed: a folder that another Kizashi holds is not touched.
        """
        self.supervisor.stop(seconds)
        if self._data_dir.locked:
            withdraw_addresses(self._data_dir.path)
            self._data_dir.unlock()

    def _start_children(self) -> StackAddresses:
        folder = self._data_dir.path
        # First of all: what an earlier supervisor left running may still hold the ports.
        self.supervisor.end_leftovers()
        identity = load_identity(folder)
        mqtt = self._choose_ports(identity)
        save_identity(folder, identity)
        children: list[Child] = []
        database = nats = None
        if self._want_postgres:
            database = PostgresServer(folder / "postgres", identity)
            children.append(database.child())
        if self._want_nats:
            nats = NatsServer(folder / "nats", identity, mqtt)
            nats.prepare()
            children.append(nats.child())
        self.supervisor.start(children)
        addresses = StackAddresses(
            database_url=None if database is None else database.url,
            log_url=None if nats is None else nats.url,
            mqtt_url=None if nats is None else nats.mqtt_url,
            mqtt_username=None if nats is None else GATEWAY_USER,
            mqtt_password=None if nats is None else identity.nats_password,
            issuer_seed=None if nats is None else identity.issuer_seed,
        )
        publish_addresses(folder, addresses)
        return addresses

    def _choose_ports(self, identity: Identity) -> Bind:
        ports, taken = identity.ports, set[int]()
        mqtt = parse_bind(self._mqtt_bind, "mqtt.bind")
        taken.add(mqtt.port)
        if self._want_postgres:
            ports.postgres = free_port(ports.postgres, taken)
        if self._want_nats:
            ports.nats = free_port(ports.nats, taken)
            ports.nats_health = free_port(ports.nats_health, taken)
        if self._want_nats and mqtt.port == 0:
            ports.mqtt = free_port(ports.mqtt, taken)
            mqtt = Bind(mqtt.host or LOOPBACK, ports.mqtt)
        return mqtt
