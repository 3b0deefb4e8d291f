"""The inbox of a customer's app."""

from __future__ import annotations

from gateway.api.shapes.plain import Shape, Utc


class InboxItem(Shape):
    """One message. `read_at` is null where only a link in it was followed."""

    id: str
    decision_id: str
    purpose: str
    title: str
    text: str
    at: Utc
    read: bool
    read_at: Utc | None
    expires_at: Utc | None


class InboxPage(Shape):
    """Messages, newest first; `unread` counts the whole inbox."""

    items: list[InboxItem]
    next: str | None
    unread: int
