"""What the email channel needs to know."""

from __future__ import annotations

import msgspec

from notifiers.attempt import DEADLINE_S


class EmailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One mail server to submit to.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    host: str
    port: int = 587
    username: str | None = None
    password: str | None = None
    starttls: bool = True
    from_: str
    """The sender, ``name@example.com`` or ``Name <name@example.com>``."""
    ca_file: str | None = None
    """Trust this certificate authority instead of the system's."""
    deadline_s: float = DEADLINE_S
    connections: int = 16
    """Connections kept open between messages."""

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("smtp.host is empty: set the mail server's name")
        if "@" not in self.from_ or not self.from_.isprintable():
            raise ValueError("smtp.from must be a mailbox, such as alerts@example.com")
        if bool(self.username) != bool(self.password):
            raise ValueError("smtp.username and smtp.password come together: set both or neither")
        if self.username and not self.starttls:
            raise ValueError("smtp.username without smtp.starttls would send the password in the clear: set starttls")
        if self.deadline_s <= 0:
            raise ValueError("smtp.deadline_s must be more than 0")

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"EmailConfig(host={self.host!r}, port={self.port!r}, from_={self.from_!r})"
