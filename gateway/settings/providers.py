"""Who carries messages: accounts, servers and keys."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from gateway.settings.values import Section


class Twilio(Section):
    """SMS. ``base_url`` points the SDK elsewhere (the sandbox)."""

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    from_: str | None = Field(default=None, alias="from")
    messaging_service_sid: str | None = None
    base_url: str | None = None


class Fcm(Section):
    """Push. ``base_url`` points the SDK elsewhere (the sandbox)."""

    project_id: str | None = None
    credentials_file: Path | None = None
    base_url: str | None = None


class BounceImap(Section):
    """The mailbox into which undeliverable mail comes back; without ``host`` it is piped in."""

    host: str | None = None
    port: int = Field(default=993, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    folder: str = "INBOX"
    tls: bool = True
    ca_file: Path | None = None
    poll_seconds: float = Field(default=60.0, ge=0.1)


class MailServer(Section):
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


class Webhook(Section):
    """Customers' own endpoints. ``secret`` (``whsec_…``) signs each call; without it the channel is off."""

    secret: SecretStr | None = None
    previous_secret: SecretStr | None = None
    """Signs beside it while endpoints change over."""
    allow_http: bool = False
    allow_loopback: bool = False
    """Set by the sandbox, whose endpoint is on this machine; without ``sandbox`` it does nothing."""
    ca_file: Path | None = None


class WebPush(Section):
    """Browsers. ``private_key`` (VAPID) says who we are to their push services; without it the channel is off."""

    private_key: SecretStr | None = None
    subject: str | None = None
    """``mailto:`` or ``https:``: how a push service's operator reaches us."""
    allow_loopback: bool = False
    """Set by the sandbox, whose push service is on this machine; without ``sandbox`` it does nothing."""


class Operations(Section):
    """The operations team's own channels: apprise URLs, separated by spaces or lines."""

    urls: SecretStr | None = None
    dead_letters: int = Field(default=100, ge=0)
    """More failed messages than this within an hour are told."""
