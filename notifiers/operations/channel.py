"""Tells the operations team, by every channel that it named."""

from __future__ import annotations

import logging

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
        asset = apprise.AppriseAsset(
            app_id="Kizashi",
            app_desc="Kizashi",
            storage_mode=apprise.PersistentStoreMode.MEMORY,
            service_timeout=SERVICE_SECONDS,
        )
        self._services = apprise.Apprise(asset=asset)
        for place, url in enumerate(config.urls, start=1):
            if not self._services.add(url):
                raise ValueError(f"operations.urls: number {place} is not a URL that apprise understands")

    def tell(self, title: str, text: str, *, good_news: bool) -> bool:
        """Send once to each channel; true where at least one of them took it. Raises nothing for what they do."""
        kind = apprise.NotifyType.SUCCESS if good_news else apprise.NotifyType.WARNING
        answers = self._services.notify(body=text, title=title, notify_type=kind)
        return any(bool(each) for each in answers)
