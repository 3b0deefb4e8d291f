"""The public URLs that leave with messages, and the proof in each that we made it.

A token is ``payload.signature``, both base64url: HMAC-SHA256 under a secret that lives in the database, so links in
old mails keep working over restarts and from every process. Each use signs under its own label: a token made for one
purpose is worth nothing for another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

import msgspec

SECRET = "links"  # noqa: S105 - the secret's name in storage.secrets, not the secret
BOUNCE = "bounce"
"""The local part before the ``+``: the one mailbox that receives what comes back."""
CLICK_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
"""128 bits in base64url."""
_MAC_BYTES = 16
_BOUNCE_BYTES = 10
"""80 bits: 16 letters, all that a local part leaves beside the message's id."""
_MAX_TOKEN = 2_000


class LinkError(ValueError):
    """The token is not one that we made."""


class Unsubscribe(msgspec.Struct, frozen=True, array_like=True):
    """What an unsubscribe link stops: one purpose on one channel, for one customer."""

    customer_id: str
    purpose: str
    channel: str


class Links:
    """Builds and reads the links of one deployment."""

    def __init__(self, public_url: str, secret: str, bounce_domain: str | None = None) -> None:
        """Keep what links are made of.

        Args:
            public_url: how the outside reaches us, such as ``https://example.com``.
            secret: any length.
            bounce_domain: mail to ``bounce+…@`` it comes back to us; ``None``: to the sender's own mailbox.
        """
        self.public_url = public_url.rstrip("/")
        self._secret = secret.encode()
        self._bounce_domain = bounce_domain

    def sms_status(self, message_id: str) -> str:
        """Where Twilio reports what became of a message; Twilio signs the call itself."""
        return f"{self.public_url}/hooks/twilio/status/{message_id}"

    def push_ack(self, message_id: str) -> str:
        """Where the app acknowledges a message; only its receiver has this URL."""
        return f"{self.public_url}/hooks/push/{message_id}?token={self.ack_token(message_id)}"

    def ack_token(self, message_id: str) -> str:
        """The proof that the message was received."""
        return _base64(self._mac("ack", message_id.encode()))

    def is_ack_token(self, message_id: str, token: str) -> bool:
        """Whether ``token`` belongs to this message; in constant time."""
        return hmac.compare_digest(self.ack_token(message_id).encode(), token.encode(errors="replace"))

    def click(self, message_id: str) -> str:
        """The short address in a message; ``storage.links`` knows where it leads."""
        return f"{self.public_url}/c/{self.click_token(message_id)}"

    def click_token(self, message_id: str) -> str:
        """128 bits that nobody else can make, always the same for one message."""
        return _base64(self._mac("click", message_id.encode()))

    def bounce_address(self, message_id: str) -> str | None:
        """The envelope sender of a mail: what comes back to it names the message (VERP).

        Lower case throughout, since some mail servers fold it, and at most 64 characters before the ``@`` (RFC 5321).
        """
        if self._bounce_domain is None:
            return None
        return f"{BOUNCE}+{message_id}.{self._bounce_proof(message_id)}@{self._bounce_domain}"

    def read_bounce_address(self, address: str) -> str:
        """The message to whose envelope sender something came back.

        Raises:
            LinkError: the address is not one that we made.
        """
        local, _, domain = address.strip().lower().rpartition("@")
        label, _, token = local.partition("+")
        message_id, _, proof = token.rpartition(".")
        ours = label == BOUNCE and self._bounce_domain is not None and domain == self._bounce_domain.lower()
        if not ours or not hmac.compare_digest(self._bounce_proof(message_id).encode(), proof.encode(errors="replace")):
            raise LinkError("the address is not one of ours")
        return message_id

    def _bounce_proof(self, message_id: str) -> str:
        return (
            base64.b32encode(self._mac("bounce", message_id.encode(errors="replace"))[:_BOUNCE_BYTES]).decode().lower()
        )

    def unsubscribe(self, what: Unsubscribe) -> str:
        """The page, and the address of the one-click POST (RFC 8058)."""
        payload = msgspec.json.encode(what)
        return f"{self.public_url}/u/{_base64(payload)}.{_base64(self._mac('unsubscribe', payload))}"

    def read_unsubscribe(self, token: str) -> Unsubscribe:
        """What the token of an unsubscribe link stands for.

        Raises:
            LinkError: it was not made by us, or was altered.
        """
        payload, _, signature = token.partition(".")
        try:
            if len(token) > _MAX_TOKEN:
                raise LinkError("the link is longer than any of ours")
            content = _unbase64(payload)
            if not hmac.compare_digest(self._mac("unsubscribe", content), _unbase64(signature)):
                raise LinkError("the link's signature is not ours")
            return msgspec.json.decode(content, type=Unsubscribe)
        except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError) as error:
            raise LinkError("the link is not one of ours") from error

    def _mac(self, label: str, content: bytes) -> bytes:
        return hmac.new(self._secret, label.encode() + b"\x1f" + content, hashlib.sha256).digest()[:_MAC_BYTES]


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
