"""What the SMS channel needs to know."""

from __future__ import annotations

import msgspec

from notifiers.attempt import DEADLINE_S


class SmsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One Twilio account and its sender.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    account_sid: str
    auth_token: str
    from_: str | None = None
    """The sending number (E.164) or sender name; or use a messaging service."""
    messaging_service_sid: str | None = None
    base_url: str | None = None
    """Another endpoint than Twilio's, such as the sandbox: ``http://127.0.0.1:9099``."""
    deadline_s: float = DEADLINE_S
    connections: int = 32
    """Connections kept alive; as many as there are sending threads."""

    def __post_init__(self) -> None:
        if not self.account_sid or not self.auth_token:
            raise ValueError("twilio.account_sid and twilio.auth_token are both needed: set the one that is empty")
        if bool(self.from_) == bool(self.messaging_service_sid):
            raise ValueError("set one of twilio.from and twilio.messaging_service_sid, not both and not neither")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ValueError("twilio.base_url must begin with http:// or https://")
        if self.deadline_s <= 0:
            raise ValueError("twilio.deadline_s must be more than 0")

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"SmsConfig(account_sid={self.account_sid!r}, base_url={self.base_url!r})"
