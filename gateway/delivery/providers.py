"""The channels of this deployment, built from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from pydantic import SecretStr

from gateway.settings import MailServer, Settings, Twilio
from notifiers.catalog import CATALOG
from notifiers.egress import is_here
from notifiers.outcome import CannotTell, Notifier, Outcome, Outgoing, Refused, Settlement

log = structlog.get_logger()

NOT_CONFIGURED: Final = "channel_not_configured"

ASKED: Final = frozenset({"sms"})
"""Channels whose provider can be asked whether it has a message; there, nothing in doubt is ever sent again unasked.

On the others a repeat is recognisable (push: the collapse key, email: the Message-ID), so a message whose sender died
may go out once more."""

REPEATABLE: Final = frozenset({"webhook", "inbox"})
"""Channels whose receiver knows a repeat by its id (``webhook-id``): there, every *unknown* is settled by sending it
again."""

EACH_ITS_OWN: Final = frozenset({"webhook", "webpush", "inbox"})
"""Channels without one provider in the middle: that one address fails says nothing about the others. Each browser
names its own push service."""


class Unconfigured:
    """Stands in for a channel without settings: each message is refused, and the next channel gets its turn."""

    def __init__(self, channel: str, reason: str = NOT_CONFIGURED) -> None:
        """``reason``: why it can't send."""
        self.channel = channel
        self.provider = CATALOG[channel].provider
        self._reason = reason

    def send(self, message: Outgoing) -> Outcome:
        """Refuse it."""
        return Refused(self._reason)

    def settle(self, message: Outgoing, sent_after_ms: int) -> Settlement:
        """Nobody to ask."""
        return CannotTell()


def build(settings: Settings) -> dict[str, Notifier]:
    """A notifier for each channel of the catalog."""
    return {channel: _built(channel, _FIELDS[channel](settings)) for channel in CATALOG}


def spares(settings: Settings) -> dict[str, Notifier]:
    """By channel, who takes over while its first provider is in trouble, named ``twilio_2`` and ``smtp_2``.

    With ``sandbox`` only those on this machine: a stand-in's bad day must not send to anybody for real.
    """
    second = {
        "sms": ("twilio_2", _twilio(settings.twilio_2, settings), urlsplit(settings.twilio_2.base_url or "").hostname),
        "email": ("smtp_2", _mail_server(settings.smtp_2, settings), settings.smtp_2.host),
    }
    found = {}
    for channel, (provider, fields, host) in second.items():
        if settings.sandbox and not (host is not None and is_here(host)):
            continue
        built = _built(channel, fields)
        if not isinstance(built, Unconfigured):
            built.provider = provider
            found[channel] = built
    return found


def fault_of(settings: Settings, channel: str) -> str | None:
    """Why the settings of ``channel`` can't be used; ``None``: they can, or there are none."""
    fields = _FIELDS[channel](settings)
    if fields is None:
        return None
    try:
        _build(channel, fields)
    except (ValueError, OSError) as error:
        return str(error)
    return None


def _built(channel: str, fields: dict[str, Any] | None) -> Notifier:
    if fields is None:
        return Unconfigured(channel)
    try:
        return _build(channel, fields)
    except (ValueError, OSError) as error:
        log.warning("provider.settings_unusable", channel=channel, error=str(error))
        return Unconfigured(channel, f"channel_misconfigured: {error}")


def _build(channel: str, fields: dict[str, Any]) -> Notifier:
    entry = CATALOG[channel]
    return entry.build(entry.config(**fields))


def _push(settings: Settings) -> dict[str, Any] | None:
    fcm = settings.fcm
    if fcm.project_id is None:
        return None
    return {
        "project_id": fcm.project_id,
        "credentials_file": str(fcm.credentials_file) if fcm.credentials_file else None,
        "base_url": fcm.base_url,
        "connections": settings.delivery.threads,
    }


def _sms(settings: Settings) -> dict[str, Any] | None:
    return _twilio(settings.twilio, settings)


def _twilio(twilio: Twilio, settings: Settings) -> dict[str, Any] | None:
    if twilio.account_sid is None:
        return None
    return {
        "account_sid": twilio.account_sid,
        "auth_token": _plain(twilio.auth_token) or "",
        "from_": twilio.from_,
        "messaging_service_sid": twilio.messaging_service_sid,
        "base_url": twilio.base_url,
        "connections": settings.delivery.threads,
    }


def _email(settings: Settings) -> dict[str, Any] | None:
    return _mail_server(settings.smtp, settings)


def _mail_server(server: MailServer, settings: Settings) -> dict[str, Any] | None:
    if server.host is None:
        return None
    return {
        "host": server.host,
        "port": server.port,
        # A stand-in takes mail from anybody, and in the clear: no place for a password.
        "username": None if settings.sandbox else server.username,
        "password": None if settings.sandbox else _plain(server.password),
        "tls": server.tls,
        "starttls": server.starttls,
        "ca_file": str(server.ca_file) if server.ca_file else None,
        "helo_name": server.helo_name,
        "from_": server.from_ or settings.smtp.from_ or "",
        "connections": settings.delivery.threads,
    }


def _webhook(settings: Settings) -> dict[str, Any] | None:
    webhook = settings.webhook
    if webhook.secret is None:
        return None
    return {
        "secret": webhook.secret.get_secret_value(),
        "previous_secret": _plain(webhook.previous_secret),
        "allow_http": webhook.allow_http,
        "allow_loopback": settings.sandbox and webhook.allow_loopback,
        "ca_file": str(webhook.ca_file) if webhook.ca_file else None,
        "connections": settings.delivery.threads,
    }


def _webpush(settings: Settings) -> dict[str, Any] | None:
    webpush = settings.webpush
    if webpush.private_key is None:
        return None
    return {
        "private_key": webpush.private_key.get_secret_value(),
        "subject": webpush.subject or "",
        "allow_loopback": settings.sandbox and webpush.allow_loopback,
        "connections": settings.delivery.threads,
    }


def _inbox(_: Settings) -> dict[str, Any] | None:
    return {}


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


_FIELDS: Final[Mapping[str, Callable[[Settings], dict[str, Any] | None]]] = {
    "push": _push,
    "sms": _sms,
    "email": _email,
    "webhook": _webhook,
    "webpush": _webpush,
    "inbox": _inbox,
}
