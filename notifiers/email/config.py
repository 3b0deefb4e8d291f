"""What the email channel needs to know."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from notifiers.attempt import DEADLINE_S

IMPLICIT_PORT: Final = 465
SUBMISSION_PORT: Final = 587
CLEAR_PORTS: Final = frozenset({25, SUBMISSION_PORT})
_HELO: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class EmailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One mail server to submit to.

    Raises:
        ValueError: a setting cannot work; the text names it and the mend.
    """

    host: str
    port: int | None = None
    """``None``: 465 where TLS begins with the first byte, else 587."""
    username: str | None = None
    password: str | None = None
    tls: bool | None = None
    """TLS from the first byte (RFC 8314 section 3.3); ``None``: on port 465."""
    starttls: bool | None = None
    """TLS demanded after the greeting (RFC 3207); ``None``: unless it begins with the first byte."""
    from_: str
    """The sender, ``name@example.com`` or ``Name <name@example.com>``."""
    ca_file: str | None = None
    """Trust this certificate authority instead of the system's."""
    helo_name: str | None = None
    """What we call ourselves to the server; ``None``: the machine's full name, else its address."""
    deadline_s: float = DEADLINE_S
    connections: int = 16
    """Connections kept open between messages."""

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("smtp.host is empty: set the mail server's name")
        if "@" not in self.from_ or not self.from_.isprintable():
            raise ValueError("smtp.from must be a mailbox, such as alerts@example.com")
        self._refuse_contradictions()
        if bool(self.username) != bool(self.password):
            raise ValueError("smtp.username and smtp.password come together: set both or neither")
        if self.username and not self.encrypted:
            raise ValueError(
                "smtp.username without smtp.starttls or smtp.tls would send the password in the clear: set one of them"
            )
        if self.helo_name is not None and not _HELO.fullmatch(self.helo_name):
            raise ValueError("smtp.helo_name must be a host's full name, such as notify.example.com")
        if self.deadline_s <= 0:
            raise ValueError("smtp.deadline_s must be more than 0")

    @property
    def from_the_first_byte(self) -> bool:
        """Whether the server speaks TLS before it greets."""
        return self.port == IMPLICIT_PORT if self.tls is None else self.tls

    @property
    def upgraded(self) -> bool:
        """Whether STARTTLS is demanded."""
        return not self.from_the_first_byte if self.starttls is None else self.starttls

    @property
    def encrypted(self) -> bool:
        """Whether nothing but greetings ever travels in the clear."""
        return self.from_the_first_byte or self.upgraded

    @property
    def number(self) -> int:
        """The port to connect to."""
        return self.port or (IMPLICIT_PORT if self.from_the_first_byte else SUBMISSION_PORT)

    def _refuse_contradictions(self) -> None:
        if self.tls and self.starttls:
            raise ValueError(
                "smtp.tls and smtp.starttls exclude each other, for TLS begins with the first byte or after STARTTLS: "
                "set smtp.tls alone for port 465, or smtp.starttls alone for port 587"
            )
        if self.port == IMPLICIT_PORT and (self.tls is False or self.starttls):
            raise ValueError(
                "smtp.port 465 speaks TLS from the first byte: leave out smtp.tls and smtp.starttls, "
                "or set smtp.port = 587 for STARTTLS"
            )
        if self.tls and self.port in CLEAR_PORTS:
            raise ValueError(
                f"smtp.port {self.port} begins in the clear, so smtp.tls cannot be true there: leave smtp.port out "
                "(465), or leave smtp.tls out and smtp.starttls is used"
            )

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"EmailConfig(host={self.host!r}, port={self.number!r}, from_={self.from_!r})"
