"""Where the parts of the stack are, whether embedded or somebody else's."""

from __future__ import annotations

import msgspec

from gateway.embedded.addresses import running_addresses
from gateway.settings import PREFIX, Settings


class NotRunningError(Exception):
    """There is no stack to talk to; the message says how to get one."""


class Addresses(msgspec.Struct, frozen=True):
    """URLs with their credentials."""

    database_url: str
    log_url: str
    mqtt_url: str
    mqtt_username: str | None = None
    mqtt_password: str | None = None
    mqtt_ca_file: str | None = None
    issuer_seed: str | None = None
    """Only with the embedded NATS server: the key that signs devices' permissions."""

    def environment(self) -> dict[str, str]:
        """The same as environment variables, for a child process."""
        named = {
            "DATABASE__URL": self.database_url,
            "LOG__URL": self.log_url,
            "MQTT__URL": self.mqtt_url,
            "MQTT__USERNAME": self.mqtt_username,
            "MQTT__PASSWORD": self.mqtt_password,
            "MQTT__CA_FILE": self.mqtt_ca_file,
            "MQTT__ISSUER_SEED": self.issuer_seed,
        }
        return {PREFIX + name: value for name, value in named.items() if value is not None}


def find(settings: Settings) -> Addresses:
    """The addresses in ``settings``, completed by what runs in ``settings.data_dir``.

    Raises:
        NotRunningError: a part is neither configured nor running here.
    """
    running = running_addresses(settings.data_dir)
    database = settings.database.url.get_secret_value() if settings.database.url else None
    log = settings.log.url.get_secret_value() if settings.log.url else None
    password = settings.mqtt.password.get_secret_value() if settings.mqtt.password else None
    seed = settings.mqtt.issuer_seed.get_secret_value() if settings.mqtt.issuer_seed else None
    if running is None and (database is None or log is None):
        unset = [name for name, value in (("database.url", database), ("log.url", log)) if value is None]
        missing = f"{' and '.join(unset)} {'are' if len(unset) > 1 else 'is'}"
        raise NotRunningError(
            f"Kizashi does not run in {settings.data_dir} and {missing} not set: start `kizashi serve`, "
            "or set data_dir or the URLs"
        )
    return Addresses(
        database_url=database or (running and running.database_url) or "",
        log_url=log or (running and running.log_url) or "",
        mqtt_url=settings.mqtt.url or (running and running.mqtt_url) or f"mqtt://{settings.mqtt.bind}",
        mqtt_username=settings.mqtt.username or (running.mqtt_username if running else None),
        mqtt_password=password or (running.mqtt_password if running else None),
        mqtt_ca_file=str(settings.mqtt.ca_file) if settings.mqtt.ca_file else None,
        issuer_seed=seed or (running.issuer_seed if running else None),
    )
