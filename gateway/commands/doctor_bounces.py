"""Whether mail that comes back is heard: the domain it comes back to, and the mailbox that is looked into."""

from __future__ import annotations

from gateway.settings import Settings


def judge(settings: Settings) -> tuple[bool | None, str]:
    """Whether it is in order (``None``: nothing to judge), and what to say. A mailbox is logged in to."""
    from gateway.delivery.mailbox import Mailbox, MailboxError

    domain, imap = settings.smtp.bounce_domain, settings.smtp.bounce_imap
    if domain is None and imap.host is None:
        return None, "not heard: set smtp.bounce_domain"
    if domain is None:
        return False, "smtp.bounce_imap is looked into, but nothing comes back there: set smtp.bounce_domain too"
    if imap.host is None:
        return (
            None,
            f"come back to bounce+…@{domain}: hand each to `kizashi bounces read`, or set smtp.bounce_imap.host",
        )
    try:
        Mailbox(imap, lambda _mail: None).try_it()
    except (MailboxError, ValueError) as error:
        return False, str(error)
    return True, f"come back to bounce+…@{domain}, read from the mailbox of {imap.username} at {imap.host}"
