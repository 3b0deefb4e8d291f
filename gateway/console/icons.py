"""The console's icons: strokes on a 24 by 24 grid, drawn for it."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

# Paths are data: breaking them in the middle would not make them easier to read.
# ruff: noqa: E501

_PATHS: Final[dict[str, str]] = {
    "overview": '<path d="M4 13h4l2-7 4 12 2-5h4"/>',
    "customers": '<circle cx="9" cy="8" r="3.2"/><path d="M3 19c.6-3.4 2.9-5 6-5s5.4 1.6 6 5M15.5 5.2a3 3 0 0 1 0 5.6M17.5 14.4c2 .7 3.1 2.2 3.5 4.6"/>',
    "alerts": '<path d="M10 18.5h4M6.5 15.5h11c-1.3-1.5-1.5-3-1.5-5a4 4 0 0 0-8 0c0 2-.2 3.5-1.5 5zM3.5 9.5a8 8 0 0 1 2-4M20.5 9.5a8 8 0 0 0-2-4"/>',
    "rules": '<path d="M5 6h6M5 12h4M5 18h6M14.5 8.5L18 12l-3.5 3.5M18 12h-5"/>',
    "cases": '<path d="M4 8.5h16v10.5H4zM9 8.5V5.5h6v3M4 13h16"/>',
    "messages": '<path d="M20 4L10.5 13.5M20 4l-6 16-3.5-6.5L4 10z"/>',
    "templates": '<path d="M5 5.5h14v13H5zM8 9.5h8M8 12.5h8M8 15.5h4"/>',
    "rejected": '<circle cx="12" cy="12" r="8"/><path d="M6.5 6.5l11 11"/>',
    "event": '<circle cx="12" cy="12" r="3.5"/><path d="M12 4v2M12 18v2M4 12h2M18 12h2"/>',
    "status": '<path d="M5 17a10 10 0 0 1 14 0M8 13.5a6 6 0 0 1 8 0"/><circle cx="12" cy="17.5" r="1"/>',
    "alert": '<path d="M12 4.5l8.5 14.5h-17zM12 10v4"/><path d="M12 16.6v.2"/>',
    "resolved": '<circle cx="12" cy="12" r="8"/><path d="M8.5 12.2l2.5 2.5 4.6-5"/>',
    "decision": '<path d="M12 4v5M12 9l-6 5v5M12 9l6 5v5"/><circle cx="12" cy="9" r="1.2"/>',
    "suppression": '<path d="M10 18.5h4M6.5 15.5h11c-1.3-1.5-1.5-3-1.5-5a4 4 0 0 0-6.5-3.1M8 10.5c0 2-.2 3.5-1.5 5M4.5 4.5l15 15"/>',
    "push": '<path d="M10 18.5h4M6.5 15.5h11c-1.3-1.5-1.5-3-1.5-5a4 4 0 0 0-8 0c0 2-.2 3.5-1.5 5z"/>',
    "webpush": '<path d="M4 5.5h16v13.5H4zM4 8.5h16M10.8 17h2.4M8.5 15.5h7c-.9-.9-.9-1.8-.9-2.7a2.6 2.6 0 0 0-5.2 0c0 .9 0 1.8-.9 2.7z"/>',
    "sms": '<path d="M4.5 5.5h15v10h-8l-4 3.5v-3.5h-3z"/>',
    "email": '<path d="M4 6.5h16v11H4zM4.5 7l7.5 6 7.5-6"/>',
    "webhook": '<path d="M9 8.5a4 4 0 1 1 5.5 3.7l-2 3.8M12 8.5l-3.5 6M15 18a4 4 0 1 0 .5-6M8 17.5h8"/>',
    "inbox": '<path d="M4 13.5L6.5 5.5h11L20 13.5v5H4zM4 13.5h4.5l1.5 2h4l1.5-2H20"/>',
    "message": '<path d="M20 4L10.5 13.5M20 4l-6 16-3.5-6.5L4 10z"/>',
    "receipt": '<path d="M3.5 12.5l4 4 8-9M11 15l1.5 1.5 8-9"/>',
    "reply": '<path d="M10 6L4.5 11.5 10 17M5 11.5h8c4 0 6 2 6.5 6"/>',
    "case": '<path d="M4 8.5h16v10.5H4zM9 8.5V5.5h6v3"/>',
    "order": '<path d="M5 8h14l-1 11.5H6zM9 8a3 3 0 0 1 6 0"/>',
    "call": '<path d="M6 4.5h3l1.5 4-2 1.5a11 11 0 0 0 5.5 5.5l1.5-2 4 1.5v3c0 1-.8 1.5-1.5 1.5C11 19 5 13 4.5 6c0-.8.5-1.5 1.5-1.5z"/>',
    "visit": '<path d="M12 20c-4-4.2-6-7.2-6-10a6 6 0 0 1 12 0c0 2.8-2 5.8-6 10z"/><circle cx="12" cy="10" r="2"/>',
    "note": '<path d="M6 4.5h9l3.5 3.5v11.5H6zM9 11h6M9 14.5h4"/>',
    "search": '<circle cx="11" cy="11" r="6"/><path d="M15.5 15.5L20 20"/>',
    "theme": '<circle cx="12" cy="12" r="7.5"/><path d="M12 4.5v15a7.5 7.5 0 0 0 0-15z" fill="currentColor"/>',
    "leave": '<path d="M10 5H5v14h5M14 8l4 4-4 4M18 12H9"/>',
    "back": '<path d="M14 6l-6 6 6 6"/>',
    "next": '<path d="M10 6l6 6-6 6"/>',
}


def icon(name: str) -> Markup:
    """The icon of that name; a dot where there is none."""
    paths = _PATHS.get(name, '<circle cx="12" cy="12" r="2"/>')
    return Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(Markup(paths))  # noqa: S704 - our own text, from above
