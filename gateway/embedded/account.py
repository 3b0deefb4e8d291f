"""Who runs PostgreSQL: it refuses to be root, so root needs somebody else for it (docs/decisions/0002)."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

from gateway.embedded.child import Account
from gateway.embedded.errors import EmbeddedError

UNPRIVILEGED = "nobody"
_CAP_DAC_READ_SEARCH = 2
_CAP_SETGID = 6
_CAP_SETUID = 7
_CAP_SETPCAP = 8


def postgres_account(must_reach: list[Path]) -> Account | None:
    """The account for PostgreSQL: None for the one that we are, another one when we are root.

    Args:
        must_reach: a program to run and the folder that holds the data, which that account must be able to get to.

    Raises:
        EmbeddedError: there is no such account, or it could not reach its files by any means that we have.
    """
    if os.geteuid() != 0:
        _check_has_name()
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root and there is no account {UNPRIVILEGED}; "
            "run Kizashi as an ordinary account"
        ) from error
    closed = [place for path in must_reach if (place := first_closed(path)) is not None]
    if closed and not _may_give_search():
        raise EmbeddedError(
            f"PostgreSQL runs as {UNPRIVILEGED}, which can't look into {closed[0]}; "
            f"allow it with chmod o+x {closed[0]}, or run Kizashi as an ordinary account"
        )
    for path in must_reach:
        if path.is_file() and not path.stat().st_mode & stat.S_IXOTH:
            raise EmbeddedError(f"PostgreSQL runs as {UNPRIVILEGED}, which may not run {path}; allow it with chmod o+x")
    return Account(entry.pw_uid, entry.pw_gid, see_all=bool(closed))


def first_closed(path: Path) -> Path | None:
    """The topmost place on the way to ``path`` that is closed to an account without any rights there, or None."""
    real = path.resolve()
    for place in reversed([real, *real.parents]):
        mode = place.stat().st_mode
        wanted = stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if not mode & wanted:
            return place
    return None


def _may_give_search() -> bool:
    """Whether we may hand on the right to look into closed folders; inside containers root often may not."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False  # no Linux, no capabilities
    held = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    return all(held >> wanted & 1 for wanted in (_CAP_DAC_READ_SEARCH, _CAP_SETGID, _CAP_SETUID, _CAP_SETPCAP))


def _check_has_name() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise EmbeddedError(
            f"PostgreSQL needs an account with a name, and uid {os.geteuid()} has none here; add it to /etc/passwd, or "
            "set database.url to a server of your own"
        ) from error
