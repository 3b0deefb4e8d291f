"""The providers' stand-ins beside a gateway whose setting ``sandbox`` is true: nothing leaves this machine."""

from __future__ import annotations

import base64
import secrets
import shlex
import sys
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx

from gateway.embedded.child import Child
from gateway.embedded.errors import EmbeddedError
from gateway.embedded.ports import LOOPBACK, free_port
from gateway.http_probe import answers
from gateway.settings import PREFIX, Settings
from notifiers.egress import is_here
from notifiers.webpush import vapid

SENDER: Final = "+815012345678"
MAIL_DOMAIN: Final = "kizashi.example"
MAIL_FROM: Final = f"Kizashi <care@{MAIL_DOMAIN}>"


_PROVIDERS: Final = frozenset({"FCM", "TWILIO", "SMTP"})


def wanted(settings: Settings) -> bool:
    """Whether to start stand-ins: not where the settings point at one for each provider already."""
    return settings.sandbox and pointed_at(settings) != _PROVIDERS


def pointed_at(settings: Settings) -> frozenset[str]:
    """The providers for which the operator has a stand-in already; a mail server is one on this machine."""
    own = {
        "FCM": settings.fcm.base_url is not None,
        "TWILIO": settings.twilio.base_url is not None,
        "SMTP": settings.smtp.host is not None and is_here(settings.smtp.host),
    }
    return frozenset(section for section, there in own.items() if there)


class Sandbox:
    """One set of stand-ins, on ports that were free a moment ago, with a secret of its own."""

    def __init__(self, public_url: str, left_alone: frozenset[str] = frozenset()) -> None:
        """Choose the ports. ``left_alone``: providers (``pointed_at``) whose messages go where the settings say.

        Raises:
            EmbeddedError: no port is free.
        """
        taken: set[int] = set()
        self._http = free_port(None, taken)
        self._smtp = free_port(None, taken)
        self._token = secrets.token_hex(16)
        self._webhook_secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._vapid_key = vapid.new_key()
        self._public_url = public_url
        self._left_alone = left_alone

    @property
    def url(self) -> str:
        """Its page: the customers' phones and mailboxes."""
        return f"http://{LOOPBACK}:{self._http}/"

    def environment(self) -> dict[str, str]:
        """The settings that send all messages there."""
        base = self.url.rstrip("/")
        settings = {
            "TWILIO__ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO__AUTH_TOKEN": self._token,
            "TWILIO__FROM": SENDER,
            "TWILIO__BASE_URL": base,
            "FCM__PROJECT_ID": "kizashi-sandbox",
            "FCM__BASE_URL": base,
            "WEBHOOK__SECRET": self._webhook_secret,
            "WEBHOOK__ALLOW_HTTP": "true",
            "WEBHOOK__ALLOW_LOOPBACK": "true",
            "WEBPUSH__PRIVATE_KEY": self._vapid_key,
            "WEBPUSH__SUBJECT": f"mailto:care@{MAIL_DOMAIN}",
            "WEBPUSH__ALLOW_LOOPBACK": "true",
            "SMTP__HOST": LOOPBACK,
            "SMTP__PORT": str(self._smtp),
            "SMTP__TLS": "false",
            "SMTP__STARTTLS": "false",
            "SMTP__FROM": MAIL_FROM,
            "SMTP__BOUNCE_DOMAIN": MAIL_DOMAIN,
        }
        return {
            PREFIX + name: value for name, value in settings.items() if name.partition("__")[0] not in self._left_alone
        }

    def introduce(self, customers: Mapping[str, Mapping[str, object]]) -> None:
        """Tell the running sandbox whose phones, numbers and mailboxes are one person's.

        Raises:
            EmbeddedError: it does not answer, or refuses.
        """
        try:
            with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as http:
                for customer_id, customer in customers.items():
                    http.put(f"sandbox/customers/{quote(customer_id, safe='')}", json=customer).raise_for_status()
        except httpx.HTTPError as error:
            raise EmbeddedError(f"the sandbox did not take in the customers: {error}") from error

    def browser(self, name: str) -> dict[str, object]:
        """The push subscription of a browser of the running sandbox; any id of a customer names one.

        Raises:
            EmbeddedError: it does not answer.
        """
        try:
            with httpx.Client(base_url=self.url, timeout=10, trust_env=False) as http:
                found: dict[str, object] = http.get(f"sandbox/webpush/{quote(name, safe='')}").raise_for_status().json()
        except httpx.HTTPError as error:
            raise EmbeddedError(f"the sandbox has no browser {name}: {error}") from error
        return found

    def child(self, env: Mapping[str, str]) -> Child:
        """How to run it, in the environment of the gateway's own roles: it runs ``kizashi bounces read``."""
        return Child(
            name="sandbox",
            env=env,
            argv=(
                *(sys.executable, "-P", "-m", "notifiers.sandbox"),
                *("--http-port", str(self._http), "--smtp-port", str(self._smtp)),
                *("--twilio-auth-token", self._token, "--callback-base", self._public_url),
                *("--bounce-command", shlex.join((sys.executable, "-P", "-m", "gateway.cli", "bounces", "read"))),
                *("--webhook-secret", self._webhook_secret),
                *("--webpush-key", vapid.public_of(vapid.key_of(self._vapid_key))),
            ),
            ready=lambda: answers(f"{self.url}sandbox/healthz"),
        )
