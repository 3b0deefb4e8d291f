"""A templates.dir of one's own, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from notifiers.templates import Templates
from notifiers.templates.samples import FULL

CONTEXT: dict[str, Any] = {**FULL, "values": {"temperature": 9.4, "setpoint": 4.0, "door": "open"}}
JAPANESE: dict[str, Any] = {
    **CONTEXT,
    "customer": {"name": "佐藤花子", "locale": "ja-JP", "time_zone": "Asia/Tokyo"},
    "device": {"id": "chiller-7", "model": "chiller-x200", "name": "冷蔵ショーケース7"},
    "store": {"id": "shibuya", "name": "渋谷旗艦店"},
    "rule": {"id": "r", "summary": "本日限り、フィルター全品10％オフ"},
}


def folder(root: Path, files: dict[str, str]) -> Path:
    """Write ``files`` (name to text) below ``root``."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def custom(root: Path, text: str, file: str = "own/push.en.j2") -> Templates:
    """The templates with one file more."""
    return Templates.load(folder(root, {file: text}))


def pushed(root: Path, text: str, **context: Any) -> str:
    """What the push template ``text`` says, without its title."""
    return custom(root, f"title\n{text}").render("own", "push", "en", {**CONTEXT, **context}).text
