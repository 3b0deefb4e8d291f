from __future__ import annotations

from notifiers.inbox.config import InboxConfig
from notifiers.inbox.notifier import InboxNotifier
from notifiers.outcome import Accepted, NotSent, Outgoing


def test_it_sends_again_what_was_not_recorded() -> None:
    notifier = InboxNotifier(InboxConfig())
    message = Outgoing("m1", "aiko", "Title", "Text")
    assert notifier.settle(message, 0) == NotSent()
    assert notifier.send(message) == Accepted("m1", delivered=True)
    notifier.close()
