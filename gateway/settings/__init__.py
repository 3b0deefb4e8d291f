"""Settings: ``kizashi.toml``, overridden by ``KIZASHI_SECTION__NAME``; secrets also by ``KIZASHI_SECTION__NAME_FILE``.

Each field is documented in docs/reference/settings.md; a test keeps the two in step.
"""

from __future__ import annotations

from gateway.settings.policy import Digest, FrequencyCap, Policy
from gateway.settings.providers import BounceImap, Fcm, MailServer, Operations, Smtp, Twilio, Webhook, WebPush
from gateway.settings.reading import load
from gateway.settings.retention import Retention
from gateway.settings.secret_files import PREFIX, SettingsError, secrets_from_files
from gateway.settings.stack import Api, Database, Delivery, Http, Influx, Log, Mqtt, Rules, Templates, Worker
from gateway.settings.tree import CONFIG_FILE, Settings
from gateway.settings.values import NEVER, milliseconds

__all__ = [
    "CONFIG_FILE",
    "NEVER",
    "PREFIX",
    "Api",
    "BounceImap",
    "Database",
    "Delivery",
    "Digest",
    "Fcm",
    "FrequencyCap",
    "Http",
    "Influx",
    "Log",
    "MailServer",
    "Mqtt",
    "Operations",
    "Policy",
    "Retention",
    "Rules",
    "Settings",
    "SettingsError",
    "Smtp",
    "Templates",
    "Twilio",
    "WebPush",
    "Webhook",
    "Worker",
    "load",
    "milliseconds",
    "secrets_from_files",
]
