"""What the push channel needs to know."""

from __future__ import annotations

import msgspec

from notifiers.attempt import DEADLINE_S


class PushConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One Firebase project.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    project_id: str
    credentials_file: str | None = None
    """A service account's JSON; without it, Google's application default credentials."""
    base_url: str | None = None
    """Another endpoint than Google's, such as the sandbox: ``http://127.0.0.1:9099``. No credentials are used there."""
    default_ttl_s: int = 24 * 3600
    """For messages that name none; FCM's own default would be 28 days."""
    deadline_s: float = DEADLINE_S
    connections: int = 32
    """Connections kept alive; as many as there are sending threads."""

    def __post_init__(self) -> None:
        if not self.project_id:
            raise ValueError("fcm.project_id is empty: set the Firebase project's id")
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise ValueError("fcm.base_url must begin with http:// or https://")
        if self.deadline_s <= 0:
            raise ValueError("fcm.deadline_s must be more than 0")
