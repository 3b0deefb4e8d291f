"""The bundled NATS server: JetStream for the log, and the MQTT listener for the devices."""

from __future__ import annotations

import http
import http.client
import json
import re
import shutil
import signal
import sys
from pathlib import Path

from gateway.embedded.child import Child
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity
from gateway.embedded.nkeys import AccountKey
from gateway.embedded.ports import LOOPBACK, Bind, why_not
from gateway.embedded.private_file import write_private

ACCOUNT_NAME = "KIZASHI"
"""All of ours is in this one account of the server: the log, MQTT, the devices."""
GATEWAY_USER = "gateway"
SYSTEM_USER = "system"
MAX_ACK_PENDING = 6_500
"""Unacknowledged QoS 1 messages per subscription. The server grants 65,535 to all subscriptions of one session together
(a 16-bit packet identifier), counts a filter that ends in ``#`` twice, and denies what goes beyond: so ten of them."""
_MAX_FILE_STORE = "8TB"
"""More than any disk here: the disk itself is the limit, and the log says when it is full."""
_PROBE_SECONDS = 1.0
_RECOVERY_SECONDS = 300.0
"""After a hard end JetStream first checks its files."""
_MQTT_TAKEN = re.compile(r"mqtt.*(?:bind|listen).*?: (?P<why>[^:\"]+)\"?$", re.IGNORECASE)
_LOG_PREFIX = re.compile(r"^\[\d+\] \S+ \S+ \[\w+\] ")

_CONFIGURATION = """\
# Written by Kizashi at each start; changes are lost. See docs/reference/embedded-stack.md.
server_name: kizashi
listen: {loopback}:{port}
http: {loopback}:{health_port}
max_payload: 8MB
max_pending: 256MB
max_connections: 262144
write_deadline: "10s"

jetstream {{
  store_dir: {store}
  max_file_store: {max_file_store}
  max_memory_store: 256MB
}}

mqtt {{
  host: {mqtt_host}
  port: {mqtt_port}
  max_ack_pending: {max_ack_pending}
  ack_wait: "30s"
}}

accounts {{
  SYS {{ users: [ {{ user: {system_user}, password: {system_password} }} ] }}
  {account} {{
    jetstream: enabled
    users: [ {{ user: {gateway_user}, password: {gateway_password} }} ]
  }}
}}
system_account: SYS

authorization {{
  timeout: 5
  auth_callout {{
    issuer: {issuer}
    account: {account}
    auth_users: [ {gateway_user}, {system_user} ]
  }}
}}
"""


class NatsServer:
    """One ``nats-server`` on the data below ``folder``, described for the supervisor by ``child``."""

    def __init__(self, folder: Path, identity: Identity, mqtt: Bind) -> None:
        self._folder = folder
        self._identity = identity
        self.mqtt = mqtt

    @property
    def url(self) -> str:
        """For NATS clients, as the gateway itself."""
        return f"nats://{GATEWAY_USER}:{self._identity.nats_password}@{LOOPBACK}:{self._identity.ports.nats}"

    @property
    def mqtt_url(self) -> str:
        """For MQTT clients on this machine, without credentials."""
        local = {"0.0.0.0": LOOPBACK, "::": "::1"}.get(self.mqtt.host, self.mqtt.host)
        return f"mqtt://{Bind(local, self.mqtt.port)}"

    def prepare(self) -> None:
        """Check the MQTT address and write the configuration.

        Raises:
            EmbeddedError: the MQTT address is taken or not ours, or the program is missing.
            OSError: the folder can't be written.
        """
        if (reason := why_not(self.mqtt)) is not None:
            raise EmbeddedError(self._mqtt_unusable(reason))
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self._folder / "server.conf", self._configuration())

    def child(self) -> Child:
        """How to run it, after ``prepare``.

        Raises:
            EmbeddedError: the program is missing.
        """
        return Child(
            name="nats",
            argv=(_program(), "--config", str(self._folder / "server.conf")),
            ready=self._healthy,
            ready_seconds=_RECOVERY_SECONDS,
            stop_signals=(signal.SIGTERM,),
            death_signal=signal.SIGTERM,
            explain=self._explain,
        )

    def _configuration(self) -> str:
        def quoted(text: str) -> str:
            return json.dumps(text, ensure_ascii=False)  # the server does not know \u escapes

        return _CONFIGURATION.format(
            loopback=LOOPBACK,
            port=self._identity.ports.nats,
            health_port=self._identity.ports.nats_health,
            store=quoted(str(self._folder)),
            max_file_store=_MAX_FILE_STORE,
            mqtt_host=quoted(self.mqtt.host),
            mqtt_port=self.mqtt.port,
            max_ack_pending=MAX_ACK_PENDING,
            account=ACCOUNT_NAME,
            system_user=SYSTEM_USER,
            system_password=quoted(self._identity.nats_system_password),
            gateway_user=GATEWAY_USER,
            gateway_password=quoted(self._identity.nats_password),
            issuer=AccountKey.from_seed(self._identity.issuer_seed).public,
        )

    def _healthy(self) -> bool:
        """Whether the server, its JetStream included, says that it is well."""
        # Not urllib: that would ask a proxy from the environment.
        server = http.client.HTTPConnection(LOOPBACK, self._identity.ports.nats_health, timeout=_PROBE_SECONDS)
        try:
            server.request("GET", "/healthz")
            return server.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            server.close()

    def _explain(self, log_tail: str) -> str | None:
        """The one line that tells what ``log_tail`` means, or None."""
        for line in reversed(log_tail.splitlines()):
            if (match := _MQTT_TAKEN.search(line)) is not None:
                return self._mqtt_unusable(match["why"].strip())
            if "[FTL]" in line:
                return f"the embedded NATS server can't run: {_LOG_PREFIX.sub('', line)}"
        return None

    def _mqtt_unusable(self, reason: str) -> str:
        return (
            f"can't listen for MQTT on {self.mqtt} ({reason}); stop the program that uses it or set mqtt.bind, "
            'for example KIZASHI_MQTT__BIND="127.0.0.1:1884"'
        )


def _program() -> str:
    """The wheel's ``nats-server`` beside this Python, or one on the PATH."""
    beside = Path(sys.prefix) / "bin" / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise EmbeddedError("the program nats-server is missing; run make setup, or set log.url to a NATS of your own")
    return found
