"""The data folder: made, looked at, and held by one Kizashi at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import time
from pathlib import Path
from types import TracebackType

from gateway.embedded.errors import EmbeddedError

_LOCK_NAME = "lock"
_RETRY_SECONDS = (0.02, 0.05, 0.1)
_PRIVATE = 0o700
_TRAVERSABLE = 0o711
"""For root: PostgreSQL runs as another account and must reach its own folder; each thing inside is closed by itself."""


class DataDir:
    """A folder of our own, with the lock that goes with it.

    ``lock`` makes the folder and takes the lock, ``unlock`` gives it back; the operating system gives it back too when
    the process dies in any other way.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock_fd: int | None = None

    @property
    def run(self) -> Path:
        """What describes the running processes; worthless once they are gone."""
        return self.path / "run"

    @property
    def log(self) -> Path:
        """The children's own output."""
        return self.path / "log"

    @property
    def locked(self) -> bool:
        """Whether it is ours at this moment."""
        return self._lock_fd is not None

    def lock(self) -> None:
        """Make the folder if needed, check that it can be written, and take it for this process.

        Raises:
            EmbeddedError: in use, not a folder, no permission, read-only or full: one line each.
        """
        try:
            self._make()
            self._probe()
            for folder in (self.run, self.log):
                folder.mkdir(mode=_PRIVATE, exist_ok=True)
            self._take()
        except (FileExistsError, NotADirectoryError) as error:
            raise EmbeddedError(
                f"data folder {self.path} can't be used: {error.filename} is not a folder; set data_dir elsewhere"
            ) from error
        except OSError as error:
            raise EmbeddedError(
                f"data folder {self.path} can't be written ({error.strerror}); mend its permissions or set data_dir"
            ) from error

    def unlock(self) -> None:
        """Give the folder back. Does nothing when it is not held."""
        if self._lock_fd is not None:
            os.ftruncate(self._lock_fd, 0)
            os.close(self._lock_fd)
            self._lock_fd = None

    def __enter__(self) -> DataDir:
        self.lock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def _make(self) -> None:
        if self.path.is_dir():
            return
        self.path.mkdir(mode=_PRIVATE, parents=True)
        if os.geteuid() == 0:
            self.path.chmod(_TRAVERSABLE)  # whatever the umask says

    def _probe(self) -> None:
        """Write one small file: permission bits alone say little (root, read-only mounts, full disks)."""
        probe = self.path / f".probe-{secrets.token_hex(4)}"
        try:
            probe.write_bytes(b"x")
        finally:
            probe.unlink(missing_ok=True)

    def _take(self) -> None:
        # Python's files are not inherited across exec, so the lock dies with this process and not with a child.
        fd = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR)
        if not _flock(fd):
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
            os.close(fd)
            raise EmbeddedError(
                f"data folder {self.path} is in use by another Kizashi (pid {holder or 'unknown'}); "
                "stop it or set data_dir"
            )
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd


def _flock(fd: int) -> bool:
    """Take the lock; a few tries, since ``holder`` too holds it for an instant."""
    for wait in (*_RETRY_SECONDS, None):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if wait is None:
                return False
            time.sleep(wait)
        else:
            return True
    return False


def holder(path: Path) -> int | None:
    """The pid of the process that holds the data folder ``path`` at this moment, or None."""
    try:
        fd = os.open(path / _LOCK_NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(fd, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else None
    else:
        return None
    finally:
        os.close(fd)
