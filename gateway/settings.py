"""Settings: ``kizashi.toml``, overridden by ``KIZASHI_SECTION__NAME``; secrets also by ``KIZASHI_SECTION__NAME_FILE``.

Each field is documented in docs/reference/settings.md; a test keeps the two in step.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import zoneinfo
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rules.duration import DAY, HOUR, parse_duration, spoken

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "KIZASHI_"
CONFIG_FILE = Path("kizashi.toml")
Severity = Literal["critical", "major", "minor", "warning", "info"]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]
Units = Annotated[int, Field(ge=0)]


class SettingsError(Exception):
    """The settings can't be used; the message names each wrong one and says what it wants."""


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError as error:
        problem, _, mend = str(error).partition("|")
        raise ValueError(f"{problem}; {mend}") from error
    return text


def _time_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write it as in Asia/Tokyo or Europe/Berlin") from error
    return name


def _hours(text: str) -> str:
    from notifiers.policy.settings import parse_quiet_hours

    if text:
        parse_quiet_hours(text)
    return text


def _period(text: str) -> str:
    return text if text == NEVER else _duration(text)


NEVER = "never"
"""As a period: it is not deleted."""
Duration = Annotated[str, AfterValidator(_duration)]
Period = Annotated[str, AfterValidator(_period)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Http(_Section):
    """The API, the webhooks and the console."""

    bind: str = "127.0.0.1:8080"


class Database(_Section):
    """PostgreSQL; without ``url`` the embedded one."""

    url: SecretStr | None = None


class Log(_Section):
    """NATS JetStream; without ``url`` the embedded one."""

    url: SecretStr | None = None
    partitions: int = Field(default=8, ge=1, le=1024)


class Mqtt(_Section):
    """The embedded listener (``bind``), or somebody else's broker (``url``)."""

    bind: str = "127.0.0.1:1883"
    url: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    issuer_seed: SecretStr | None = None
    """Signs what devices may do on the embedded server; ``serve`` makes it and hands it to the ingress."""


class Api(_Section):
    """``bootstrap_key``: a bearer key that works before any other was made."""

    bootstrap_key: SecretStr | None = None


class Twilio(_Section):
    """SMS. ``base_url`` points the SDK elsewhere (the sandbox)."""

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    from_: str | None = Field(default=None, alias="from")
    messaging_service_sid: str | None = None
    base_url: str | None = None


class Fcm(_Section):
    """Push. ``base_url`` points the SDK elsewhere (the sandbox)."""

    project_id: str | None = None
    credentials_file: Path | None = None
    base_url: str | None = None


class BounceImap(_Section):
    """The mailbox into which undeliverable mail comes back; without ``host`` it is piped in."""

    host: str | None = None
    port: int = Field(default=993, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    folder: str = "INBOX"
    tls: bool = True
    ca_file: Path | None = None
    poll_seconds: float = Field(default=60.0, ge=0.1)


class MailServer(_Section):
    """Where email is handed in."""

    host: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    """``None``: 587, with ``tls`` 465."""
    username: str | None = None
    password: SecretStr | None = None
    tls: bool | None = None
    """TLS from the first byte; ``None``: on port 465."""
    starttls: bool | None = None
    """TLS demanded after the greeting; ``None``: unless it begins with the first byte."""
    ca_file: Path | None = None
    helo_name: str | None = None
    from_: str | None = Field(default=None, alias="from")


class Smtp(MailServer):
    """Email."""

    bounce_domain: str | None = None
    """Mail that can't be delivered comes back to ``bounce+…@`` this domain."""
    bounce_imap: BounceImap = BounceImap()


class Webhook(_Section):
    """Customers' own endpoints. ``secret`` (``whsec_…``) signs each call; without it the channel is off."""

    secret: SecretStr | None = None
    previous_secret: SecretStr | None = None
    """Signs beside it while endpoints change over."""
    allow_http: bool = False
    allow_loopback: bool = False
    """Set by the sandbox, whose endpoint is on this machine; without ``sandbox`` it does nothing."""
    ca_file: Path | None = None


class WebPush(_Section):
    """Browsers. ``private_key`` (VAPID) says who we are to their push services; without it the channel is off."""

    private_key: SecretStr | None = None
    subject: str | None = None
    """``mailto:`` or ``https:``: how a push service's operator reaches us."""
    allow_loopback: bool = False
    """Set by the sandbox, whose push service is on this machine; without ``sandbox`` it does nothing."""


class Operations(_Section):
    """The operations team's own channels: apprise URLs, separated by spaces or lines."""

    urls: SecretStr | None = None
    dead_letters: int = Field(default=100, ge=0)
    """More failed messages than this within an hour are told."""


class Influx(_Section):
    """Raw telemetry, where wanted (not written yet)."""

    url: str | None = None
    token: SecretStr | None = None
    org: str | None = None
    bucket: str | None = None


class Rules(_Section):
    """Where the rule files (``*.yaml``) are."""

    dir: Path | None = None


class Templates(_Section):
    """Where a deployment's own templates are; they come before the shipped ones."""

    dir: Path | None = None


class Worker(_Section):
    """How many worker processes ``serve --role all`` starts, and how often each writes its checkpoint."""

    processes: int = Field(default=1, ge=1, le=64)
    checkpoint_seconds: float = Field(default=3.0, gt=0, le=60)


class Delivery(_Section):
    """The outbox: senders at once, how long a claim lasts, and how long *unknown* waits for a receipt."""

    threads: int = Field(default=32, ge=1, le=256)
    lease_seconds: float = Field(default=30.0, ge=1)
    settle_seconds: float = Field(default=30.0, ge=0)
    max_attempts: int = Field(default=8, ge=1)
    rate: dict[str, Annotated[float, Field(gt=0)]] = {}
    """The most messages a second, by channel, to each of its providers, from all deliver processes together."""


class FrequencyCap(_Section):
    """So many contacts with one person in any span of ``per`` (``"1d"``); of one purpose, by one channel, or of all."""

    at_most: int = Field(ge=1)
    per: Duration
    purpose: str | None = None
    channel: str | None = None


class Digest(_Section):
    """What caps refuse of these purposes is told in one message a day, at ``at`` (``"18:00"``), the customer's time."""

    purposes: list[str] = []
    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "18:00"


class Policy(_Section):
    """Quiet hours by purpose (``"21:00-08:00"``, the customer's own time; an empty string switches them off).

    Caps and budgets, and who passes them: see docs/reference/policy.md.
    """

    quiet_hours: dict[str, Annotated[str, AfterValidator(_hours)]] = {}
    woken_by: dict[str, list[Severity]] = {}
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    caps: list[FrequencyCap] | None = None
    """``None``: the default ones; an empty list: none."""
    vital: dict[str, list[Severity]] = {}
    sms_countries: list[Country] | None = None
    daily_budget: dict[str, Units] = {}
    daily_reserve: dict[str, Units] = {}
    sms_per_number: int | None = Field(default=None, ge=1)
    sms_per_prefix: int | None = Field(default=None, ge=1)
    sms_cost: dict[str, Annotated[float, Field(ge=0)]] = {}
    digest: Digest = Digest()


class Retention(_Section):
    """How long what is recorded is kept, by kind: ``"90d"``, or ``"never"`` for never deleted.

    What is open stays however old it is. docs/explanation/what-is-recorded.md has the whole of it.
    """

    at: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "03:30"
    """When the old is deleted, each day, UTC."""
    message_texts: Period = "90d"
    messages: Period = "400d"
    decisions: Period = "400d"
    alerts: Period = "400d"
    cases: Period = "730d"
    timeline: Period = "730d"
    consent_history: Period = "1095d"
    offer_codes: Period = "730d"
    bad_addresses: Period = "730d"
    digest_items: Period = "7d"
    spending: Period = "400d"
    faults: Period = "90d"
    events: Duration = "7d"
    """The event log."""
    rejected: Duration = "30d"
    """What was refused at the door."""

    @model_validator(mode="after")
    def _keeps_what_still_works(self) -> Self:
        for name, least, why in (
            ("events", HOUR, "a worker that was away works it through"),
            ("rejected", HOUR, "people look into it"),
            ("message_texts", 7 * DAY, "a mail may come back after days, and its address is wanted then"),
            ("messages", 30 * DAY, "a telephone that was switched off may tell of a message after four weeks"),
            ("decisions", parse_duration(self.events), "the event log is kept so long and may be worked through again"),
        ):
            if milliseconds(getattr(self, name)) < least:
                raise ValueError(f"{name} has to be at least {spoken(least)}: {why}")
        return self


def milliseconds(period: str) -> float:
    """How long ``period`` is; ``"never"``: infinite."""
    return float("inf") if period == NEVER else parse_duration(period)


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
        env_settings.env_vars = {n: v for n, v in env_settings.env_vars.items() if not _names_secret_file(n.upper())}
        return (init_settings, env_settings, SecretFiles(settings_cls), TomlConfigSettingsSource(settings_cls))


class SecretFiles(PydanticBaseSettingsSource):
    """``KIZASHI_TWILIO__AUTH_TOKEN_FILE=/run/secrets/x``: the value is the file's text, without its last line end."""

    suffix: ClassVar[str] = "_FILE"

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Not used: ``__call__`` gives all at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The nested values of all ``…_FILE`` variables."""
        return secrets_from_files(os.environ)


def secrets_from_files(environ: Mapping[str, str]) -> dict[str, Any]:
    """Nested settings read from the files that ``…_FILE`` variables name.

    ``credentials_file`` and ``ca_file`` are settings of their own that end alike; they are left alone.

    Raises:
        SettingsError: a named file can't be read.
    """
    found: dict[str, Any] = {}
    for name, path in environ.items():
        if not _names_secret_file(name):
            continue
        keys = name.removeprefix(PREFIX).removesuffix("_FILE").lower().split("__")
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SettingsError(f"{name} names {path}, which can't be read: {error.strerror}") from error
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = text
    return found


def _names_secret_file(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith("_FILE") and not name.endswith(("CREDENTIALS_FILE", "CA_FILE"))


def load(**overrides: Any) -> Settings:
    """The settings as they stand.

    Raises:
        SettingsError: one clear line per wrong setting.
    """
    _refuse_unknown_sections(os.environ)
    try:
        return Settings(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{CONFIG_FILE} can't be read: {error}") from error
    except ValidationError as error:
        raise SettingsError("wrong settings: " + "; ".join(_said(each) for each in error.errors())) from error


def _refuse_unknown_sections(environ: Mapping[str, str]) -> None:
    """A misspelt section is no setting at all to what reads the environment, so it would be ignored.

    Names without a section are left alone: Kubernetes puts some of its own there, such as ``KIZASHI_PORT``.
    """
    for name in environ:
        section, dot, _ = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and dot and section not in Settings.model_fields:
            raise SettingsError(f"{name}: {_unknown(section, _names(Settings))}")


def _said(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = _unknown(str(error["loc"][-1]), _names(_section(error["loc"][:-1])))
    return f"{place}: {message}" if place else message


def _unknown(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"no such setting; {f'did you mean {near[0]!r}?' if near else 'docs/reference/settings.md has all of them'}"


def _section(place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of ``("smtp", "bounce_imap")``; ``None`` where that is no section, as within a list."""
    section: Any = Settings
    for part in place:
        field = section.model_fields.get(part)
        section = field.annotation if field is not None else None
        if not (isinstance(section, type) and issubclass(section, BaseModel)):
            return None
    return cast("type[BaseModel]", section)


def _names(section: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()] if section else []
