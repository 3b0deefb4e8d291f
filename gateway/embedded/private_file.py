"""Writing a file that others must never see half-written, nor at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_OWNER_ONLY = 0o600


def write_private(path: Path, text: str, *, owner: tuple[int, int] | None = None) -> None:
    """Replace ``path`` by ``text`` in one step, mode 0600.

    The new file is made beside the old one and renamed over it, so a link that somebody put in its place is replaced
    and not followed.

    Args:
        path: the file.
        text: what it shall hold, UTF-8.
        owner: uid and gid that the file is given to (root only).

    Raises:
        OSError: the folder can't be written.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _OWNER_ONLY)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
