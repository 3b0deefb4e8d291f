"""Tells the operations team, by every channel that it named."""

from __future__ import annotations

import logging
import threading
import time

import apprise

# Imported for what it keeps out of urllib3's log as well.
from notifiers import http_session  # noqa: F401
from notifiers.operations.config import SERVICE_SECONDS, OperationsConfig

# Apprise logs the URLs that it calls, and those hold tokens and passwords.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class OperationsChannel:
    """All of the team's channels as one. Import this module only where it is used: apprise is heavy."""

    def __init__(self, config: OperationsConfig) -> None:
        """Read the URLs; nothing is called yet.

        Raises:
            ValueError: one of them is not understood; it is named by its place, never shown.
        """
        self._rooms = [_Room(place, url) for place, url in enumerate(config.urls, start=1)]

    def tell(self, title: str, text: str, *, good_news: bool) -> bool:
        """Send once to each channel; true where at least one of them took it. Raises nothing for what they do."""
        kind = apprise.NotifyType.SUCCESS if good_news else apprise.NotifyType.WARNING
        begun = [room for room in self._rooms if room.begin(title, text, kind)]
        end = time.monotonic() + SERVICE_SECONDS
        answers = [room.took_it(end) for room in begun]
        return any(answers)


class _Room:
    """One of the channels.

    Apprise's requests have no deadline as a whole, so a room that answers a byte a second holds a thread. It is one of
    our own, which does not keep the process from ending (apprise's would), and until it is back the room gets no more.
    """

    def __init__(self, place: int, url: str) -> None:
        asset = apprise.AppriseAsset(
            app_id="Kizashi",
            app_desc="Kizashi",
            storage_mode=apprise.PersistentStoreMode.MEMORY,
            service_timeout=0,  # else apprise would use threads that a process waits for at its end
        )
        self._place = place
        self._service = apprise.Apprise(asset=asset)
        if not self._service.add(url):
            raise ValueError(f"operations.urls: number {place} is not a URL that apprise understands")
        self._thread: threading.Thread | None = None
        self._took_it = False

    def begin(self, title: str, text: str, kind: apprise.NotifyType) -> bool:
        """Send; false where the room has not let go of the message before."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._took_it = False
        name = f"operations-{self._place}"
        self._thread = threading.Thread(target=self._tell, args=(title, text, kind), name=name, daemon=True)
        self._thread.start()
        return True

    def took_it(self, end: float) -> bool:
        """Wait until ``end`` (monotonic seconds) for the room to take what was begun."""
        if self._thread is not None:
            self._thread.join(max(0.0, end - time.monotonic()))
        return self._took_it

    def _tell(self, title: str, text: str, kind: apprise.NotifyType) -> None:
        self._took_it = bool(self._service.notify(body=text, title=title, notify_type=kind))
