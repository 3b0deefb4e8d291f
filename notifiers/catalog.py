"""The channels. Adding one is its folder and one line here.

Configurations are light; an SDK is imported only when its notifier is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from notifiers.email.config import EmailConfig
from notifiers.inbox.config import InboxConfig
from notifiers.outcome import Notifier
from notifiers.push.config import PushConfig
from notifiers.sms.config import SmsConfig
from notifiers.webhook.config import WebhookConfig
from notifiers.webpush.config import WebPushConfig

Config = PushConfig | SmsConfig | EmailConfig | WebhookConfig | InboxConfig | WebPushConfig


class Channel(NamedTuple):
    """One way to reach a person."""

    channel: str
    provider: str
    config: type[Config]
    build: Callable[[Any], Notifier]
    """Takes an instance of ``config``; may raise ``ValueError`` or ``OSError`` for a configuration that cannot work."""


def push_notifier(config: PushConfig) -> Notifier:
    """Push by FCM."""
    from notifiers.push.notifier import PushNotifier

    return PushNotifier(config)


def sms_notifier(config: SmsConfig) -> Notifier:
    """SMS by Twilio."""
    from notifiers.sms.notifier import SmsNotifier

    return SmsNotifier(config)


def email_notifier(config: EmailConfig) -> Notifier:
    """Mail by SMTP."""
    from notifiers.email.notifier import EmailNotifier

    return EmailNotifier(config)


def webhook_notifier(config: WebhookConfig) -> Notifier:
    """A signed call of the customer's own endpoint."""
    from notifiers.webhook.notifier import WebhookNotifier

    return WebhookNotifier(config)


def webpush_notifier(config: WebPushConfig) -> Notifier:
    """A push to a browser."""
    from notifiers.webpush.notifier import WebPushNotifier

    return WebPushNotifier(config)


def inbox_notifier(config: InboxConfig) -> Notifier:
    """The inbox of the customer's own app."""
    from notifiers.inbox.notifier import InboxNotifier

    return InboxNotifier(config)


CATALOG: dict[str, Channel] = {
    "push": Channel("push", "fcm", PushConfig, push_notifier),
    "sms": Channel("sms", "twilio", SmsConfig, sms_notifier),
    "email": Channel("email", "smtp", EmailConfig, email_notifier),
    "webhook": Channel("webhook", "webhook", WebhookConfig, webhook_notifier),
    "webpush": Channel("webpush", "webpush", WebPushConfig, webpush_notifier),
    "inbox": Channel("inbox", "inbox", InboxConfig, inbox_notifier),
}
"""Channel name to how it is built, in the order in which people are usually reached."""
