"""All sections together, and the order in which their sources are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.settings.policy import Policy
from gateway.settings.providers import Fcm, MailServer, Operations, Smtp, Twilio, Webhook, WebPush
from gateway.settings.retention import Retention
from gateway.settings.secret_files import PREFIX, SecretFiles, names_secret_file
from gateway.settings.stack import Api, Database, Delivery, Http, Influx, Log, Mqtt, Rules, Templates, Worker
from gateway.settings.values import milliseconds
from rules.duration import DAY, parse_duration

CONFIG_FILE = Path("kizashi.toml")


class Settings(BaseSettings):
    """All of them. A URL that is left out means the embedded part."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        toml_file=CONFIG_FILE,
        populate_by_name=True,
        env_ignore_empty=True,
    )

    data_dir: Path = Path("data")
    public_url: str = "http://127.0.0.1:8080"
    sandbox: bool = False
    http: Http = Http()
    database: Database = Database()
    log: Log = Log()
    mqtt: Mqtt = Mqtt()
    api: Api = Api()
    twilio: Twilio = Twilio()
    fcm: Fcm = Fcm()
    smtp: Smtp = Smtp()
    twilio_2: Twilio = Twilio()
    """Takes over while the first is in trouble."""
    smtp_2: MailServer = MailServer()
    """Takes over while the first is in trouble; without ``from`` it sends as the first does."""
    webhook: Webhook = Webhook()
    webpush: WebPush = WebPush()
    operations: Operations = Operations()
    influx: Influx = Influx()
    rules: Rules = Rules()
    templates: Templates = Templates()
    worker: Worker = Worker()
    delivery: Delivery = Delivery()
    policy: Policy = Policy()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _keeps_what_caps_count(self) -> Self:
        kept = milliseconds(self.retention.messages)
        for cap in self.policy.caps or ():
            if parse_duration(cap.per) + 2 * DAY > kept:
                raise ValueError(
                    f"retention.messages ({self.retention.messages}) is too short: policy.caps counts over {cap.per}; "
                    "keep messages two days longer than that"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then ``…_FILE``, then the file."""
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = {n: v for n, v in env_settings.env_vars.items() if not names_secret_file(n.upper())}
        return (init_settings, env_settings, SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls))
